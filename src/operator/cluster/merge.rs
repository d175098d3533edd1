//! JSON merge patches (RFC 7386) from one status to another. Pure.

use serde_json::{Map, Value};

/// The merge patch that turns `old` into `new`: what is equal is left out, what is gone becomes null.
pub(super) fn merge_patch(old: &Value, new: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return new.clone() };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) => {
                patch.insert(key.clone(), merge_patch(before, value));
            }
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use super::merge_patch;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_sent_and_what_is_gone_becomes_null() {
        let old = json!({"a": 1, "b": {"x": 1, "y": 2}, "c": [1], "d": 1});
        let new = json!({"a": 1, "b": {"x": 1, "z": 3}, "c": [2]});
        assert_eq!(merge_patch(&old, &new), json!({"b": {"y": null, "z": 3}, "c": [2], "d": null}));
        assert_eq!(merge_patch(&json!(null), &new), new);
    }
}
