//! Expressions that want to hurt, and those that must go on working. The lists are in `tests/fixtures/hostile`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Row, Wanted, check};
use crate::compile::{Problem, Problems};
use crate::definitions::schema::StreamSchema;
use crate::expression::budget::MOST_STEPS;
use crate::expression::functions::SIGNATURES;
use crate::expression::syntax::Node;
use crate::expression::{EvaluationError, Expression, Variable, View};
use crate::model::Fields;

/// One entry of the list of hostile expressions; its head says what the parts mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hostile {
    name: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    repeat: String,
    #[serde(default)]
    times: usize,
    #[serde(default)]
    after: String,
    #[serde(default)]
    close: String,
    #[serde(default)]
    closes: usize,
    says: Option<String>,
    large: Option<String>,
    #[serde(default)]
    fails: bool,
}

impl Hostile {
    fn all() -> Vec<Self> {
        let list = include_str!("../../../../../tests/fixtures/hostile/expressions/hostile.yaml");
        serde_yaml_ng::from_str(list).unwrap()
    }

    fn whole(&self) -> String {
        let (middle, end) = (self.repeat.repeat(self.times), self.close.repeat(self.closes));
        [&self.text, &self.before, &middle, &self.after, &end].map(String::as_str).concat()
    }
}

#[derive(Deserialize)]
struct Benign {
    text: String,
    value: Value,
}

fn benign() -> Vec<Benign> {
    serde_yaml_ng::from_str(include_str!("../../../../../tests/fixtures/hostile/expressions/benign.yaml")).unwrap()
}

fn schema() -> StreamSchema {
    serde_json::from_value(json!({"fields": {
        "name": {}, "nick": {}, "email": {}, "employment.type": {}, "employment.hours": {"type": "Number"},
        "hours": {"type": "Number"}, "age": {"type": "Integer"}, "active": {"type": "Boolean"},
        "tags": {"type": "TextList"}, "born": {"type": "Date"}, "changed": {"type": "Timestamp"}
    }}))
    .unwrap()
}

fn row(changes: &[(&str, Value)]) -> Fields {
    let mut fields: Fields = serde_json::from_value(json!({
        "name": " Ada ", "nick": null, "employment.type": "X", "employment.hours": 38, "hours": 4, "age": 3,
        "active": true, "tags": ["a", "b"], "born": "2001-02-03", "changed": "2001-02-03T23:30:00+02:00"
    }))
    .unwrap();
    fields.extend(changes.iter().map(|(name, value)| ((*name).into(), value.clone())));
    fields
}

/// A million characters in a text, a hundred thousand elements in a list.
fn large_row() -> Fields {
    let text = "a".repeat(1_000_000);
    let tags: Vec<String> = (0..100_000).map(|number| format!("tag {number}")).collect();
    row(&[("name", json!(text)), ("nick", json!("(a|b)+c")), ("email", json!(text)), ("tags", json!(tags))])
}

/// Texts and lists as large as the check takes them to be, with characters of the most bytes.
fn largest_row() -> Fields {
    let text = "😀".repeat(256);
    let day = "9".repeat(64);
    row(&[
        ("name", json!(text)),
        ("nick", json!(text)),
        ("email", json!(text)),
        ("employment.type", json!(text)),
        ("tags", json!(vec![text; 32])),
        ("born", json!(day)),
    ])
}

fn problems(text: &str) -> Vec<Problem> {
    let mut found = Problems::default();
    let schema = schema();
    check(text, "spec.x.expr", Wanted::Anything, Row::source(&schema), &mut BTreeSet::new(), &mut found);
    found.0
}

fn evaluate(text: &str, fields: &Fields) -> Option<Result<Value, EvaluationError>> {
    let schema = schema();
    let view = View::new(&schema, schema.fields.keys());
    let expression = Expression::compile(text, Variable::Source).ok()?;
    Some(expression.evaluate(&view.context(fields)))
}

/// Far more than any expression needs, also on a machine that is busy.
const A_SECOND: Duration = Duration::from_secs(1);

/// How long something takes.
#[expect(clippy::disallowed_methods, reason = "that nothing takes long is what is tested")]
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let result = act();
    (result, start.elapsed())
}

/// What is wrong with each of many, all at once.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_of_every_hostile_expression_ends_with_what_is_wrong_and_where() {
    let mut wrong = Vec::new();
    for hostile in Hostile::all() {
        let (problems, took) = timed(|| problems(&hostile.whole()));
        let is_as_said = match hostile.says.as_deref() {
            None => true,
            Some("") => problems.is_empty(),
            Some(says) => problems.iter().any(|problem| problem.rule.contains(says)),
        };
        let is_placed = problems.iter().all(|problem| problem.path == "spec.x.expr" && !problem.remedy.is_empty());
        if !is_as_said || !is_placed || took > A_SECOND {
            wrong.push(format!("{}: after {took:?} {problems:?}", hostile.name));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_hostile_expression_ends_within_its_budget_whatever_the_record_is() {
    let (small, large) = (row(&[]), large_row());
    let mut wrong = Vec::new();
    for hostile in Hostile::all() {
        for (size, fields) in [("small", &small), ("large", &large)] {
            let (result, took) = timed(|| evaluate(&hostile.whole(), fields));
            let Some(result) = result else { continue };
            let is_as_said = match (&hostile.large, size) {
                (Some(unit), "large") => result
                    .as_ref()
                    .is_err_and(|error| error.to_string().contains(&format!(" {unit} of one evaluation is exceeded"))),
                _ => !hostile.fails || matches!(result, Err(EvaluationError::Value(_))),
            };
            if !is_as_said || took > A_SECOND {
                wrong.push(format!("{} ({size}): after {took:?} {:?}", hostile.name, result.map(|_| "a value")));
            }
        }
    }
    assert_none(&wrong);
}

/// Texts that just fit into the budget, so that all of it is spent on patterns that cost most for what they are.
#[test]
fn patterns_that_use_up_the_budget_end_within_a_second() {
    for pattern in ["(?:[ac]?){1000}[xy]", "(?:a?){1400}(?:a|c){1000}x", ".*a.{200}b", "(a+)+(c+)+(a+)+x"] {
        let text = format!("source.name.matches('{pattern}')");
        let expression = Expression::compile(&text, Variable::Source).unwrap();
        let Node::Matches(_, compiled) = &expression.root else { panic!("{pattern} is not compiled") };
        let length = (MOST_STEPS - 1000) / compiled.steps_per_byte;
        // Letters without a pattern of their own, the same in each run: the top bits of a linear congruence.
        let mut state = 1_u32;
        let letters = (0..length).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { 'a' } else { 'c' }
        });
        let fields = row(&[("name", json!(letters.collect::<String>()))]);
        let (result, took) = timed(|| evaluate(&text, &fields));
        assert!(matches!(result, Some(Ok(_))), "{pattern}");
        assert!(took < A_SECOND, "{pattern}: {length} letters took {took:?}");
    }
}

#[test]
fn everyday_expressions_are_accepted_and_give_what_they_should() {
    let fields = row(&[]);
    let mut wrong = Vec::new();
    for Benign { text, value } in benign() {
        let (problems, given) = (problems(&text), evaluate(&text, &fields));
        if !problems.is_empty() || given != Some(Ok(value)) {
            wrong.push(format!("{text}: {given:?} {problems:?}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_function_is_among_the_everyday_expressions() {
    let list: String = benign().into_iter().map(|entry| entry.text + "\n").collect();
    for signature in SIGNATURES {
        let call = format!("{}{}(", if signature.is_member { "." } else { "" }, signature.name);
        assert!(list.contains(&call), "{call}");
    }
}

/// What is accepted for records that keep to the schema must not fail for them.
#[test]
fn what_the_check_estimates_is_never_less_than_what_evaluation_takes() {
    let schema = schema();
    let view = View::new(&schema, schema.fields.keys());
    let rows = [row(&[]), largest_row()];
    let texts =
        benign().into_iter().map(|entry| entry.text).chain(Hostile::all().into_iter().map(|hostile| hostile.whole()));
    let mut compared = 0;
    for text in texts {
        let Ok(expression) = Expression::compile(&text, Variable::Source) else { continue };
        let cost = crate::compile::inference::infer(&expression.root, Row::source(&schema)).cost;
        for fields in &rows {
            let taken = expression.taken(&view.context(fields));
            assert!(taken.steps <= cost.steps, "{text}: {} steps, not {}", taken.steps, cost.steps);
            assert!(taken.bytes <= cost.bytes, "{text}: {} bytes, not {}", taken.bytes, cost.bytes);
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}
