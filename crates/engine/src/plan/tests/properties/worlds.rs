//! Generated worlds: two systems that overlap in part, with faults, and what happens to them between two runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::World;
use super::super::rows::{break_row, link, person, row, set};
use super::super::world::KEY;
use crate::compile::{CompiledSetting, agreement};
use crate::model::{Agreement, ReadProof, Row};
use crate::names::Side;
use crate::plan::{Planned, Terms, plan};

/// How many people a world has at most, on each side.
const MOST: usize = 6;
/// Modes of the stream of people.
pub(super) const MODES: [&str; 3] = ["Push", "Both", "Pull"];

/// A setting as a run gets it, worked out once.
struct Prepared {
    setting: CompiledSetting,
    agreement: Agreement,
}

static PREPARED: LazyLock<BTreeMap<&'static str, Prepared>> = LazyLock::new(|| {
    let prepared = MODES.map(|mode| {
        let world = with_mode(World::new(), mode);
        (mode, Prepared { setting: world.compiled(), agreement: agreement(&world.spec(), &world.systems, KEY) })
    });
    prepared.into()
});

fn with_mode(mut world: World, mode: &'static str) -> World {
    world.people.spec["mode"] = json!(mode);
    if mode == "Pull" {
        world.people.spec["scope"] = json!("target.state != 'HIDDEN'");
        world.people.spec["leaver"] = json!({"when": "target.state == 'LEFT'"});
    }
    if mode == "Both" {
        world = world
            .field(json!({"to": "mobile", "from": "phone", "rule": "Fill", "winner": "Target"}))
            .field(json!({"to": "rank", "from": "level", "rule": "Pull"}));
    }
    world
}

/// A world with its mode, and whether anything was agreed.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) world: World,
    pub(super) mode: &'static str,
    pub(super) is_agreed: bool,
}

impl Case {
    pub(super) fn planned(&self) -> Planned {
        let prepared = &PREPARED[self.mode];
        let mut present = prepared.agreement.clone();
        present.guard.0 = self.world.guard.clone();
        let terms = Terms::new(present.clone(), self.is_agreed.then_some(&present), false);
        self.world.planned_by(&prepared.setting, &terms, plan)
    }

    /// The side whose records decide.
    pub(super) fn lead(&self) -> Side {
        if self.mode == "Pull" { Side::Target } else { Side::Source }
    }

    /// The same with everything readable, listed whole, answered, and without limits.
    pub(super) fn quiet(mut self) -> Self {
        let stream = &mut self.world.people;
        for row in stream.source.iter_mut().chain(&mut stream.target) {
            row.fault = None;
        }
        stream.source_proof = ReadProof::DeclaredTotal;
        stream.target_proof = ReadProof::DeclaredTotal;
        stream.silent_about.clear();
        stream.unanswered.clear();
        stream.claimed.clear();
        self.world.guard.max_removals = 1000;
        self.world.guard.max_creates = None;
        self
    }
}

fn text(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(choices)
}

const EMAILS: &[&str] = &["p0@example.org", "P1@example.org", "p2@example.org", "", "x@example.org", "y@example.org"];

/// The fields that could not be read, if any.
fn fault() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let some = prop::sample::select(vec![
        vec![],
        vec!["email", "userName"],
        vec!["id", "externalId"],
        vec!["status", "state"],
        vec!["name"],
    ]);
    prop_oneof![9 => Just(None), 1 => some.prop_map(Some)]
}

fn broken(mut row: Row, fault: Option<Vec<&'static str>>) -> Row {
    if let Some(fields) = fault {
        break_row(&mut row, &fields);
    }
    row
}

fn source_row() -> impl Strategy<Value = (Value, Option<Vec<&'static str>>)> {
    let values = (
        text(&["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "LEFT", "HIDDEN"]),
        text(&["Ann", "Bob ", "Name p1", "Name p2", "a name that is too long"]),
        text(&["", "p0", "p1", "p4"]),
        text(EMAILS),
        (text(&["", "1", "2"]), text(&["", "low", "high"])),
    );
    (values, fault()).prop_map(|((status, name, boss, email, (phone, level)), fault)| {
        let values = json!({"status": status, "name": name, "boss": boss, "email": email, "phone": phone,
            "level": level});
        (values, fault)
    })
}

fn target_row() -> impl Strategy<Value = (Value, bool, Option<Vec<&'static str>>)> {
    let values = (
        text(&["", "p0", "p1", "p2", "p3", "p4"]),
        text(EMAILS),
        text(&["Ann", "Name p1", "Name p2"]),
        text(&["", "HERE", "HERE", "LEFT", "HIDDEN"]),
        (text(&["", "1", "2"]), text(&["", "low", "high"])),
    );
    (values, prop::bool::weighted(0.8), fault()).prop_map(
        |((key, email, name, state, (mobile, rank)), active, fault)| {
            let values = json!({"externalId": key, "userName": email, "name": name, "state": state, "mobile": mobile,
            "rank": rank});
            (values, active, fault)
        },
    )
}

fn proof() -> impl Strategy<Value = ReadProof> {
    prop_oneof![
        6 => Just(ReadProof::DeclaredTotal),
        1 => Just(ReadProof::TwoAgreeingReads),
        1 => prop::sample::select(vec![ReadProof::ByPosition, ReadProof::TotalDisagrees, ReadProof::Failed]),
    ]
}

prop_compose! {
    fn people()(
        sources in prop::collection::btree_map(0..MOST, source_row(), 0..MOST),
        targets in prop::collection::vec(target_row(), 0..MOST),
        links in prop::collection::btree_map(0..MOST, (0..MOST, prop::option::weighted(0.3, Just(()))), 0..4),
    ) -> World {
        let mut world = World::new();
        world.people.source = sources.into_iter()
            .map(|(number, (values, fault))| broken(person(&format!("p{number}"), values), fault)).collect();
        world.people.target = targets.into_iter().enumerate().map(|(number, (values, active, fault))| {
            let mut row = broken(row(&format!("t{number}"), values), fault);
            row.active = active;
            row
        }).collect();
        // Links are unique on both ends.
        let mut taken = BTreeSet::new();
        world.people.links = links.into_iter().filter(|(_, (id, _))| taken.insert(*id)).map(|(key, (id, disabled))| {
            let mut link = link("people", &format!("p{key}"), &format!("t{id}"));
            link.disabled_at = disabled.map(|()| "2026-01-02T00:00:00Z".parse().unwrap());
            link
        }).collect();
        world
    }
}

prop_compose! {
    /// A world in which something was agreed, or nothing.
    pub(super) fn case()(
        mut world in people(),
        mode in prop::sample::select(MODES.to_vec()),
        proofs in (proof(), proof()),
        asks_by_id in prop::bool::ANY,
        unheard in prop::collection::btree_set(0..MOST, 0..2),
        claimed in prop::collection::btree_set(0..MOST, 0..2),
        looked_up in prop::collection::btree_set(0..MOST, 0..MOST),
        max_removals in prop::sample::select(vec![0, 1, 25]),
        max_creates in prop::sample::select(vec![None, None, Some(1)]),
        is_agreed in prop::bool::weighted(0.9),
    ) -> Case {
        let (lead, follower) = if mode == "Pull" { ('t', 'p') } else { ('p', 't') };
        let stream = &mut world.people;
        (stream.source_proof, stream.target_proof) = proofs;
        stream.asks_by_id = asks_by_id;
        stream.silent_about = unheard.iter().map(|number| format!("{lead}{number}")).collect();
        stream.unanswered = unheard.iter().map(|number| format!("{follower}{number}")).collect();
        stream.claimed = claimed.iter().map(|number| format!("{follower}{number}")).collect();
        stream.looked_up = looked_up.iter().map(|number| format!("{lead}{number}")).collect();
        world.guard.max_removals = max_removals;
        world.guard.max_creates = max_creates;
        Case { world: with_mode(world, mode), mode, is_agreed }
    }
}

/// What happens to the systems between two runs.
#[derive(Clone, Debug)]
pub(super) struct Event {
    kind: u8,
    one: usize,
    other: usize,
}

pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_u8..10, 0..MOST, 0..MOST).prop_map(|(kind, one, other)| Event { kind, one, other });
    prop::collection::vec(event, 0..3)
}

impl Event {
    pub(super) fn happen(&self, world: &mut World) {
        let stream = &mut world.people;
        let (one, other) = (self.one, self.other);
        match self.kind {
            0 => change(&mut stream.source, one, |row| set(row, "status", json!("LEFT"))),
            1 => change(&mut stream.source, one, |row| set(row, "status", json!("ACTIVE"))),
            2 => remove(&mut stream.source, one),
            3 => {
                // The same person under another key.
                let id = format!("q{other}");
                if !stream.source.iter().any(|row| row.id == *id) {
                    change(&mut stream.source, one, |row| {
                        row.id = id.as_str().into();
                        set(row, "id", json!(id));
                    });
                }
            }
            4 => {
                let email = |rows: &[Row], at: usize| rows.get(at).and_then(|row| row.values().get("email").cloned());
                let emails = (email(&stream.source, one), email(&stream.source, other));
                change(&mut stream.source, one, |row| set(row, "email", emails.1.unwrap_or_default()));
                change(&mut stream.source, other, |row| set(row, "email", emails.0.unwrap_or_default()));
            }
            5 => remove(&mut stream.target, one),
            6 => change(&mut stream.target, one, |row| row.active = other % 2 == 0),
            7 => change(&mut stream.target, one, |row| set(row, "state", json!("LEFT"))),
            8 => change(&mut stream.target, one, |row| set(row, "userName", json!(format!("e{other}@example.org")))),
            _ => {
                let key = format!("j{other}");
                if !stream.source.iter().any(|row| row.id == *key) {
                    stream.source.push(person(&key, json!({"email": EMAILS[one]})));
                }
            }
        }
    }
}

fn change(rows: &mut [Row], at: usize, change: impl FnOnce(&mut Row)) {
    if let Some(row) = rows.get_mut(at) {
        change(row);
    }
}

fn remove(rows: &mut Vec<Row>, at: usize) {
    if at < rows.len() {
        rows.remove(at);
    }
}
