//! Functions on texts. Indexes count characters.

use super::budget::{Budget, TEXT_OVERHEAD, amount};
use super::failure::Failure;
use super::functions::Function;
use super::library::{cased, wrong_kind};
use super::value::{List, Text, Value};

/// Calls a member of a text, or a function whose first value is a text.
pub(super) fn call<'v>(
    function: Function,
    name: &str,
    subject: &Text<'v>,
    rest: &[Value<'v>],
    budget: &mut Budget,
) -> Result<Value<'v>, Failure> {
    let on = subject.as_str();
    match (function, rest) {
        (Function::Lower, []) => made(cased(on.len()), budget, || on.to_lowercase()),
        (Function::Upper, []) => made(cased(on.len()), budget, || on.to_uppercase()),
        (Function::LowerAscii, []) => made(amount(on.len()), budget, || on.to_ascii_lowercase()),
        (Function::UpperAscii, []) => made(amount(on.len()), budget, || on.to_ascii_uppercase()),
        (Function::Trim, []) => {
            budget.read(on.len())?;
            part(on.trim(), budget)
        }
        (Function::StartsWith, [Value::Text(what)]) => {
            budget.read(what.as_str().len())?;
            Ok(Value::Bool(on.starts_with(what.as_str())))
        }
        (Function::EndsWith, [Value::Text(what)]) => {
            budget.read(what.as_str().len())?;
            Ok(Value::Bool(on.ends_with(what.as_str())))
        }
        (Function::Contains, [Value::Text(what)]) => {
            budget.read(on.len().saturating_add(what.as_str().len()))?;
            Ok(Value::Bool(on.contains(what.as_str())))
        }
        (Function::IndexOf, [Value::Text(what)]) => position(on, what.as_str(), budget, |on, what| on.find(what)),
        (Function::LastIndexOf, [Value::Text(what)]) => position(on, what.as_str(), budget, |on, what| on.rfind(what)),
        (Function::Replace, [Value::Text(from), Value::Text(to)]) => {
            replace(on, from.as_str(), to.as_str(), -1, budget)
        }
        (Function::Replace, [Value::Text(from), Value::Text(to), Value::Whole(most)]) => {
            replace(on, from.as_str(), to.as_str(), *most, budget)
        }
        (Function::Split, [Value::Text(separator)]) => split(on, separator.as_str(), -1, budget),
        (Function::Split, [Value::Text(separator), Value::Whole(most)]) => split(on, separator.as_str(), *most, budget),
        (Function::Substring, [Value::Whole(from)]) => substring(on, *from, None, budget),
        (Function::Substring, [Value::Whole(from), Value::Whole(to)]) => substring(on, *from, Some(*to), budget),
        (Function::CharAt, [Value::Whole(index)]) => {
            budget.read(on.len())?;
            let start = boundary(on, *index).ok_or_else(|| out_of_range(name))?;
            let width = on[start..].chars().next().map_or(0, char::len_utf8);
            part(&on[start..start + width], budget)
        }
        _ => {
            let arguments: Vec<Value<'v>> =
                [Value::Text(subject.clone())].into_iter().chain(rest.iter().cloned()).collect();
            Err(wrong_kind(name, &arguments))
        }
    }
}

fn made<'v>(bytes: u64, budget: &mut Budget, make: impl FnOnce() -> String) -> Result<Value<'v>, Failure> {
    budget.text(bytes)?;
    Ok(Value::made(make()))
}

fn part<'v>(text: &str, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    budget.text(amount(text.len()))?;
    Ok(Value::made(text))
}

/// A number of characters or elements.
pub(super) fn whole<'v>(count: usize) -> Value<'v> {
    Value::Whole(i64::try_from(count).unwrap_or(i64::MAX))
}

fn out_of_range(name: &str) -> Failure {
    Failure::function(name, "an index is out of range")
}

/// Where a text is found in another, in characters; -1 when it is not.
fn position<'v>(
    on: &str,
    what: &str,
    budget: &mut Budget,
    find: impl Fn(&str, &str) -> Option<usize>,
) -> Result<Value<'v>, Failure> {
    budget.read(on.len().saturating_mul(2).saturating_add(what.len()))?;
    Ok(find(on, what).map_or(Value::Whole(-1), |at| whole(on[..at].chars().count())))
}

/// The byte position of a character; that of the end for the index after the last.
fn boundary(text: &str, index: i64) -> Option<usize> {
    let index = usize::try_from(index).ok()?;
    text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(index)
}

fn substring<'v>(on: &str, from: i64, to: Option<i64>, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    budget.read(on.len().saturating_mul(2))?;
    let start = boundary(on, from);
    let end = to.map_or(Some(on.len()), |to| boundary(on, to));
    match (start, end) {
        (Some(start), Some(end)) if start <= end => part(&on[start..end], budget),
        _ => Err(out_of_range("substring")),
    }
}

/// A limit on parts or occurrences; all when it is negative.
fn limit(most: i64) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

fn replace<'v>(on: &str, from: &str, to: &str, most: i64, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    budget.read(on.len().saturating_mul(2).saturating_add(from.len()))?;
    let count = on.matches(from).take(limit(most)).count();
    let removed = count.saturating_mul(from.len());
    let size = on.len().saturating_sub(removed).saturating_add(count.saturating_mul(to.len()));
    made(amount(size), budget, || on.replacen(from, to, count))
}

/// At most `most` parts, the last with the rest; no separator separates characters.
fn split<'v>(on: &str, separator: &str, most: i64, budget: &mut Budget) -> Result<Value<'v>, Failure> {
    budget.read(on.len().saturating_mul(2).saturating_add(separator.len()))?;
    let most = limit(most);
    let parts = || -> Box<dyn Iterator<Item = &str>> {
        if separator.is_empty() { Box::new(characters(on, most)) } else { Box::new(on.splitn(most, separator)) }
    };
    let count = amount(parts().count());
    budget.elements(count)?;
    budget.allocate(count.saturating_mul(TEXT_OVERHEAD).saturating_add(amount(on.len())))?;
    Ok(Value::List(List::Made(parts().map(Value::made).collect())))
}

/// Characters as texts; the last of `most` has the rest.
fn characters(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut left = most;
    std::iter::from_fn(move || {
        let first = rest.chars().next().filter(|_| left > 0)?;
        left -= 1;
        let (head, tail) = rest.split_at(if left == 0 { rest.len() } else { first.len_utf8() });
        rest = tail;
        Some(head)
    })
}

/// Joins texts. `only_filled`: leaves out nulls and blank texts, and takes blanks away from around the others.
pub(super) fn join<'v>(
    list: &List<'v>,
    separator: &str,
    only_filled: bool,
    budget: &mut Budget,
) -> Result<Value<'v>, Failure> {
    budget.elements(amount(list.len()))?;
    let mut size = 0;
    let mut parts: Vec<Text<'v>> = Vec::new();
    for item in list.iter() {
        match item {
            Value::Null if only_filled => {}
            Value::Text(text) => {
                budget.step(1)?;
                budget.read(text.as_str().len())?;
                if !only_filled || !text.as_str().trim().is_empty() {
                    size += amount(text.as_str().len()) + amount(separator.len());
                    parts.push(text);
                }
            }
            other => return Err(wrong_kind("join", std::slice::from_ref(&other))),
        }
    }
    let parts: Vec<&str> =
        parts.iter().map(Text::as_str).map(|text| if only_filled { text.trim() } else { text }).collect();
    made(size, budget, || parts.join(separator))
}
