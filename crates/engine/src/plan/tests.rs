//! A small world to plan in: one source, one target, links, a fixed clock.

mod guard;
mod mapping;
mod matching;
mod properties;
mod records;
mod release;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{PlanInput, PlanOutcome, Published, StreamInput, plan};
use crate::compile::{CompiledSetting, compile};
use crate::definitions::schema::StreamSchema;
use crate::model::{
    Entry, Fields, Link, Plan, Provenance, Read, ReadProof, SourceRecord, TargetRecord, Unreadable, Verdict,
};
use rollcall_api::v1alpha1::{Guard, Release, SyncMode, SyncSettingSpec};

/// Noon of 15 June 2026 in UTC.
const NOW: &str = "2026-06-15T12:00:00Z";

#[derive(Clone, Debug)]
struct World {
    people: Value,
    parsing: Value,
    source: Vec<(String, Value)>,
    unreadable: Vec<String>,
    proof: ReadProof,
    target: Vec<TargetRecord>,
    target_complete: bool,
    links: Vec<Link>,
    centres: Vec<String>,
    centre_targets: Vec<TargetRecord>,
    centre_links: Vec<Link>,
    now: Timestamp,
    zone: &'static str,
    guard: Guard,
    mode: SyncMode,
    published: Published,
    release: Option<Release>,
}

fn schemas() -> (BTreeMap<String, StreamSchema>, BTreeMap<String, StreamSchema>) {
    let source = json!({
        "people": {"fields": {
            "id": {}, "status": {}, "name": {}, "email": {}, "gender": {}, "lastDay": {}, "born": {},
            "grade": {}, "kind": {}, "boss": {"type": "Reference", "stream": "people"},
            "centre": {"type": "Reference", "stream": "costCentres"}
        }},
        "costCentres": {"fields": {"id": {}}}
    });
    let target = json!({
        "people": {"dependsOn": ["costCentres"], "canDisable": true, "canDelete": true, "fields": {
            "externalId": {"lookup": true}, "userName": {"required": true, "lookup": true, "caseExact": false},
            "name": {"maxLength": 12}, "gender": {"enum": ["F", "M"]}, "born": {"type": "Date"},
            "grade": {"type": "Integer"}, "manager": {"type": "Reference", "stream": "people"},
            "centre": {"type": "Reference", "stream": "costCentres"}
        }},
        "costCentres": {"fields": {"name": {"required": true, "lookup": true}}}
    });
    (serde_json::from_value(source).unwrap(), serde_json::from_value(target).unwrap())
}

impl World {
    /// A published setting that matches on externalId, then userName; nobody in either system.
    fn new() -> Self {
        Self {
            people: json!({
                "name": "people",
                "scope": "source.kind != 'X' && source.status != 'HIDDEN'",
                "match": [{"field": "externalId"}, {"field": "userName"}],
                "leaver": {"when": "source.status == 'LEFT'", "lastDay": "source.lastDay"},
                "fields": [
                    {"to": "externalId", "from": "id"}, {"to": "userName", "from": "email"},
                    {"to": "name", "from": "name"}, {"to": "manager", "from": "boss"}, {"to": "centre", "from": "centre"}
                ]
            }),
            parsing: json!({}),
            source: Vec::new(),
            unreadable: Vec::new(),
            proof: ReadProof::DeclaredTotal,
            target: Vec::new(),
            target_complete: true,
            links: Vec::new(),
            centres: Vec::new(),
            centre_targets: Vec::new(),
            centre_links: Vec::new(),
            now: NOW.parse().unwrap(),
            zone: "Europe/Berlin",
            guard: Guard::default(),
            mode: SyncMode::Mirror,
            published: Published::Yes,
            release: None,
        }
    }

    /// Adds a person to the source; `extra` overrides fields.
    fn person(mut self, key: &str, extra: Value) -> Self {
        self.source.push((key.into(), body(key, extra)));
        self
    }

    /// Adds a record to the target as this world would have created it.
    fn existing(mut self, key: &str) -> Self {
        self.target.push(record(
            &format!("t-{key}"),
            &json!({
                "externalId": key, "userName": format!("{key}@example.org"), "name": format!("Name {key}")
            }),
        ));
        self
    }

    fn link(mut self, key: &str) -> Self {
        self.links.push(link("people", key, &format!("t-{key}")));
        self
    }

    /// A person that is in both systems, linked and in step.
    fn in_step(self, key: &str) -> Self {
        self.person(key, json!({})).existing(key).link(key)
    }

    fn field(mut self, field: Value) -> Self {
        self.people["fields"].as_array_mut().unwrap().push(field);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn compiled(&self) -> CompiledSetting {
        let spec: SyncSettingSpec = serde_json::from_value(json!({
            "sourceRef": {"name": "a"}, "targetRef": {"name": "b"}, "parsing": self.parsing,
            "streams": [self.people, {"name": "costCentres", "match": [{"field": "name"}],
                "fields": [{"to": "name", "from": "id"}]}]
        }))
        .unwrap();
        let (source, target) = schemas();
        compile(&spec, &source, &target).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn streams(&self) -> BTreeMap<String, StreamInput> {
        let people = StreamInput {
            source: self.read(&self.source, &self.unreadable),
            target: self.target.clone(),
            target_complete: self.target_complete,
            links: self.links.clone(),
        };
        let centres: Vec<_> = self.centres.iter().map(|key| (key.clone(), json!({"id": key}))).collect();
        let centres = StreamInput {
            source: self.read(&centres, &[]),
            target: self.centre_targets.clone(),
            target_complete: self.target_complete,
            links: self.centre_links.clone(),
        };
        [("people".to_owned(), people), ("costCentres".to_owned(), centres)].into()
    }

    fn read(&self, records: &[(String, Value)], unreadable: &[String]) -> Read<SourceRecord> {
        let record = |(key, body): &(String, Value)| SourceRecord { key: key.clone(), body: body.clone().into() };
        let broken = |key: &String| Unreadable { key: key.clone(), reason: "AnswerInvalid", message: String::new() };
        Read {
            records: records.iter().map(record).collect(),
            unreadable: unreadable.iter().map(broken).collect(),
            pages: 1,
            declared_total: None,
            proof: self.proof,
        }
    }

    fn outcome(&self) -> PlanOutcome {
        let setting = self.compiled();
        plan(&PlanInput {
            setting: &setting,
            streams: self.streams(),
            now: self.now,
            zone: jiff::tz::TimeZone::get(self.zone).unwrap(),
            guard: &self.guard,
            mode: self.mode,
            published: self.published,
            release: self.release.as_ref(),
            digest_key: b"key",
        })
    }

    fn plan(&self) -> Plan {
        match self.outcome() {
            PlanOutcome::Planned(plan) => plan,
            other => panic!("expected a plan, got {other:?}"),
        }
    }

    /// The one entry of the people stream for a key.
    #[track_caller]
    fn entry(&self, key: &str) -> Entry {
        entry(&self.plan(), key).unwrap_or_else(|| panic!("no entry for {key}"))
    }

    /// Verdict and reason for a key.
    #[track_caller]
    fn verdict(&self, key: &str) -> (&'static str, &'static str) {
        let entry = self.entry(key);
        (word(&entry.verdict), entry.reason)
    }
}

fn entry(plan: &Plan, key: &str) -> Option<Entry> {
    let people = plan.streams.iter().find(|stream| stream.name == "people")?;
    people.entries.iter().find(|entry| entry.source_key == key).cloned()
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Create { .. } => "create",
        Verdict::Update { .. } => "update",
        Verdict::Disable => "disable",
        Verdict::Delete => "delete",
        Verdict::Unchanged => "unchanged",
        Verdict::Skip => "skip",
        Verdict::Conflict => "conflict",
        Verdict::Fail => "fail",
    }
}

fn body(key: &str, extra: Value) -> Value {
    let mut body = json!({"id": key, "status": "ACTIVE", "name": format!("Name {key}"),
        "email": format!("{key}@example.org"), "gender": null, "lastDay": null, "born": null, "grade": null,
        "kind": "A", "boss": null, "centre": null});
    if let (Value::Object(body), Value::Object(extra)) = (&mut body, extra) {
        body.extend(extra);
    }
    body
}

fn record(id: &str, fields: &Value) -> TargetRecord {
    let fields = fields.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    TargetRecord { id: id.into(), active: true, fields: Fields(fields) }
}

fn link(stream: &str, key: &str, id: &str) -> Link {
    Link {
        stream: stream.into(),
        source_key: key.into(),
        target_id: id.into(),
        provenance: Provenance::Auto,
        created_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        disabled_at: None,
    }
}
