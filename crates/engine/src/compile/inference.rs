//! Reads the syntax tree of an expression: which fields of the source it uses, what it calls, and what kind of value it
//! gives, as far as the schema tells.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::expressions::Row;
use super::kinds::Kind;
use super::suggest::suggestion;
use crate::definitions::schema::StreamSchema;
use crate::expression::functions::{Parameter, SIGNATURES, Signature};

/// What is known of one node of the tree.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Value(Kind),
    /// Part of the source record: `source` itself (empty path) or an object inside it.
    Part(String),
}

impl Shape {
    fn kind(&self) -> Kind {
        match self {
            Self::Value(kind) => *kind,
            Self::Part(_) => Kind::Map,
        }
    }
}

/// What was found out about an expression.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Fields of the source that it uses.
    pub(super) fields: BTreeSet<String>,
    /// (rule, remedy) of each mistake.
    pub(super) mistakes: Vec<(String, String)>,
}

/// Reads a tree; gives the kind of its value and what was found.
pub(super) fn infer(root: &IdedExpr, row: Row<'_>) -> (Kind, Findings) {
    let mut reader =
        Reader { variable: row.variable.name(), schema: row.schema, bound: Vec::new(), findings: Findings::default() };
    let kind = reader.read(root).kind();
    (kind, reader.findings)
}

struct Reader<'a> {
    /// Name of the variable that stands for the row.
    variable: &'static str,
    schema: &'a StreamSchema,
    /// Variables of the comprehensions around the node.
    bound: Vec<(String, Kind)>,
    findings: Findings,
}

impl Reader<'_> {
    fn mistake(&mut self, rule: String, remedy: impl Into<String>) {
        let mistake = (rule, remedy.into());
        if !self.findings.mistakes.contains(&mistake) {
            self.findings.mistakes.push(mistake);
        }
    }

    /// Reads a node whose value is used: an object inside the record uses all fields in it.
    fn value(&mut self, node: &IdedExpr) -> Kind {
        let shape = self.read(node);
        if let Shape::Part(path) = &shape {
            let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
            let inner = self.schema.fields.keys().filter(|name| name.starts_with(&prefix)).cloned();
            self.findings.fields.extend(inner.map(|name| name.to_string()));
        }
        shape.kind()
    }

    fn read(&mut self, node: &IdedExpr) -> Shape {
        match &node.expr {
            Expr::Literal(literal) => Shape::Value(kind_of_literal(literal)),
            Expr::Ident(name) => self.identifier(name),
            Expr::Select(select) => match self.read(&select.operand) {
                Shape::Part(path) => self.field(&path, &select.field),
                Shape::Value(kind) => {
                    if !matches!(kind, Kind::Map | Kind::Unknown | Kind::Null) {
                        let rule = format!("'.{}' is asked of {kind}, which has no fields", select.field);
                        self.mistake(rule, format!("use a field of the {}", self.variable));
                    }
                    Shape::Value(Kind::Unknown)
                }
            },
            Expr::List(list) => {
                for element in &list.elements {
                    self.value(element);
                }
                Shape::Value(Kind::List)
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        self.value(&entry.key);
                        self.value(&entry.value);
                    }
                }
                Shape::Value(Kind::Map)
            }
            Expr::Struct(part) => {
                self.mistake(format!("'{}' is not a known type", part.type_name), "use text, numbers, lists or maps");
                Shape::Value(Kind::Unknown)
            }
            Expr::Comprehension(part) => Shape::Value(self.comprehension(part)),
            Expr::Call(call) => self.call(call),
            Expr::Unspecified => Shape::Value(Kind::Unknown),
        }
    }

    fn identifier(&mut self, name: &str) -> Shape {
        if let Some((_, kind)) = self.bound.iter().rev().find(|(bound, _)| bound == name) {
            return Shape::Value(*kind);
        }
        match name {
            _ if name == self.variable => Shape::Part(String::new()),
            "bool" | "int" | "uint" | "double" | "string" | "bytes" | "list" | "map" | "null_type" | "type" => {
                Shape::Value(Kind::Unknown)
            }
            _ => {
                self.mistake(
                    format!("variable '{name}' is not known"),
                    format!("write {}.{name}, or put text in quotes", self.variable),
                );
                Shape::Value(Kind::Unknown)
            }
        }
    }

    fn field(&mut self, path: &str, name: &str) -> Shape {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if let Some(field) = self.schema.fields.get(path.as_str()) {
            if let Some(text) = &field.unsupported {
                self.mistake(
                    format!("{}.{path} is not supported: {text}", self.variable),
                    "remove it from the expression",
                );
            }
            self.findings.fields.insert(path);
            return Shape::Value(Kind::of_field(field.type_));
        }
        let prefix = format!("{path}.");
        if self.schema.fields.keys().any(|name| name.starts_with(&prefix)) {
            return Shape::Part(path);
        }
        let remedy = suggestion(&path, self.schema.fields.keys());
        self.mistake(format!("the {} has no field '{path}'", self.variable), remedy);
        Shape::Value(Kind::Unknown)
    }

    fn comprehension(&mut self, part: &ComprehensionExpr) -> Kind {
        let range = self.value(&part.iter_range);
        if !matches!(range, Kind::List | Kind::Map) && !range.is_open() {
            self.mistake(format!("all, exists, map and filter need a list, not {range}"), "use them on a list");
        }
        let result = self.value(&part.accu_init);
        let depth = self.bound.len();
        self.bound.push((part.accu_var.clone(), result));
        self.bound.push((part.iter_var.clone(), Kind::Unknown));
        self.bound.extend(part.iter_var2.iter().map(|name| (name.clone(), Kind::Unknown)));
        self.value(&part.loop_cond);
        self.value(&part.loop_step);
        self.bound.truncate(depth + 1);
        let kind = self.value(&part.result);
        self.bound.truncate(depth);
        kind
    }

    fn call(&mut self, call: &CallExpr) -> Shape {
        if call.func_name == operators::INDEX {
            return self.index(call);
        }
        if let Some(kind) = self.operator(call) {
            return Shape::Value(kind);
        }
        let target = call.target.as_deref().filter(|node| !self.is_namespace(node));
        let arguments: Vec<Kind> = target.into_iter().chain(&call.args).map(|node| self.value(node)).collect();
        Shape::Value(self.function(&call.func_name, call.target.is_some(), &arguments, call))
    }

    /// `optional.of(x)`: `optional` is not a variable but part of a function's name.
    fn is_namespace(&self, node: &IdedExpr) -> bool {
        matches!(&node.expr, Expr::Ident(name) if name != self.variable && !self.bound.iter().any(|(bound, _)| bound == name))
    }

    fn index(&mut self, call: &CallExpr) -> Shape {
        let [operand, index] = call.args.as_slice() else { return Shape::Value(Kind::Unknown) };
        if let Expr::Literal(LiteralValue::String(name)) = &index.expr
            && let Shape::Part(path) = self.read(operand)
        {
            return self.field(&path, name.inner());
        }
        let kind = self.value(operand);
        self.value(index);
        if !matches!(kind, Kind::List | Kind::Map) && !kind.is_open() {
            self.mistake(format!("[…] is used on {kind}"), "use it on a list");
        }
        Shape::Value(Kind::Unknown)
    }

    /// The kind that an operator gives; None when the call is not one.
    fn operator(&mut self, call: &CallExpr) -> Option<Kind> {
        let name = call.func_name.as_str();
        let is_operator = name.starts_with(['_', '!', '-', '@']);
        if !is_operator {
            return None;
        }
        let kinds: Vec<Kind> = call.args.iter().map(|node| self.value(node)).collect();
        Some(match (name, kinds.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, kinds) => {
                for kind in kinds {
                    self.expect_bool(*kind, name);
                }
                Kind::Bool
            }
            (operators::CONDITIONAL, [condition, one, two]) => {
                self.expect_bool(*condition, name);
                one.join(*two)
            }
            (operators::EQUALS | operators::NOT_EQUALS | operators::NOT_STRICTLY_FALSE, _) => Kind::Bool,
            (operators::IN, [_, container]) => {
                if !matches!(container, Kind::List | Kind::Map) && !container.is_open() {
                    self.mistake(format!("'in' looks into {container}"), "put a list on its right side");
                }
                Kind::Bool
            }
            (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [one, two]) => {
                let numbers = |kind: &Kind| matches!(kind, Kind::Whole | Kind::Decimal);
                self.expect_pair(*one, *two, one == two || (numbers(one) && numbers(two)), name);
                Kind::Bool
            }
            (operators::NEGATE, [kind]) => *kind,
            (_, [one, two]) => self.arithmetic(*one, *two, name),
            _ => Kind::Unknown,
        })
    }

    fn arithmetic(&mut self, one: Kind, two: Kind, name: &str) -> Kind {
        let is_number = matches!(one, Kind::Whole | Kind::Decimal);
        let is_joinable = name == operators::ADD && matches!(one, Kind::Text | Kind::List);
        let is_time = matches!(one, Kind::Time | Kind::Duration) && matches!(two, Kind::Time | Kind::Duration);
        self.expect_pair(one, two, is_time || (one == two && (is_number || is_joinable)), name);
        if is_time || one.is_open() || two.is_open() { Kind::Unknown } else { one }
    }

    fn expect_bool(&mut self, kind: Kind, operator: &str) {
        if kind != Kind::Bool && !kind.is_open() {
            let rule = format!("'{}' needs true or false, not {kind}", sign(operator));
            self.mistake(rule, "compare the value, for instance with == or !=");
        }
    }

    fn expect_pair(&mut self, one: Kind, two: Kind, fits: bool, operator: &str) {
        if !fits && !one.is_open() && !two.is_open() {
            let rule = format!("'{}' does not take {one} and {two}", sign(operator));
            self.mistake(rule, "convert one side with string(), int() or double()");
        }
    }

    fn function(&mut self, name: &str, is_member: bool, arguments: &[Kind], call: &CallExpr) -> Kind {
        let named: Vec<&Signature> = SIGNATURES.iter().filter(|signature| signature.name == name).collect();
        let namespace = call.target.as_deref().and_then(|node| match &node.expr {
            Expr::Ident(name) if self.is_namespace(node) => Some(name.as_str()),
            _ => None,
        });
        if let Some(namespace) = namespace {
            self.mistake(
                format!("variable '{namespace}' is not known"),
                format!("write {}.{namespace}, or put text in quotes", self.variable),
            );
        }
        if named.is_empty() {
            let remedy = suggestion(name, SIGNATURES.iter().map(|signature| signature.name));
            self.mistake(format!("function '{name}' is not known"), remedy);
            return Kind::Unknown;
        }
        if namespace.is_some() {
            return named.first().map_or(Kind::Unknown, |signature| signature.result);
        }
        let shaped: Vec<&&Signature> =
            named.iter().filter(|signature| takes(signature, is_member, arguments.len())).collect();
        if shaped.is_empty() {
            let ways = named.iter().map(|signature| example(signature)).collect::<Vec<_>>().join(" or ");
            self.mistake(format!("function '{name}' is not called so"), format!("write {ways}"));
        } else if !shaped.iter().any(|signature| accepts(signature, arguments)) {
            let given = arguments.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
            self.mistake(
                format!("function '{name}' does not take {given}"),
                "convert the value with string() or int()",
            );
        }
        named.first().map_or(Kind::Unknown, |signature| signature.result)
    }
}

const fn kind_of_literal(literal: &LiteralValue) -> Kind {
    match literal {
        LiteralValue::Boolean(_) => Kind::Bool,
        LiteralValue::Int(_) | LiteralValue::UInt(_) => Kind::Whole,
        LiteralValue::Double(_) => Kind::Decimal,
        LiteralValue::String(_) => Kind::Text,
        LiteralValue::Null => Kind::Null,
        LiteralValue::Bytes(_) => Kind::Unknown,
    }
}

/// An operator as people write it.
fn sign(operator: &str) -> &str {
    match operator {
        operators::CONDITIONAL => "?:",
        operators::IN => "in",
        other => other.trim_matches('_'),
    }
}

/// Most values of a variadic function (the environment declares no more).
const MOST_ARGUMENTS: usize = 8;

fn takes(signature: &Signature, is_member: bool, count: usize) -> bool {
    let wanted = signature.parameters.len();
    let fits = if signature.is_variadic { (wanted..=MOST_ARGUMENTS).contains(&count) } else { wanted == count };
    signature.is_member == is_member && fits
}

fn accepts(signature: &Signature, arguments: &[Kind]) -> bool {
    arguments.iter().enumerate().all(|(index, kind)| {
        let parameter = signature.parameters.get(index).or(signature.parameters.last());
        kind.is_open()
            || match parameter {
                Some(Parameter::Text) => *kind == Kind::Text,
                Some(Parameter::Whole) => *kind == Kind::Whole,
                Some(Parameter::List) => *kind == Kind::List,
                Some(Parameter::Time) => *kind == Kind::Time,
                Some(Parameter::Sized) => matches!(kind, Kind::Text | Kind::List | Kind::Map),
                Some(Parameter::Any) | None => true,
            }
    })
}

fn example(signature: &Signature) -> String {
    let word = |parameter: &Parameter| match parameter {
        Parameter::Text => "text",
        Parameter::Whole => "number",
        Parameter::List => "list",
        Parameter::Sized | Parameter::Any => "value",
        Parameter::Time => "timestamp",
    };
    let words: Vec<&str> = signature.parameters.iter().map(word).collect();
    match (signature.is_member, words.split_first()) {
        (true, Some((on, rest))) => format!("{on}.{}({})", signature.name, rest.join(", ")),
        _ => format!("{}({}{})", signature.name, words.join(", "), if signature.is_variadic { ", …" } else { "" }),
    }
}
