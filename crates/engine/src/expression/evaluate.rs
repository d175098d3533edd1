//! Evaluates the checked tree under a budget. The recursion is as deep as the tree, which the limits on the text keep
//! shallow.

use std::sync::Arc;

use super::budget::{Budget, amount};
use super::failure::Failure;
use super::syntax::{Act, Loop, Node, Operator};
use super::value::{List, Object, Text, Value};
use super::{library, operate};

/// Gives the value of a tree for a row.
pub(super) fn evaluate<'v>(node: &'v Node, row: &'v Value<'v>, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    Evaluation { row, bound: Vec::new(), budget }.node(node)
}

struct Evaluation<'v, 'b> {
    row: &'v Value<'v>,
    /// Values of the variables of the macros around the node.
    bound: Vec<Value<'v>>,
    budget: &'b mut Budget,
}

impl<'v> Evaluation<'v, '_> {
    fn node(&mut self, node: &'v Node) -> Result<Value<'v>, Failure> {
        self.budget.step(1)?;
        match node {
            Node::Null => Ok(Value::Null),
            Node::Bool(value) => Ok(Value::Bool(*value)),
            Node::Whole(number) => Ok(Value::Whole(*number)),
            Node::Decimal(number) => Ok(Value::Decimal(*number)),
            Node::Text(text) => Ok(Value::Text(Text::Borrowed(text))),
            Node::Kind(kind) => Ok(Value::Kind(*kind)),
            Node::Row => Ok(self.row.clone()),
            Node::Bound(index) => Ok(self.bound.get(*index).cloned().unwrap_or(Value::Null)),
            Node::Select(operand, name) => {
                let operand = self.node(operand)?;
                self.select(&operand, &Value::Text(Text::Borrowed(name)))
            }
            Node::Index(parts) => {
                let [operand, index] = &**parts;
                let (operand, index) = (self.node(operand)?, self.node(index)?);
                self.select(&operand, &index)
            }
            Node::List(elements) => {
                self.budget.elements(amount(elements.len()))?;
                let elements: Result<Arc<[Value<'v>]>, Failure> = elements.iter().map(|node| self.node(node)).collect();
                Ok(Value::List(List::Made(elements?)))
            }
            Node::Object(entries) => self.object(entries),
            Node::Not(operand) => Ok(Value::Bool(!truth("!", &self.node(operand)?)?)),
            Node::Negate(operand) => operate::negate(&self.node(operand)?),
            Node::And(parts) => self.decide(parts, "&&", false),
            Node::Or(parts) => self.decide(parts, "||", true),
            Node::Conditional(parts) => {
                let [condition, one, two] = &**parts;
                if truth("?:", &self.node(condition)?)? { self.node(one) } else { self.node(two) }
            }
            Node::Binary(operator, parts) => self.binary(*operator, parts),
            Node::Call(signature, arguments) => {
                let arguments: Result<Vec<Value<'v>>, Failure> = arguments.iter().map(|node| self.node(node)).collect();
                library::call(signature, &arguments?, self.budget)
            }
            Node::Matches(operand, pattern) => library::matches(&self.node(operand)?, pattern, self.budget),
            Node::Loop(part) => self.repeat(part),
        }
    }

    fn binary(&mut self, operator: Operator, parts: &'v [Node; 2]) -> Result<Value<'v>, Failure> {
        let [one, two] = parts;
        let (one, two) = (self.node(one)?, self.node(two)?);
        operate::binary(operator, &one, &two, self.budget)
    }

    fn select(&mut self, operand: &Value<'v>, key: &Value<'v>) -> Result<Value<'v>, Failure> {
        match (operand, key) {
            (Value::Object(object), key) => {
                object.get(key, self.budget)?.ok_or_else(|| Failure::value("an object has no such key"))
            }
            (Value::List(list), Value::Whole(index)) => usize::try_from(*index)
                .ok()
                .and_then(|index| list.get(index))
                .ok_or_else(|| Failure::value("a list index is out of bounds")),
            (operand, _) => Err(Failure::value(format!("{} has no fields or elements", operand.kind()))),
        }
    }

    fn object(&mut self, entries: &'v [(Node, Node)]) -> Result<Value<'v>, Failure> {
        self.budget.elements(amount(entries.len()).saturating_mul(2))?;
        let mut made: Vec<(Value<'v>, Value<'v>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.node(key)?;
            if !matches!(key, Value::Text(_) | Value::Whole(_) | Value::Bool(_)) {
                return Err(Failure::value(format!("{} cannot be a key of an object", key.kind())));
            }
            for (known, _) in &made {
                if known.equals(&key, self.budget)? {
                    return Err(Failure::value("an object has the same key twice"));
                }
            }
            made.push((key, self.node(value)?));
        }
        Ok(Value::Object(Object::Made(made.into())))
    }

    /// `&&` and `||`: `decisive` on either side decides, also when the other side failed.
    fn decide(&mut self, parts: &'v [Node; 2], sign: &str, decisive: bool) -> Result<Value<'v>, Failure> {
        let [one, two] = parts;
        let left = self.node(one).and_then(|value| truth(sign, &value));
        match left {
            Ok(left) if left == decisive => return Ok(Value::Bool(decisive)),
            Err(error) if !error.can_be_absorbed() => return Err(error),
            _ => {}
        }
        let right = self.node(two).and_then(|value| truth(sign, &value))?;
        if right == decisive { Ok(Value::Bool(decisive)) } else { left.map(|_| Value::Bool(right)) }
    }

    fn repeat(&mut self, part: &'v Loop) -> Result<Value<'v>, Failure> {
        match self.node(&part.over)? {
            Value::List(list) => self.act(&part.act, list.iter(), list.len()),
            Value::Object(object) => self.act(&part.act, object.keys(), object.len()),
            other => Err(Failure::value(format!("all, exists, map and filter need a list, not {}", other.kind()))),
        }
    }

    fn act(
        &mut self,
        act: &'v Act,
        items: impl Iterator<Item = Value<'v>>,
        count: usize,
    ) -> Result<Value<'v>, Failure> {
        match act {
            Act::All(condition) => self.any(condition, items, false),
            Act::Exists(condition) => self.any(condition, items, true),
            Act::ExistsOne(condition) => {
                let mut found = 0_u64;
                for item in items {
                    found += u64::from(self.is_true(condition, item)?);
                }
                Ok(Value::Bool(found == 1))
            }
            Act::Filter(condition) => {
                self.budget.elements(amount(count))?;
                let mut kept = Vec::new();
                for item in items {
                    if self.is_true(condition, item.clone())? {
                        kept.push(item);
                    }
                }
                Ok(Value::List(List::Made(kept.into())))
            }
            Act::Map { condition, element } => {
                self.budget.elements(amount(count))?;
                let mut made = Vec::new();
                for item in items {
                    let is_kept = match condition {
                        Some(condition) => self.is_true(condition, item.clone())?,
                        None => true,
                    };
                    if is_kept {
                        made.push(self.with(element, item)?);
                    }
                }
                Ok(Value::List(List::Made(made.into())))
            }
        }
    }

    /// `all` and `exists`: the first element for which the condition is `decisive` decides, also when it failed for one
    /// before.
    fn any(
        &mut self,
        condition: &'v Node,
        items: impl Iterator<Item = Value<'v>>,
        decisive: bool,
    ) -> Result<Value<'v>, Failure> {
        let mut failed = None;
        for item in items {
            match self.is_true(condition, item) {
                Ok(value) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(_) => {}
                Err(error) if error.can_be_absorbed() => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    fn with(&mut self, node: &'v Node, item: Value<'v>) -> Result<Value<'v>, Failure> {
        self.budget.step(1)?;
        self.bound.push(item);
        let result = self.node(node);
        self.bound.pop();
        result
    }

    fn is_true(&mut self, condition: &'v Node, item: Value<'v>) -> Result<bool, Failure> {
        truth("?:", &self.with(condition, item)?)
    }
}

fn truth(sign: &str, value: &Value<'_>) -> Result<bool, Failure> {
    match value {
        Value::Bool(value) => Ok(*value),
        other => Err(Failure::value(format!("'{sign}' needs true or false, not {}", other.kind()))),
    }
}
