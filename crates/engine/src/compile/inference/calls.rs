//! Kinds, sizes and costs of function calls.

use super::{Reader, Shape, size};
use crate::expression::budget::{
    CASE_GROWTH, COMPILE_PATTERN_BYTES, COMPILE_PATTERN_STEPS, Cost, LARGEST_PATTERN_STEPS, SCALAR_TEXT, TEXT_OVERHEAD,
};
use crate::expression::functions::{Function, Signature};
use crate::expression::kinds::{Kind, Kinds};
use crate::expression::syntax::Node;

impl Reader<'_> {
    pub(super) fn call(&mut self, signature: &Signature, nodes: &[Node]) -> Shape {
        let arguments = self.values(nodes);
        let is_taken = arguments.iter().enumerate().all(|(index, shape)| {
            let kinds = signature.parameter(index).kinds();
            kinds.is_empty() || if shape.kinds.is_null() { signature.takes_null } else { shape.kinds.are_among(kinds) }
        });
        if !is_taken {
            let given = arguments.iter().map(|shape| shape.kinds.to_string()).collect::<Vec<_>>().join(" and ");
            self.mistake(
                format!("function '{}' does not take {given}", signature.name),
                "convert the value with string() or int()",
            );
        }
        charge(signature.function, &arguments, nodes, &mut self.findings.cost);
        result(signature, &arguments, nodes)
    }
}

/// Most bytes of the value at an index, if it is a text.
fn bytes(arguments: &[Shape], index: usize) -> u64 {
    arguments.get(index).map_or(0, |shape| shape.bytes)
}

fn result(signature: &Signature, arguments: &[Shape], nodes: &[Node]) -> Shape {
    let on = bytes(arguments, 0);
    match signature.function {
        Function::Coalesce => arguments.iter().cloned().reduce(Shape::or).unwrap_or_default(),
        Function::Dyn => arguments.first().cloned().unwrap_or_default(),
        Function::Lower | Function::Upper => Shape::text(on.saturating_mul(CASE_GROWTH)),
        Function::Trim | Function::LowerAscii | Function::UpperAscii | Function::Substring | Function::CharAt => {
            Shape::text(on)
        }
        Function::ToText => {
            let is_text = arguments.first().is_some_and(|shape| shape.kinds == Kinds::only(Kind::Text));
            Shape::text(if is_text { on } else { on.max(SCALAR_TEXT) })
        }
        Function::JoinFilled | Function::Join => Shape::text(joined(arguments)),
        Function::Replace => Shape::text(replaced(arguments, nodes)),
        Function::Split => Shape::parts(on, occurrences(arguments, nodes, 2).saturating_add(1)),
        _ => Shape::of(signature.result),
    }
}

/// Adds the same as evaluation takes from its budget, for the largest values.
fn charge(function: Function, arguments: &[Shape], nodes: &[Node], cost: &mut Cost) {
    let (on, what) = (bytes(arguments, 0), bytes(arguments, 1));
    match function {
        Function::Lower | Function::Upper => cost.text(on.saturating_mul(CASE_GROWTH)),
        Function::LowerAscii | Function::UpperAscii => cost.text(on),
        Function::Trim | Function::Substring | Function::CharAt => {
            cost.read(on.saturating_mul(2));
            cost.text(on);
        }
        Function::Coalesce => arguments.iter().for_each(|shape| cost.read(shape.bytes)),
        Function::Size
        | Function::ToWhole
        | Function::ToDecimal
        | Function::ToBool
        | Function::ToTime
        | Function::ToDuration => cost.read(on),
        Function::ToText => {
            cost.read(on);
            cost.text(SCALAR_TEXT);
        }
        Function::StartsWith | Function::EndsWith => cost.read(what),
        Function::Contains => cost.read(on.saturating_add(what)),
        Function::IndexOf | Function::LastIndexOf => cost.read(on.saturating_mul(2).saturating_add(what)),
        Function::Matches => {
            cost.step(COMPILE_PATTERN_STEPS);
            cost.allocate(COMPILE_PATTERN_BYTES);
            cost.step(on.saturating_mul(LARGEST_PATTERN_STEPS));
        }
        Function::Replace => {
            cost.read(on.saturating_mul(2).saturating_add(what));
            cost.text(replaced(arguments, nodes));
        }
        Function::Split => {
            cost.read(on.saturating_mul(2).saturating_add(what));
            let parts = occurrences(arguments, nodes, 2).saturating_add(1);
            cost.elements(parts);
            cost.allocate(parts.saturating_mul(TEXT_OVERHEAD).saturating_add(on));
        }
        Function::Join | Function::JoinFilled => {
            let items = arguments.first().map_or(0, |list| list.items);
            cost.elements(items);
            cost.step(items);
            cost.read(arguments.first().map_or(0, |list| list.total));
            cost.text(joined(arguments));
        }
        Function::Type | Function::Dyn | Function::Part(_) => {}
    }
}

/// Most bytes of a list as one text.
fn joined(arguments: &[Shape]) -> u64 {
    let (items, total) = arguments.first().map_or((0, 0), |list| (list.items, list.total));
    total.saturating_add(items.saturating_mul(bytes(arguments, 1)))
}

/// How often a text can be in another: the parameter at `limit` may say how often it is looked for.
fn occurrences(arguments: &[Shape], nodes: &[Node], limit: usize) -> u64 {
    // An empty text is found before each character and at the end.
    let most = bytes(arguments, 0) / shortest(nodes).max(1) + 1;
    match nodes.get(limit) {
        Some(Node::Whole(limit)) => u64::try_from(*limit).map_or(most, |limit| limit.min(most)),
        _ => most,
    }
}

/// Fewest bytes of the text that is looked for: a field may be empty, a text in quotes is what it is.
fn shortest(nodes: &[Node]) -> u64 {
    match nodes.get(1) {
        Some(Node::Text(text)) => size(text.len()),
        _ => 0,
    }
}

/// Most bytes of a text in which another is replaced.
fn replaced(arguments: &[Shape], nodes: &[Node]) -> u64 {
    let growth = bytes(arguments, 2).saturating_sub(shortest(nodes));
    bytes(arguments, 0).saturating_add(occurrences(arguments, nodes, 3).saturating_mul(growth))
}
