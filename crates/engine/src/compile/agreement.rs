//! The terms of a setting as digests: what somebody agrees to by approving its plan.

use ring::hmac;
use rollcall_api::v1alpha1::{FieldMapping, PublishPolicy, Stream, StreamMode, SyncSettingSpec};
use serde_json::{Value, json};

use crate::model::{AgreedGuard, Agreement, StreamAgreement};
use crate::value::hexadecimal;

/// The terms of a setting. `systems` describes both systems: definitions, endpoints, parameters. `key` is the setting's
/// random key in the records store; without it nobody can tell what a digest stands for.
pub fn agreement(spec: &SyncSettingSpec, systems: &Value, key: &[u8]) -> Agreement {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let digest = |what: &str, value: &Value| {
        let text = json!(["rollcall-agreement-1", what, value]).to_string();
        hexadecimal(&hmac::sign(&key, text.as_bytes()).as_ref()[..16])
    };
    let takes_part = |stream: &&Stream| stream.enabled && stream.mode != StreamMode::Ignore;
    let streams = spec.streams.iter().filter(takes_part).map(|stream| {
        let fields = stream.fields.iter().map(|field| (field.to.as_str().into(), digest("field", &mapping(field))));
        let terms = StreamAgreement { rules: digest("rules", &rules(stream)), fields: fields.collect() };
        (stream.name.as_str().into(), terms)
    });
    Agreement {
        systems: digest("systems", systems),
        streams: streams.collect(),
        terms: digest("terms", &json!([spec.mode, spec.parsing, spec.time_zone])),
        guard: AgreedGuard(spec.guard.clone()),
        automatic: spec.publish == PublishPolicy::Automatic,
    }
}

/// Who is concerned and what may happen to them: the same for every field.
fn rules(stream: &Stream) -> Value {
    let is_matched =
        |field: &&FieldMapping| stream.match_rules.iter().any(|rule| rule.names().contains(&field.to.as_str()));
    let behind_match: Vec<Value> = stream.fields.iter().filter(is_matched).map(mapping).collect();
    json!([
        stream.name,
        stream.mode,
        stream.scope,
        stream.pick,
        stream.match_rules,
        behind_match,
        stream.actions,
        stream.on_no_match,
        stream.leaver
    ])
}

fn mapping(field: &FieldMapping) -> Value {
    serde_json::to_value(field).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(change: impl FnOnce(&mut Value)) -> SyncSettingSpec {
        let mut spec = json!({"sourceRef": {"name": "a"}, "targetRef": {"name": "b"}, "streams": [{
            "name": "people", "match": [{"field": "externalId"}],
            "fields": [{"to": "externalId", "from": "id"}, {"to": "title", "from": "position"}]
        }]});
        change(&mut spec);
        serde_json::from_value(spec).unwrap()
    }

    fn terms(change: impl FnOnce(&mut Value)) -> Agreement {
        agreement(&spec(change), &json!("systems"), b"key")
    }

    #[test]
    fn a_mapping_changes_its_own_digest_and_behind_a_match_rule_the_rules_too() {
        let before = terms(|_| {});
        let title = terms(|spec| spec["streams"][0]["fields"][1]["from"] = json!("jobTitle"));
        let key = terms(|spec| spec["streams"][0]["fields"][0]["from"] = json!("number"));
        assert_eq!(before.streams["people"].rules, title.streams["people"].rules);
        assert_ne!(before.streams["people"].fields["title"], title.streams["people"].fields["title"]);
        assert_ne!(before.streams["people"].rules, key.streams["people"].rules);
    }

    #[test]
    fn the_key_decides_what_a_digest_looks_like() {
        let one = agreement(&spec(|_| {}), &json!("systems"), b"one");
        let other = agreement(&spec(|_| {}), &json!("systems"), b"other");
        assert_ne!(one.systems, other.systems);
        assert_ne!(one.terms, other.terms);
    }
}
