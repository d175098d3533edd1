//! Texts with placeholders: `/v2/persons/{key}/employments`, `Bearer {token}`.

use serde::{Deserialize, Serialize};

/// A text with placeholders in braces. A text that cannot be parsed is kept with its problem, so that the check of a
/// definition can report it beside the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
    problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(String),
}

/// A placeholder that has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("placeholder {{{variable}}} has no usable value")]
pub struct TemplateError {
    /// Name in the braces.
    pub variable: String,
}

impl From<String> for Template {
    fn from(text: String) -> Self {
        match split(&text) {
            Ok(parts) => Self { text, parts, problem: None },
            Err(problem) => Self { text, parts: Vec::new(), problem: Some(problem.to_owned()) },
        }
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

fn split(text: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['{', '}']) {
        let (literal, from_brace) = rest.split_at(start);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        let inner = from_brace.strip_prefix('{').ok_or("a closing brace has no opening one")?;
        let end = inner.find('}').ok_or("an opening brace has no closing one")?;
        let (name, after) = inner.split_at(end);
        if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '.') {
            return Err("a placeholder is a name of letters, digits and dots");
        }
        parts.push(Part::Variable(name.to_owned()));
        rest = after.get(1..).unwrap_or_default();
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

impl Template {
    /// The text as it was written: what logs and messages show in place of values.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Why it cannot be used, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Names of all placeholders, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Fills the placeholders in. `value` gives the text of a placeholder, already encoded for its place.
    pub fn render(&self, value: impl Fn(&str) -> Option<String>) -> Result<String, TemplateError> {
        let mut rendered = String::with_capacity(self.text.len() + 16);
        for part in &self.parts {
            match part {
                Part::Literal(literal) => rendered.push_str(literal),
                Part::Variable(name) => {
                    rendered.push_str(&value(name).ok_or_else(|| TemplateError { variable: name.clone() })?);
                }
            }
        }
        Ok(rendered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_the_rest_is_kept() {
        let template = Template::from("/v2/persons/{key}/employments");
        assert_eq!(template.render(|name| (name == "key").then(|| "47".into())).unwrap(), "/v2/persons/47/employments");
        assert_eq!(template.variables().collect::<Vec<_>>(), ["key"]);
    }

    #[test]
    fn a_placeholder_without_a_value_is_an_error_that_names_it() {
        let error = Template::from("Bearer {token}").render(|_| None).unwrap_err();
        assert_eq!(error.variable, "token");
    }

    #[test]
    fn unbalanced_braces_and_odd_names_are_problems() {
        for text in ["{open", "close}", "{}", "{a b}", "{{a}}"] {
            assert!(Template::from(text).problem().is_some(), "{text}");
        }
        assert!(Template::from("plain").problem().is_none());
    }
}
