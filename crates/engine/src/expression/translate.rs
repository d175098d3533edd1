//! Makes the checked tree of what the parser read.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, operators};

use super::functions::{Function, SIGNATURES, Signature};
use super::limits::{MOST_MACROS, MOST_NESTED_MACROS, MOST_PATTERNS};
use super::pattern::Pattern;
use super::syntax::{Act, Loop, Node, Operator};
use super::{Mistake, Variable};
use crate::expression::kinds::Kind;
use crate::suggest::suggestion;

/// Translates a tree; all mistakes are given, not only the first.
pub(super) fn translate(root: IdedExpr, variable: Variable) -> Result<Node, Vec<Mistake>> {
    let mut translator =
        Translator { variable: variable.name(), bound: Vec::new(), macros: 0, patterns: 0, mistakes: Vec::new() };
    let node = translator.node(root);
    if translator.mistakes.is_empty() { Ok(node) } else { Err(translator.mistakes) }
}

struct Translator {
    variable: &'static str,
    /// Variables of the macros around the node.
    bound: Vec<String>,
    macros: usize,
    patterns: usize,
    mistakes: Vec<Mistake>,
}

/// Names of types, as `type()` gives them.
const TYPES: [(&str, Kind); 8] = [
    ("bool", Kind::Bool),
    ("int", Kind::Whole),
    ("double", Kind::Decimal),
    ("string", Kind::Text),
    ("list", Kind::List),
    ("map", Kind::Map),
    ("null_type", Kind::Null),
    ("type", Kind::Type),
];

/// Macros over a list, and how they are written.
const LOOPS: [(&str, &str); 5] = [
    ("all", "list.all(x, condition)"),
    ("exists", "list.exists(x, condition)"),
    ("exists_one", "list.exists_one(x, condition)"),
    ("filter", "list.filter(x, condition)"),
    ("map", "list.map(x, new element)"),
];

impl Translator {
    /// Notes a mistake. The node that stands in its place is never evaluated.
    fn mistake(&mut self, rule: impl Into<String>, remedy: impl Into<String>) -> Node {
        let mistake = Mistake { rule: rule.into(), remedy: remedy.into() };
        if !self.mistakes.contains(&mistake) {
            self.mistakes.push(mistake);
        }
        Node::Null
    }

    fn node(&mut self, node: IdedExpr) -> Node {
        match node.expr {
            Expr::Literal(literal) => self.literal(literal),
            Expr::Ident(name) => self.identifier(&name),
            Expr::Select(select) => Node::Select(Box::new(self.node(*select.operand)), select.field.into_boxed_str()),
            Expr::List(list) => Node::List(self.nodes(list.elements)),
            Expr::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in map.entries {
                    if let EntryExpr::MapEntry(entry) = entry.expr {
                        entries.push((self.node(entry.key), self.node(entry.value)));
                    }
                }
                Node::Object(entries)
            }
            Expr::Call(call) => self.call(call),
            Expr::Struct(part) => {
                let rule = format!("'{}' is not a known type", part.type_name);
                self.mistake(rule, "use text, numbers, lists or maps")
            }
            Expr::Comprehension(_) | Expr::Unspecified => {
                self.mistake("a part of it was not understood", "write it differently")
            }
        }
    }

    fn nodes(&mut self, nodes: Vec<IdedExpr>) -> Vec<Node> {
        nodes.into_iter().map(|node| self.node(node)).collect()
    }

    fn literal(&mut self, literal: LiteralValue) -> Node {
        match literal {
            LiteralValue::Null => Node::Null,
            LiteralValue::Boolean(value) => Node::Bool(*value.inner()),
            LiteralValue::Int(number) => Node::Whole(*number.inner()),
            LiteralValue::Double(number) => Node::Decimal(*number.inner()),
            LiteralValue::String(text) => Node::Text(text.inner().into()),
            LiteralValue::UInt(_) => self.mistake("unsigned numbers are not supported", "remove the u"),
            LiteralValue::Bytes(_) => self.mistake("bytes are not supported", "write text, without b before it"),
        }
    }

    fn identifier(&mut self, name: &str) -> Node {
        if let Some(index) = self.bound.iter().rposition(|bound| bound == name) {
            return Node::Bound(index);
        }
        if name == self.variable {
            return Node::Row;
        }
        match TYPES.iter().find(|(known, _)| *known == name) {
            Some((_, kind)) => Node::Kind(*kind),
            None => self.unknown_variable(name),
        }
    }

    fn unknown_variable(&mut self, name: &str) -> Node {
        let remedy = format!("write {}.{name}, or put text in quotes", self.variable);
        self.mistake(format!("variable '{name}' is not known"), remedy)
    }

    fn call(&mut self, call: CallExpr) -> Node {
        let CallExpr { func_name: name, target, args } = call;
        match target {
            Some(target) if LOOPS.iter().any(|(known, _)| *known == name) => self.macro_call(&name, *target, args),
            Some(target) => self.member(&name, *target, args),
            None if name == operators::HAS => self.has(args),
            None => self.operator(&name, args).unwrap_or_else(|args| {
                let arguments = self.nodes(args);
                self.function(&name, false, arguments)
            }),
        }
    }

    /// An operator; its operands again when the name is not that of one.
    fn operator(&mut self, name: &str, args: Vec<IdedExpr>) -> Result<Node, Vec<IdedExpr>> {
        let args = match <[IdedExpr; 3]>::try_from(args) {
            Ok(three) if name == operators::CONDITIONAL => {
                return Ok(Node::Conditional(Box::new(three.map(|node| self.node(node)))));
            }
            Ok(three) => return Err(three.into()),
            Err(args) => args,
        };
        match <[IdedExpr; 2]>::try_from(args) {
            Ok(two) => {
                let operator = Operator::of(name);
                let is_known = operator.is_some()
                    || matches!(name, operators::LOGICAL_AND | operators::LOGICAL_OR | operators::INDEX);
                if !is_known {
                    return Err(two.into());
                }
                let two = Box::new(two.map(|node| self.node(node)));
                Ok(match (name, operator) {
                    (_, Some(operator)) => Node::Binary(operator, two),
                    (operators::LOGICAL_AND, _) => Node::And(two),
                    (operators::LOGICAL_OR, _) => Node::Or(two),
                    _ => Node::Index(two),
                })
            }
            Err(mut args) => match name {
                operators::LOGICAL_NOT if args.len() == 1 => Ok(Node::Not(Box::new(self.node(args.remove(0))))),
                operators::NEGATE if args.len() == 1 => Ok(Node::Negate(Box::new(self.node(args.remove(0))))),
                _ => Err(args),
            },
        }
    }

    /// Every field of a row is present, if only with null, so `has` asks for a value.
    fn has(&mut self, mut args: Vec<IdedExpr>) -> Node {
        match args.pop() {
            Some(field) if args.is_empty() && matches!(field.expr, Expr::Select(_)) => {
                let value = self.node(field);
                Node::Binary(Operator::NotEqual, Box::new([value, Node::Null]))
            }
            _ => self.mistake("has() takes one field", format!("write has({}.field)", self.variable)),
        }
    }

    fn member(&mut self, name: &str, target: IdedExpr, args: Vec<IdedExpr>) -> Node {
        let mut arguments = vec![self.node(target)];
        arguments.extend(self.nodes(args));
        self.function(name, true, arguments)
    }

    fn function(&mut self, name: &str, is_member: bool, arguments: Vec<Node>) -> Node {
        let named: Vec<&'static Signature> = SIGNATURES.iter().filter(|signature| signature.name == name).collect();
        if let Some(signature) = named.iter().find(|known| known.is_called_so(is_member, arguments.len())) {
            return self.with_pattern(signature, arguments);
        }
        if let Some((_, example)) = LOOPS.iter().find(|(known, _)| *known == name) {
            return self.mistake(format!("macro '{name}' is not called so"), format!("write {example}"));
        }
        if named.is_empty() {
            let known = SIGNATURES.iter().map(|signature| signature.name).chain(LOOPS.map(|(name, _)| name));
            return self.mistake(format!("function '{name}' is not known"), suggestion(name, known));
        }
        let ways = named.iter().map(|signature| signature.example()).collect::<Vec<_>>().join(" or ");
        self.mistake(format!("function '{name}' is not called so"), format!("write {ways}"))
    }

    /// A pattern in quotes is compiled once, and a mistake in it is found now.
    fn with_pattern(&mut self, signature: &'static Signature, mut arguments: Vec<Node>) -> Node {
        let text = match arguments.as_slice() {
            [_, Node::Text(pattern)] if signature.function == Function::Matches => pattern,
            _ => return Node::Call(signature, arguments),
        };
        self.patterns += 1;
        if self.patterns > MOST_PATTERNS {
            let rule = format!("it has more than {MOST_PATTERNS} patterns");
            return self.mistake(rule, "join them in one with |");
        }
        match Pattern::compile(text) {
            Ok(pattern) => Node::Matches(Box::new(arguments.swap_remove(0)), pattern),
            Err(Mistake { rule, remedy }) => self.mistake(rule, remedy),
        }
    }

    fn macro_call(&mut self, name: &str, over: IdedExpr, mut args: Vec<IdedExpr>) -> Node {
        self.macros += 1;
        if self.macros > MOST_MACROS {
            let rule = format!("it has more than {MOST_MACROS} macros (all, exists, exists_one, map, filter)");
            return self.mistake(rule, "write a simpler expression");
        }
        let over = self.node(over);
        let is_complete = args.len() == 2 || (args.len() == 3 && name == "map");
        let variable = match args.first().map(|first| &first.expr) {
            Some(Expr::Ident(variable)) if is_complete => variable.clone(),
            _ => return self.function(name, true, Vec::new()),
        };
        if self.bound.len() == MOST_NESTED_MACROS {
            let rule = format!("more than {MOST_NESTED_MACROS} macros are inside one another");
            return self.mistake(rule, "write a simpler expression");
        }
        self.bound.push(variable);
        let mut parts = args.drain(1..).map(|node| self.node(node)).collect::<Vec<_>>();
        self.bound.pop();
        let last = parts.pop().unwrap_or(Node::Null);
        let act = match name {
            "all" => Act::All(last),
            "exists" => Act::Exists(last),
            "exists_one" => Act::ExistsOne(last),
            "filter" => Act::Filter(last),
            _ => Act::Map { condition: parts.pop(), element: last },
        };
        Node::Loop(Box::new(Loop { over, act }))
    }
}
