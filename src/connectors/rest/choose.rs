//! Chooses one element of a list by the preferences of a definition.

use std::cmp::Ordering;

use serde_json::Value;

use rollcall_engine::definitions::{Direction, Preference, is_text};

/// The preferred element; the earlier one when no preference tells two apart.
pub(super) fn choose<'a>(elements: &'a [Value], preferences: &[Preference]) -> Option<&'a Value> {
    elements.iter().min_by(|left, right| {
        preferences
            .iter()
            .map(|preference| compare(preference, left, right))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    })
}

/// Less: the left one is preferred.
fn compare(preference: &Preference, left: &Value, right: &Value) -> Ordering {
    let (left, right) = (preference.path.find(left), preference.path.find(right));
    let Some(direction) = preference.direction else {
        let rank = |value: Option<&Value>| {
            let position = |value| preference.values.iter().position(|wanted| is_text(value, wanted));
            value.and_then(position).unwrap_or(preference.values.len())
        };
        return rank(left).cmp(&rank(right));
    };
    match (left, right) {
        (Some(left), Some(right)) => match direction {
            Direction::Smallest => by_size(left, right),
            Direction::Largest => by_size(right, left),
        },
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

/// Numbers (also those written as texts) by size, everything else by letters.
fn by_size(left: &Value, right: &Value) -> Ordering {
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok());
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        _ => left.as_str().unwrap_or_default().cmp(right.as_str().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use rollcall_engine::definitions::{RestStream, Transport, catalogue};

    fn people() -> &'static RestStream {
        match &catalogue::find("personio-v2").unwrap().streams["people"].transport {
            Transport::Rest(stream) => stream,
            Transport::Scim2(_) => panic!("Personio speaks no SCIM"),
        }
    }

    #[test]
    fn the_cost_centre_with_the_highest_weight_and_then_the_lowest_id_counts() {
        let rule = &people().values["employment.costCentre"];
        let chosen = |list: Value| choose(list.as_array().unwrap(), &rule.prefer).map(|element| element["id"].clone());
        assert_eq!(chosen(json!([{"id": "9", "weight": 40}, {"id": "10", "weight": 60}])), Some(json!("10")));
        assert_eq!(chosen(json!([{"id": "10", "weight": 50}, {"id": "9", "weight": 50}])), Some(json!("9")));
        assert_eq!(chosen(json!([{"id": "9"}, {"id": "10", "weight": 1}])), Some(json!("10")));
        assert_eq!(chosen(json!([])), None);
    }

    #[test]
    fn the_active_employment_counts_then_leave_then_onboarding_then_the_newest() {
        let prefer = &people().expand["employment"].prefer;
        let employment =
            |id: &str, status: &str, start: &str| json!({"id": id, "status": status, "employment_start_date": start});
        let old = employment("a", "ACTIVE", "2019-01-01");
        let leave = employment("b", "LEAVE", "2022-01-01");
        let future = employment("c", "ONBOARDING", "2030-01-01");
        let ended = employment("d", "INACTIVE", "2010-01-01");
        let ended_later = employment("e", "INACTIVE", "2015-01-01");
        let chosen = |list: &[&Value]| {
            let list: Vec<Value> = list.iter().map(|value| (*value).clone()).collect();
            choose(&list, prefer).unwrap()["id"].clone()
        };
        assert_eq!(chosen(&[&future, &leave, &old]), "a");
        assert_eq!(chosen(&[&future, &leave, &ended]), "b");
        assert_eq!(chosen(&[&ended_later, &future]), "c");
        assert_eq!(chosen(&[&ended, &ended_later]), "e");
    }
}
