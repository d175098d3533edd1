//! A small world to plan in: one source, one target, links, what was agreed, a fixed clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_api::v1alpha1::{Action, Guard, Release, SyncMode, SyncSettingSpec};
use serde_json::{Value, json};

use super::rows::{entry, link, person, row, set, source_row, target_row, word};
use crate::compile::{CompiledSetting, Schemas, agreement, compile};
use crate::model::{Agreement, Effects, Entry, Link, Origin, Plan, Proposal, Read, ReadProof, Row};
use crate::names::{RowId, Side};
use crate::plan::{Approved, PlanInput, Planned, StreamInput, Terms, end, plan};

/// Noon of 15 June 2026 in UTC.
const NOW: &str = "2026-06-15T12:00:00Z";
/// Key of digests and witnesses.
pub(super) const KEY: &[u8] = b"key";

/// One stream: what the setting says, and what the two systems and the store have.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) spec: Value,
    pub(super) source: Vec<Row>,
    pub(super) target: Vec<Row>,
    pub(super) source_proof: ReadProof,
    pub(super) target_proof: ReadProof,
    pub(super) links: Vec<Link>,
    pub(super) asks_by_id: bool,
    /// Absent rows about which the leading side did not say that they are gone.
    pub(super) silent_about: BTreeSet<String>,
    /// Linked rows that were not listed and about which the following side did not answer.
    pub(super) unanswered: BTreeSet<String>,
    pub(super) looked_up: BTreeSet<String>,
    pub(super) claimed: BTreeSet<String>,
    pub(super) effects: Effects,
    pub(super) requested: Vec<String>,
}

impl Stream {
    pub(super) fn new(spec: Value) -> Self {
        Self {
            spec,
            source: Vec::new(),
            target: Vec::new(),
            source_proof: ReadProof::DeclaredTotal,
            target_proof: ReadProof::DeclaredTotal,
            links: Vec::new(),
            asks_by_id: false,
            silent_about: BTreeSet::new(),
            unanswered: BTreeSet::new(),
            looked_up: BTreeSet::new(),
            claimed: BTreeSet::new(),
            effects: Effects::default(),
            requested: Vec::new(),
        }
    }

    fn input(&self, lead: Side) -> StreamInput {
        let read = |rows: &[Row], proof| Read { rows: rows.to_vec(), pages: 1, declared_total: None, proof };
        let ids = |texts: &BTreeSet<String>| texts.iter().map(RowId::from).collect::<BTreeSet<_>>();
        let gone = |side: Side, rows: &[Row], unanswered: &BTreeSet<String>| -> BTreeSet<RowId> {
            let ids = self.links.iter().map(|link| end(link, side));
            ids.filter(|id| !rows.iter().any(|row| row.id == *id) && !unanswered.contains(id.as_str())).collect()
        };
        let (leading, following) = match lead {
            Side::Source => (&self.source, &self.target),
            Side::Target => (&self.target, &self.source),
        };
        StreamInput {
            source: read(&self.source, self.source_proof),
            target: read(&self.target, self.target_proof),
            links: self.links.clone(),
            asks_by_id: self.asks_by_id,
            gone_from_lead: if self.asks_by_id { gone(lead, leading, &self.silent_about) } else { BTreeSet::new() },
            gone_from_follower: gone(lead.other(), following, &self.unanswered),
            looked_up: ids(&self.looked_up),
            claimed: ids(&self.claimed),
            effects: self.effects.clone(),
            requested: self.requested.iter().map(RowId::from).collect(),
        }
    }
}

/// What is in force about the setting.
#[derive(Clone, Debug)]
pub(super) enum InForce {
    /// What the setting says now.
    Present,
    Nothing,
    This(Box<Agreement>),
}

/// Two systems, a setting, and what the store has about them.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) people: Stream,
    pub(super) centres: Stream,
    /// Streams of records that belong to others, if the setting has any.
    pub(super) children: Vec<Stream>,
    pub(super) parsing: Value,
    pub(super) now: Timestamp,
    pub(super) zone: &'static str,
    pub(super) guard: Guard,
    pub(super) mode: SyncMode,
    pub(super) publish: &'static str,
    pub(super) systems: Value,
    pub(super) in_force: InForce,
    pub(super) saw_manual: bool,
    pub(super) approved: Option<Approved>,
    pub(super) actions: Vec<Action>,
    /// Whether the target can switch people off; where it cannot, they are deleted.
    pub(super) can_disable: bool,
}

fn schemas(can_disable: bool) -> (Schemas, Schemas) {
    let source = json!({
        "people": {"canDisable": true, "fields": {
            "id": {}, "status": {}, "name": {}, "email": {}, "gender": {}, "lastDay": {}, "born": {},
            "grade": {}, "kind": {}, "phone": {}, "level": {}, "boss": {"type": "Reference", "stream": "people"},
            "centre": {"type": "Reference", "stream": "costCentres"}
        }},
        "costCentres": {"fields": {"id": {}}},
        "placements": {"parent": "people", "fields": {"number": {}, "type": {}, "start": {"type": "Date"}}},
        "reviews": {"parent": "placements", "fields": {"number": {}}}
    });
    let target = json!({
        "people": {"dependsOn": ["costCentres"], "canDisable": can_disable, "canDelete": true, "fields": {
            "externalId": {"lookup": true}, "userName": {"required": true, "lookup": true, "caseExact": false},
            "name": {"maxLength": 12, "identifies": true}, "gender": {"enum": ["F", "M"]}, "born": {"type": "Date", "identifies": true},
            "grade": {"type": "Integer"}, "mobile": {}, "rank": {}, "state": {},
            "manager": {"type": "Reference", "stream": "people"},
            "centre": {"type": "Reference", "stream": "costCentres"}
        }},
        "costCentres": {"fields": {"name": {"required": true, "lookup": true}}},
        "placements": {"parent": "people", "canDelete": true, "fields": {
            "number": {"required": true, "lookup": true}, "type": {}, "start": {"type": "Date"}
        }},
        "reviews": {"parent": "placements", "fields": {"number": {"lookup": true}}}
    });
    let mut schemas: [Schemas; 2] = [source, target].map(|schemas| serde_json::from_value(schemas).unwrap());
    for schema in schemas.iter_mut().flat_map(BTreeMap::values_mut) {
        schema.can_write = true;
    }
    let [source, target] = schemas;
    (source, target)
}

impl World {
    /// An agreed setting that matches on externalId, then userName; nobody in either system.
    pub(super) fn new() -> Self {
        let people = json!({
            "name": "people",
            "scope": "source.kind != 'X' && source.status != 'HIDDEN'",
            "match": [{"field": "externalId"}, {"field": "userName"}],
            "leaver": {"when": "source.status == 'LEFT'", "lastDay": "source.lastDay"},
            "fields": [
                {"to": "externalId", "from": "id"}, {"to": "userName", "from": "email"},
                {"to": "name", "from": "name"}, {"to": "manager", "from": "boss"}, {"to": "centre", "from": "centre"}
            ]
        });
        let centres = json!({"name": "costCentres", "match": [{"field": "name"}],
            "fields": [{"to": "name", "from": "id"}]});
        Self {
            people: Stream::new(people),
            centres: Stream::new(centres),
            children: Vec::new(),
            parsing: json!({}),
            now: NOW.parse().unwrap(),
            zone: "Europe/Berlin",
            guard: Guard::default(),
            mode: SyncMode::Mirror,
            publish: "Manual",
            systems: json!("both systems"),
            in_force: InForce::Present,
            saw_manual: false,
            approved: None,
            actions: Vec::new(),
            can_disable: true,
        }
    }

    /// The same setting before anything was agreed.
    pub(super) fn unpublished() -> Self {
        Self::new().with(|world| world.in_force = InForce::Nothing)
    }

    /// Adds a person to the source; `extra` overrides fields, null takes one away.
    pub(super) fn person(mut self, key: &str, extra: Value) -> Self {
        self.people.source.push(person(key, extra));
        self
    }

    /// Adds a record to the target as this world would have created it.
    pub(super) fn existing(mut self, key: &str) -> Self {
        let fields =
            json!({"externalId": key, "userName": format!("{key}@example.org"), "name": format!("Name {key}")});
        self.people.target.push(row(&format!("t-{key}"), fields));
        self
    }

    /// Adds a link between a person and the record that this world would have created.
    pub(super) fn link(mut self, key: &str) -> Self {
        self.people.links.push(link("people", key, &format!("t-{key}")));
        self
    }

    /// A person that is in both systems, linked and in step.
    pub(super) fn in_step(self, key: &str) -> Self {
        self.person(key, json!({})).existing(key).link(key)
    }

    /// So many people in step, `p000` and so on.
    pub(super) fn staff(self, count: usize) -> Self {
        (0..count).fold(self, |world, number| world.in_step(&format!("p{number:03}")))
    }

    /// With one more mapping of people.
    pub(super) fn field(mut self, field: Value) -> Self {
        self.people.spec["fields"].as_array_mut().unwrap().push(field);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With a value of the person's row in the source changed; null takes it away.
    pub(super) fn now_has(self, key: &str, field: &str, value: Value) -> Self {
        self.with(|world| set(source_row(world, key), field, value))
    }

    /// With a value of the person's row in the target changed; null takes it away.
    pub(super) fn target_has(self, key: &str, field: &str, value: Value) -> Self {
        self.with(|world| set(target_row(world, key), field, value))
    }

    /// What the store remembers after a run that found everything as it is now.
    pub(super) fn remembered(mut self) -> Self {
        let planned = self.planned();
        for entry in planned.plan.streams.iter().filter(|stream| stream.name == "people").flat_map(|s| &s.entries) {
            let links = self.people.links.iter_mut();
            let same = |link: &&mut Link| Some(&link.source_key) == entry.source_key.as_ref();
            if let (Some(link), Some(memory)) = (links.into_iter().find(same), &entry.memory) {
                memory.store(link);
            }
        }
        self
    }

    pub(super) fn spec(&self) -> SyncSettingSpec {
        let streams: Vec<&Value> = self.streams().map(|stream| &stream.spec).collect();
        serde_json::from_value(json!({
            "sourceRef": {"name": "a"}, "targetRef": {"name": "b"}, "parsing": self.parsing, "timeZone": self.zone,
            "guard": self.guard, "mode": self.mode, "publish": self.publish, "streams": streams
        }))
        .unwrap()
    }

    fn streams(&self) -> impl Iterator<Item = &Stream> {
        [&self.people, &self.centres].into_iter().chain(&self.children)
    }

    pub(super) fn compiled(&self) -> CompiledSetting {
        let (source, target) = schemas(self.can_disable);
        compile(&self.spec(), &source, &target).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// The terms as the setting has them now.
    pub(super) fn agreement(&self) -> Agreement {
        agreement(&self.spec(), &self.systems, KEY)
    }

    /// The same setting with what it says now agreed, whatever is changed afterwards.
    pub(super) fn agreed(mut self) -> Self {
        self.in_force = InForce::This(Box::new(self.agreement()));
        self
    }

    pub(super) fn terms(&self) -> Terms {
        let present = self.agreement();
        let in_force = match &self.in_force {
            InForce::Present => Some(present.clone()),
            InForce::Nothing => None,
            InForce::This(agreement) => Some((**agreement).clone()),
        };
        Terms::new(present, in_force.as_ref(), self.saw_manual)
    }

    pub(super) fn inputs(&self, setting: &CompiledSetting) -> BTreeMap<crate::names::StreamName, StreamInput> {
        let named = self.streams().map(|stream| {
            let name = stream.spec["name"].as_str().unwrap();
            (name.into(), stream.input(setting.stream(name).map_or(Side::Source, crate::compile::CompiledStream::lead)))
        });
        named.collect()
    }

    /// Calls a function with everything that a plan is made from.
    pub(super) fn planned_with<T>(&self, then: impl FnOnce(&PlanInput<'_>) -> T) -> T {
        self.planned_by(&self.compiled(), &self.terms(), then)
    }

    /// The same with a setting and terms that were worked out before.
    pub(super) fn planned_by<T>(
        &self,
        setting: &CompiledSetting,
        terms: &Terms,
        then: impl FnOnce(&PlanInput<'_>) -> T,
    ) -> T {
        then(&PlanInput {
            setting,
            streams: self.inputs(setting),
            now: self.now,
            zone: jiff::tz::TimeZone::get(self.zone).unwrap(),
            mode: self.mode,
            terms,
            approved: self.approved.as_ref(),
            actions: &self.actions,
            key: KEY,
            origin: Origin::Sync,
        })
    }

    pub(super) fn planned(&self) -> Planned {
        self.planned_with(plan)
    }

    pub(super) fn plan(&self) -> Plan {
        self.planned().plan
    }

    pub(super) fn proposal(&self) -> Proposal {
        self.planned().proposal.expect("something waits for an approval")
    }

    /// The same world in a run that releases a proposal, whole.
    pub(super) fn releasing(self, proposal: &Proposal) -> Self {
        self.releasing_part(proposal, &[], &[])
    }

    /// The same world in a run that releases some kinds of action, or some streams, of a proposal.
    pub(super) fn releasing_part(mut self, proposal: &Proposal, actions: &[Action], streams: &[&str]) -> Self {
        let release = Release {
            digest: proposal.digest.clone(),
            actions: actions.to_vec(),
            streams: streams.iter().map(ToString::to_string).collect(),
        };
        self.approved = Some(Approved::new(proposal, &release));
        self
    }

    /// The one entry of the people stream for a source key.
    #[track_caller]
    pub(super) fn entry(&self, key: &str) -> Entry {
        entry(&self.plan(), "people", key)
    }

    /// What happens to a person, and why.
    #[track_caller]
    pub(super) fn verdict(&self, key: &str) -> (&'static str, &'static str) {
        let entry = self.entry(key);
        (word(&entry), entry.reason)
    }

    /// Why a person waits.
    #[track_caller]
    pub(super) fn held(&self, key: &str) -> Option<&'static str> {
        self.entry(key).held
    }
}
