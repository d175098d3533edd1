//! Operators between values.

use std::cmp::Ordering;
use std::sync::Arc;

use super::budget::{Budget, amount};
use super::failure::Failure;
use super::syntax::Operator;
use super::time::{checked, checked_duration};
use super::value::{List, Value};

/// `-x`.
pub(super) fn negate<'v>(value: &Value<'v>) -> Result<Value<'v>, Failure> {
    match value {
        Value::Whole(number) => number.checked_neg().map(Value::Whole).ok_or_else(|| overflow(Operator::Subtract)),
        Value::Decimal(number) => Ok(Value::Decimal(-number)),
        other => Err(Failure::value(format!("'-' does not take {}", other.kind()))),
    }
}

/// An operator and its two values.
pub(super) fn binary<'v>(
    operator: Operator,
    one: &Value<'v>,
    two: &Value<'v>,
    budget: &mut Budget,
) -> Result<Value<'v>, Failure> {
    let order = |one, two, budget: &mut Budget| order(operator, one, two, budget);
    match operator {
        Operator::Equal => one.equals(two, budget).map(Value::Bool),
        Operator::NotEqual => one.equals(two, budget).map(|are_same| Value::Bool(!are_same)),
        Operator::Less => Ok(Value::Bool(order(one, two, budget)?.is_lt())),
        Operator::LessOrEqual => Ok(Value::Bool(order(one, two, budget)?.is_le())),
        Operator::Greater => Ok(Value::Bool(order(one, two, budget)?.is_gt())),
        Operator::GreaterOrEqual => Ok(Value::Bool(order(one, two, budget)?.is_ge())),
        Operator::In => contains(one, two, budget).map(Value::Bool),
        Operator::Add => add(one, two, budget),
        Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Remainder => {
            arithmetic(operator, one, two)
        }
    }
}

fn order(operator: Operator, one: &Value<'_>, two: &Value<'_>, budget: &mut Budget) -> Result<Ordering, Failure> {
    let found = match (one, two) {
        (Value::Text(one), Value::Text(two)) => {
            budget.read(one.as_str().len().min(two.as_str().len()))?;
            Some(one.as_str().cmp(two.as_str()))
        }
        (Value::Bool(one), Value::Bool(two)) => Some(one.cmp(two)),
        (Value::Time(one, _), Value::Time(two, _)) => Some(one.cmp(two)),
        (Value::Duration(one), Value::Duration(two)) => Some(one.cmp(two)),
        (one, two) => one.number_order(two),
    };
    found.ok_or_else(|| wrong_kinds(operator, one, two))
}

fn contains<'v>(one: &Value<'v>, two: &Value<'v>, budget: &mut Budget) -> Result<bool, Failure> {
    match two {
        Value::List(list) => {
            for item in list.iter() {
                if item.equals(one, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Object(object) => Ok(object.get(one, budget)?.is_some()),
        _ => Err(wrong_kinds(Operator::In, one, two)),
    }
}

fn add<'v>(one: &Value<'v>, two: &Value<'v>, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    match (one, two) {
        (Value::Text(one), Value::Text(two)) => {
            let (one, two) = (one.as_str(), two.as_str());
            budget.text(amount(one.len()).saturating_add(amount(two.len())))?;
            Ok(Value::made([one, two].concat()))
        }
        (Value::List(one), Value::List(two)) => {
            budget.elements(amount(one.len()).saturating_add(amount(two.len())))?;
            let joined: Arc<[Value<'v>]> = one.iter().chain(two.iter()).collect();
            Ok(Value::List(List::Made(joined)))
        }
        _ => arithmetic(Operator::Add, one, two),
    }
}

fn arithmetic<'v>(operator: Operator, one: &Value<'v>, two: &Value<'v>) -> Result<Value<'v>, Failure> {
    match (one, two) {
        (Value::Whole(one), Value::Whole(two)) => whole(operator, *one, *two).map(Value::Whole),
        (Value::Decimal(left), Value::Decimal(right)) => match operator {
            Operator::Add => Ok(Value::Decimal(left + right)),
            Operator::Subtract => Ok(Value::Decimal(left - right)),
            Operator::Multiply => Ok(Value::Decimal(left * right)),
            Operator::Divide => Ok(Value::Decimal(left / right)),
            _ => Err(wrong_kinds(operator, one, two)),
        },
        (Value::Time(instant, offset), Value::Duration(span)) => match operator {
            Operator::Add => instant.checked_add(*span).ok().and_then(|sum| checked(sum, *offset)),
            Operator::Subtract => instant.checked_sub(*span).ok().and_then(|difference| checked(difference, *offset)),
            _ => return Err(wrong_kinds(operator, one, two)),
        }
        .ok_or_else(|| overflow(operator)),
        (Value::Duration(_), Value::Time(..)) if operator == Operator::Add => arithmetic(operator, two, one),
        (Value::Time(one, _), Value::Time(two, _)) if operator == Operator::Subtract => {
            checked_duration(one.duration_since(*two)).ok_or_else(|| overflow(operator))
        }
        (Value::Duration(left), Value::Duration(right)) => match operator {
            Operator::Add => left.checked_add(*right).and_then(checked_duration),
            Operator::Subtract => left.checked_sub(*right).and_then(checked_duration),
            _ => return Err(wrong_kinds(operator, one, two)),
        }
        .ok_or_else(|| overflow(operator)),
        _ => Err(wrong_kinds(operator, one, two)),
    }
}

fn whole(operator: Operator, one: i64, two: i64) -> Result<i64, Failure> {
    if two == 0 && matches!(operator, Operator::Divide | Operator::Remainder) {
        return Err(Failure::value("division by zero"));
    }
    match operator {
        Operator::Subtract => one.checked_sub(two),
        Operator::Multiply => one.checked_mul(two),
        Operator::Divide => one.checked_div(two),
        Operator::Remainder => one.checked_rem(two),
        _ => one.checked_add(two),
    }
    .ok_or_else(|| overflow(operator))
}

fn wrong_kinds(operator: Operator, one: &Value<'_>, two: &Value<'_>) -> Failure {
    Failure::value(format!("'{}' does not take {} and {}", operator.sign(), one.kind(), two.kind()))
}

fn overflow(operator: Operator) -> Failure {
    Failure::value(format!("operator '{}' overflowed", operator.sign()))
}
