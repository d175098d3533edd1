//! Reads the tree of an expression: which fields of the row it uses, which kinds of value it gives, as far as the schema
//! tells, and what it costs at most. Costs are those that evaluation takes from its budget, for the largest values that
//! the schema allows.

mod calls;
mod operators;
mod shape;

use std::collections::BTreeSet;

use super::expressions::Row;
use crate::definitions::schema::StreamSchema;
use crate::expression::Mistake;
use crate::expression::budget::Cost;
use crate::expression::kinds::{Kind, Kinds};
use crate::expression::syntax::{Act, Loop, Node};
use crate::names::FieldName;
use crate::suggest::suggestion;
use shape::Shape;

/// What was found out about an expression.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Kinds of its value.
    pub(super) kinds: Kinds,
    /// Fields of the row that it uses.
    pub(super) fields: BTreeSet<FieldName>,
    pub(super) mistakes: Vec<Mistake>,
    /// What one evaluation costs at most, for values that keep to the schema.
    pub(super) cost: Cost,
}

/// Reads a tree.
pub(super) fn infer(root: &Node, row: Row<'_>) -> Findings {
    let mut reader =
        Reader { variable: row.variable.name(), schema: row.schema, bound: Vec::new(), findings: Findings::default() };
    let shape = reader.value(root);
    shape.give(&mut reader.findings.cost);
    reader.findings.kinds = shape.kinds;
    reader.findings
}

struct Reader<'a> {
    /// Name of the variable that stands for the row.
    variable: &'static str,
    schema: &'a StreamSchema,
    /// Variables of the macros around the node.
    bound: Vec<Shape>,
    findings: Findings,
}

impl Reader<'_> {
    fn mistake(&mut self, rule: String, remedy: impl Into<String>) {
        let mistake = Mistake { rule, remedy: remedy.into() };
        if !self.findings.mistakes.contains(&mistake) {
            self.findings.mistakes.push(mistake);
        }
    }

    /// Reads a node whose value is used: an object inside the row uses all fields in it.
    fn value(&mut self, node: &Node) -> Shape {
        let shape = self.read(node);
        let Some(path) = &shape.part else { return shape };
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let mut element = Shape::default();
        for (name, field) in self.schema.fields.iter().filter(|(name, _)| name.starts_with(&prefix)) {
            self.findings.fields.insert(name.clone());
            element = element.or(match name[prefix.len()..].split_once('.') {
                None => Shape::of_field(field),
                Some((inner, _)) => self.part(format!("{prefix}{inner}")),
            });
        }
        Shape { element: Some(Box::new(element)), ..shape }
    }

    fn values(&mut self, nodes: &[Node]) -> Vec<Shape> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    fn part(&self, path: String) -> Shape {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let names = self.schema.fields.keys().filter_map(|name| name.strip_prefix(prefix.as_str()));
        let entries: BTreeSet<&str> = names.map(|name| name.split('.').next().unwrap_or(name)).collect();
        let longest = entries.iter().map(|name| size(name.len())).max().unwrap_or_default();
        Shape::part(path, size(entries.len()), longest)
    }

    fn read(&mut self, node: &Node) -> Shape {
        self.findings.cost.step(1);
        match node {
            Node::Null => Shape::of(Kind::Null),
            Node::Bool(_) => Shape::of(Kind::Bool),
            Node::Whole(_) => Shape::of(Kind::Whole),
            Node::Decimal(_) => Shape::of(Kind::Decimal),
            Node::Text(text) => Shape::text(size(text.len())),
            Node::Kind(_) => Shape::of(Kind::Type),
            Node::Row => self.part(String::new()),
            Node::Bound(index) => self.bound.get(*index).cloned().unwrap_or_else(Shape::unknown),
            Node::Select(operand, name) => self.select(operand, name),
            Node::Index(parts) => self.index(&parts[0], &parts[1]),
            Node::List(elements) => {
                self.findings.cost.elements(size(elements.len()));
                let shapes = self.values(elements);
                let total = shapes.iter().fold(0, |sum: u64, shape| sum.saturating_add(shape.bytes));
                let element = shapes.into_iter().fold(Shape::default(), Shape::or);
                Shape { total, ..Shape::list(element, size(elements.len())) }
            }
            Node::Object(entries) => self.object(entries),
            Node::Not(operand) => {
                let shape = self.value(operand);
                self.expect_bool(&shape, "!");
                Shape::of(Kind::Bool)
            }
            Node::Negate(operand) => self.negate(operand),
            Node::And(parts) => self.both(parts, "&&"),
            Node::Or(parts) => self.both(parts, "||"),
            Node::Conditional(parts) => {
                let [condition, one, two] = &**parts;
                let condition = self.value(condition);
                self.expect_bool(&condition, "?:");
                let one = self.value(one);
                one.or(self.value(two))
            }
            Node::Binary(operator, parts) => {
                let (one, two) = (self.value(&parts[0]), self.value(&parts[1]));
                self.binary(*operator, &one, &two)
            }
            Node::Call(signature, arguments) => self.call(signature, arguments),
            Node::Matches(operand, pattern) => {
                let subject = self.value(operand);
                self.expect_text(&subject, "matches");
                self.findings.cost.step(subject.bytes.saturating_mul(pattern.steps_per_byte));
                Shape::of(Kind::Bool)
            }
            Node::Loop(part) => self.repeat(part),
        }
    }

    fn both(&mut self, parts: &[Node; 2], sign: &str) -> Shape {
        for part in parts {
            let shape = self.value(part);
            self.expect_bool(&shape, sign);
        }
        Shape::of(Kind::Bool)
    }

    fn select(&mut self, operand: &Node, name: &str) -> Shape {
        let shape = self.read(operand);
        shape.look_up(&Shape::text(size(name.len())), &mut self.findings.cost);
        if let Some(path) = &shape.part {
            return self.field(path, name);
        }
        if !shape.kinds.are_among(&[Kind::Map]) || shape.kinds.is_null() {
            let rule = format!("'.{name}' is asked of {}, which has no fields", shape.kinds);
            self.mistake(rule, format!("use a field of the {}", self.variable));
            return Shape::unknown();
        }
        shape.any_element()
    }

    fn field(&mut self, path: &str, name: &str) -> Shape {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if let Some((name, field)) = self.schema.fields.get_key_value(path.as_str()) {
            if let Some(text) = &field.unsupported {
                let rule = format!("{}.{path} is not supported: {text}", self.variable);
                self.mistake(rule, "remove it from the expression");
            }
            self.findings.fields.insert(name.clone());
            return Shape::of_field(field);
        }
        let prefix = format!("{path}.");
        if self.schema.fields.keys().any(|name| name.starts_with(&prefix)) {
            return self.part(path);
        }
        let remedy = suggestion(&path, self.schema.fields.keys());
        self.mistake(format!("the {} has no field '{path}'", self.variable), remedy);
        Shape::unknown()
    }

    fn index(&mut self, operand: &Node, index: &Node) -> Shape {
        if let Node::Text(name) = index {
            return self.select(operand, name);
        }
        let shape = self.value(operand);
        let key = self.value(index);
        shape.look_up(&key, &mut self.findings.cost);
        if !shape.kinds.are_among(&[Kind::List, Kind::Map]) || shape.kinds.is_null() {
            self.mistake(format!("[…] is used on {}", shape.kinds), "use it on a list");
            return Shape::unknown();
        }
        if shape.kinds.contains(Kind::List) && (!key.kinds.are_among(&[Kind::Whole]) || key.kinds.is_null()) {
            self.mistake(format!("an element of a list is asked for with {}", key.kinds), "use a whole number");
        }
        shape.any_element()
    }

    fn object(&mut self, entries: &[(Node, Node)]) -> Shape {
        let items = size(entries.len());
        self.findings.cost.elements(items.saturating_mul(2));
        let (mut key, mut element) = (Shape::default(), Shape::default());
        for (name, value) in entries {
            key = key.or(self.value(name));
            element = element.or(self.value(value));
        }
        if !key.kinds.are_among(&[Kind::Text, Kind::Whole, Kind::Bool]) || key.kinds.is_null() {
            self.mistake(format!("{} cannot be a key of an object", key.kinds), "use text in quotes");
        }
        let mut compared = Cost::default();
        key.compare(&mut compared);
        self.findings.cost.repeat(compared, items.saturating_mul(items));
        Shape { items, element: Some(Box::new(element)), key: Some(Box::new(key)), ..Shape::of(Kind::Map) }
    }

    fn repeat(&mut self, part: &Loop) -> Shape {
        let over = self.value(&part.over);
        if !over.kinds.are_among(&[Kind::List, Kind::Map]) || over.kinds.is_null() {
            let rule = format!("all, exists, map and filter need a list, not {}", over.kinds);
            self.mistake(rule, "use them on a list");
        }
        let mut element = Shape::default();
        if over.kinds.contains(Kind::List) {
            element = over.average_element();
        }
        if over.kinds.contains(Kind::Map) {
            element = element.or(over.any_key());
        }
        if over.kinds.is_open() {
            element = Shape::unknown();
        }
        // What is done for one element is done for each.
        let before = std::mem::take(&mut self.findings.cost);
        self.findings.cost.step(1);
        self.bound.push(element);
        let result = self.act(&part.act, &over);
        self.bound.pop();
        let each = std::mem::replace(&mut self.findings.cost, before);
        self.findings.cost.elements(over.items);
        self.findings.cost.repeat(each, over.items);
        result
    }

    fn act(&mut self, act: &Act, over: &Shape) -> Shape {
        match act {
            Act::All(condition) | Act::Exists(condition) | Act::ExistsOne(condition) => {
                self.condition(condition);
                Shape::of(Kind::Bool)
            }
            Act::Filter(condition) => {
                self.condition(condition);
                if over.kinds.contains(Kind::Map) { Shape::list(over.any_key(), over.items) } else { over.clone() }
            }
            Act::Map { condition, element } => {
                if let Some(condition) = condition {
                    self.condition(condition);
                    self.findings.cost.step(1);
                }
                let element = self.value(element);
                let total = element.bytes.saturating_mul(over.items);
                // One element may have all of what the average of them has.
                let largest = Shape { bytes: total, ..element };
                Shape { total, ..Shape::list(largest, over.items) }
            }
        }
    }

    fn condition(&mut self, condition: &Node) {
        let shape = self.value(condition);
        self.expect_bool(&shape, "?:");
    }
}

/// A size in the unit of costs.
fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
