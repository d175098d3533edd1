//! Kinds and costs of operators.

use super::{Reader, Shape};
use crate::expression::kinds::{Kind, Kinds};
use crate::expression::syntax::{Node, Operator};

impl Reader<'_> {
    pub(super) fn expect_bool(&mut self, shape: &Shape, sign: &str) {
        if !shape.kinds.are_among(&[Kind::Bool]) || shape.kinds.is_null() {
            let rule = format!("'{sign}' needs true or false, not {}", shape.kinds);
            self.mistake(rule, "compare the value, for instance with == or !=");
        }
    }

    pub(super) fn expect_text(&mut self, shape: &Shape, function: &str) {
        if !shape.kinds.are_among(&[Kind::Text]) {
            let rule = format!("function '{function}' does not take {}", shape.kinds);
            self.mistake(rule, "convert the value with string() or int()");
        }
    }

    pub(super) fn negate(&mut self, operand: &Node) -> Shape {
        let shape = self.value(operand);
        if !shape.kinds.are_among(&[Kind::Whole, Kind::Decimal]) || shape.kinds.is_null() {
            self.mistake(format!("'-' does not take {}", shape.kinds), "convert it with int() or double()");
        }
        shape
    }

    pub(super) fn binary(&mut self, operator: Operator, one: &Shape, two: &Shape) -> Shape {
        match operator {
            Operator::Equal | Operator::NotEqual => {
                let smaller = if one.bytes.max(one.total) < two.bytes.max(two.total) { one } else { two };
                let cost = &mut self.findings.cost;
                smaller.compare(cost);
                if one.items.max(two.items) > 0 {
                    one.compare(cost);
                    two.compare(cost);
                }
                Shape::of(Kind::Bool)
            }
            Operator::In => {
                if !two.kinds.are_among(&[Kind::List, Kind::Map]) || two.kinds.is_null() {
                    self.mistake(format!("'in' looks into {}", two.kinds), "put a list on its right side");
                }
                let smaller = if two.element.is_some() && two.any_element().bytes < one.bytes {
                    two.any_element()
                } else {
                    one.clone()
                };
                two.look_up(&smaller, &mut self.findings.cost);
                Shape::of(Kind::Bool)
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.findings.cost.read(one.bytes.min(two.bytes));
                self.combine(operator, one, two, |_, one, two| are_ordered(one, two).then_some(Kind::Bool));
                Shape::of(Kind::Bool)
            }
            _ => self.arithmetic(operator, one, two),
        }
    }

    fn arithmetic(&mut self, operator: Operator, one: &Shape, two: &Shape) -> Shape {
        let kinds = self.combine(operator, one, two, arithmetic);
        let mut shape = Shape { kinds, ..Shape::default() };
        if operator != Operator::Add {
            return shape;
        }
        if kinds.contains(Kind::Text) {
            shape.bytes = one.bytes.saturating_add(two.bytes);
            self.findings.cost.text(shape.bytes);
        }
        if kinds.contains(Kind::List) {
            shape.items = one.items.saturating_add(two.items);
            shape.total = one.total.saturating_add(two.total);
            shape.element = Some(Box::new(one.any_element().or(two.any_element())));
            self.findings.cost.elements(shape.items);
        }
        shape
    }

    /// Kinds of the result for each pair of kinds that the two sides may have. A pair that the operator does not take is
    /// a mistake, and so is null, which it never takes.
    fn combine(
        &mut self,
        operator: Operator,
        one: &Shape,
        two: &Shape,
        result: impl Fn(Operator, Kind, Kind) -> Option<Kind>,
    ) -> Kinds {
        let mut kinds = Kinds::default();
        for left in one.kinds.iter() {
            for right in two.kinds.iter() {
                let kind = if left == Kind::Unknown || right == Kind::Unknown {
                    Some(Kind::Unknown)
                } else {
                    result(operator, left, right)
                };
                if kind.is_none() {
                    let rule = format!("'{}' does not take {left} and {right}", operator.sign());
                    self.mistake(rule, "convert one side with string(), int() or double()");
                }
                kinds = kinds.or(Kinds::only(kind.unwrap_or(Kind::Unknown)));
            }
        }
        kinds
    }
}

/// Whether one of two values can be the greater.
fn are_ordered(one: Kind, two: Kind) -> bool {
    let is_number = |kind| matches!(kind, Kind::Whole | Kind::Decimal);
    (is_number(one) && is_number(two))
        || (one == two && matches!(one, Kind::Text | Kind::Bool | Kind::Time | Kind::Duration))
}

/// The kind of a result; None when the operator does not take the two.
fn arithmetic(operator: Operator, one: Kind, two: Kind) -> Option<Kind> {
    use Kind::{Decimal, Duration, List, Text, Time, Whole};
    match (operator, one, two) {
        (_, Whole, Whole) => Some(Whole),
        (Operator::Remainder, ..) => None,
        (_, Decimal, Decimal) => Some(Decimal),
        (Operator::Add, Text, Text) => Some(Text),
        (Operator::Add, List, List) => Some(List),
        (Operator::Add | Operator::Subtract, Time, Duration) | (Operator::Add, Duration, Time) => Some(Time),
        (Operator::Add | Operator::Subtract, Duration, Duration) | (Operator::Subtract, Time, Time) => Some(Duration),
        _ => None,
    }
}
