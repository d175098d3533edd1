//! Paths into JSON documents: `employment.position.title`, `org_units[type=team].id`, `items[0]`, `$` for the whole.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A path. A text that cannot be parsed is kept with its problem, so that the check of a definition can report it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
    problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A member of an object.
    Member(String),
    /// An element of a list, from 0.
    Index(usize),
    /// The first element of a list whose member has this value.
    Where { member: String, value: String },
}

impl From<String> for JsonPath {
    fn from(text: String) -> Self {
        match parse(&text) {
            Ok(steps) => Self { text, steps, problem: None },
            Err(problem) => Self { text, steps: Vec::new(), problem: Some(problem.to_owned()) },
        }
    }
}

impl From<&str> for JsonPath {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<JsonPath> for String {
    fn from(path: JsonPath) -> Self {
        path.text
    }
}

fn parse(text: &str) -> Result<Vec<Step>, &'static str> {
    if text == "$" {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() {
            return Err("a step between dots is empty; the whole document is written $");
        }
        steps.push(Step::Member(name.to_owned()));
        rest = after;
        while let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').ok_or("an opening bracket has no closing one")?;
            let (selector, after) = inner.split_at(end);
            steps.push(parse_selector(selector)?);
            rest = after.get(1..).unwrap_or_default();
        }
        if rest.is_empty() {
            return Ok(steps);
        }
        rest = rest.strip_prefix('.').ok_or("after a closing bracket comes a dot or the end")?;
    }
}

fn parse_selector(selector: &str) -> Result<Step, &'static str> {
    if let Ok(index) = selector.parse() {
        return Ok(Step::Index(index));
    }
    match selector.split_once('=') {
        Some((member, value)) if !member.is_empty() && !value.is_empty() => {
            Ok(Step::Where { member: member.to_owned(), value: value.to_owned() })
        }
        _ => Err("in brackets stands an index or member=value"),
    }
}

impl JsonPath {
    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it cannot be used, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether values can be written through it: names only.
    pub fn is_plain(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| matches!(step, Step::Member(_)))
    }

    /// The value at the path; None when it is not there or null.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        if self.problem.is_some() {
            return None;
        }
        let found = self.steps.iter().try_fold(document, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Index(index) => value.get(index),
            Step::Where { member, value: wanted } => {
                value.as_array()?.iter().find(|element| element.get(member).is_some_and(|value| is_text(value, wanted)))
            }
        })?;
        (!found.is_null()).then_some(found)
    }

    /// Whether a document says anything about the place, if only that nothing is there: every name on the way is a key
    /// of its object, up to the end, a null, or a list that has no such element.
    pub fn is_delivered(&self, document: &Value) -> bool {
        let mut value = document;
        for step in &self.steps {
            let next = match (step, value) {
                (_, Value::Null) => return true,
                (Step::Member(name), Value::Object(members)) => match members.get(name) {
                    Some(next) => next,
                    None => return false,
                },
                (Step::Index(index), Value::Array(items)) => match items.get(*index) {
                    Some(next) => next,
                    None => return true,
                },
                (Step::Where { member, value: wanted }, Value::Array(items)) => {
                    match items.iter().find(|item| item.get(member).is_some_and(|value| is_text(value, wanted))) {
                        Some(next) => next,
                        None => return true,
                    }
                }
                _ => return false,
            };
            value = next;
        }
        self.problem.is_none()
    }

    /// Puts a value at a plain path, making the objects on the way.
    pub fn put(&self, document: &mut Map<String, Value>, value: Value) {
        let names: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|step| if let Step::Member(name) = step { Some(name.as_str()) } else { None })
            .collect();
        put(document, &names, value);
    }
}

/// Puts a value into nested objects, making those that are missing.
pub fn put(document: &mut Map<String, Value>, names: &[&str], value: Value) {
    match names {
        [] => {}
        [name] => {
            document.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = document.entry((*name).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Whether a value is this text. Upper and lower case do not count: the documentation of vendors and what they send
/// disagree about it (Personio writes attribute types in capitals and sends small letters).
pub fn is_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.eq_ignore_ascii_case(wanted),
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(flag) => flag.to_string() == wanted,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_indexes_and_selectors_lead_to_a_value() {
        let document = json!({"a": {"b": [{"type": "TEAM", "id": 5}, {"type": "department", "id": 6}]}, "empty": null});
        assert_eq!(JsonPath::from("a.b[type=team].id").find(&document), Some(&json!(5)));
        assert_eq!(JsonPath::from("a.b[1].id").find(&document), Some(&json!(6)));
        assert_eq!(JsonPath::from("$").find(&document), Some(&document));
        for absent in ["a.c", "a.b[2]", "a.b[type=site].id", "empty"] {
            assert_eq!(JsonPath::from(absent).find(&document), None, "{absent}");
        }
    }

    #[test]
    fn a_place_is_delivered_when_its_key_is_there_whatever_its_value() {
        let document =
            json!({"supervisor": null, "units": [{"type": "team", "id": 5}], "name": {"given": ""}, "text": "x"});
        for delivered in
            ["supervisor.id", "supervisor", "units[type=site].id", "units[3].id", "units[0].id", "name.given"]
        {
            assert!(JsonPath::from(delivered).is_delivered(&document), "{delivered}");
        }
        for missing in ["manager.id", "manager", "units[type=team].name", "name.family", "text.part", "text[0]"] {
            assert!(!JsonPath::from(missing).is_delivered(&document), "{missing}");
        }
    }

    #[test]
    fn paths_that_cannot_be_read_say_why() {
        for text in ["", "a..b", "a[", "a[]", "a[x=]", "a[0]b"] {
            assert!(JsonPath::from(text).problem().is_some(), "{text}");
        }
    }

    #[test]
    fn put_makes_the_objects_on_the_way() {
        let mut document = Map::new();
        JsonPath::from("a.b").put(&mut document, json!(1));
        JsonPath::from("a.c").put(&mut document, json!(2));
        assert_eq!(Value::Object(document), json!({"a": {"b": 1, "c": 2}}));
    }
}
