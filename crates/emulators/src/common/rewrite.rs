//! Changes to a list's answer that the faults of paging make.
//!
//! Knows the list shapes of the emulated vendors: `_data` with `_meta.links` (Personio v2),
//! `Resources` with `totalResults` (SCIM), `cost_centers` with `total` (TravelPerk REST), `rows`
//! with `total` and `next` (the invented systems).

use super::faults::FaultKind;
use serde_json::{Value, json};

/// Names under which the rows of a list are found.
const ROWS: [&str; 4] = ["_data", "Resources", "cost_centers", "rows"];
/// Names under which a total is found.
const TOTALS: [&str; 2] = ["totalResults", "total"];
/// Names that count the rows of the page.
const PAGE_COUNTS: [&str; 1] = ["itemsPerPage"];

/// The rows of a list, if the answer is one.
pub fn rows_mut(body: &mut Value) -> Option<&mut Value> {
    let name = ROWS.into_iter().find(|name| body.get(name).is_some_and(Value::is_array))?;
    body.get_mut(name)
}

/// Applies a fault of paging to an answer. `target` is the path and query of the request,
/// `before` has the rows of the previous page. Gives false for an answer that is no list.
pub fn apply(body: &mut Value, kind: &FaultKind, target: &str, before: Option<Value>) -> bool {
    let Some(rows) = rows_mut(body) else {
        return false;
    };
    match kind {
        FaultKind::EmptyList => {
            *rows = json!([]);
            set_numbers(body, |_| 0);
            if let Some(links) = body.pointer_mut("/_meta/links").and_then(Value::as_object_mut) {
                links.remove("next");
            }
            if let Some(fields) = body.as_object_mut() {
                fields.remove("next");
            }
        }
        FaultKind::DropPage => *rows = json!([]),
        FaultKind::RepeatPage => *rows = before.unwrap_or_else(|| rows.clone()),
        FaultKind::WrongTotal { by } => {
            for name in TOTALS {
                if let Some(total) = body.get(name).and_then(Value::as_i64) {
                    body[name] = json!(total + by);
                }
            }
        }
        FaultKind::StuckCursor => stick(body, target),
        _ => {}
    }
    true
}

fn set_numbers(body: &mut Value, change: impl Fn(i64) -> i64) {
    for name in TOTALS.into_iter().chain(PAGE_COUNTS) {
        if let Some(number) = body.get(name).and_then(Value::as_i64) {
            body[name] = json!(change(number));
        }
    }
}

/// A forum report on Personio describes a next link that never moved on.
fn stick(body: &mut Value, target: &str) {
    if !target.contains("cursor=") {
        return;
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let own = |link: &str| format!("{}?{query}", link.split('?').next().unwrap_or(link));
    if let Some(next) = body.get("next").and_then(Value::as_str).map(own) {
        body["next"] = json!(next);
    }
    let href = body.pointer("/_meta/links/self/href").and_then(Value::as_str).map(own);
    let links = body.pointer_mut("/_meta/links").and_then(Value::as_object_mut);
    if let (Some(href), Some(links)) = (href, links) {
        links.insert("next".to_owned(), json!({ "href": href }));
    }
}
