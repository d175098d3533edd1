//! What holds for every input: order does not matter, the balance holds, a plan that was applied leaves nothing to do,
//! and an incomplete read removes nobody without evidence.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{World, body, link, record};
use crate::model::{Entry, Plan, ReadProof, TargetRecord, Verdict};

/// Carries a plan out in memory, as the runner does against a real target.
fn apply(world: &mut World, plan: &Plan) {
    for stream in &plan.streams {
        for entry in stream.entries.iter().filter(|entry| entry.held.is_none()) {
            carry_out(world, &stream.name, entry);
        }
    }
    for stream in &plan.streams {
        for entry in stream.entries.iter().filter(|entry| entry.held.is_none()) {
            refer(world, &stream.name, entry);
        }
    }
}

fn carry_out(world: &mut World, stream: &str, entry: &Entry) {
    let now = world.now;
    let (targets, links) = match stream {
        "people" => (&mut world.target, &mut world.links),
        _ => (&mut world.centre_targets, &mut world.centre_links),
    };
    let id = entry.target_id.clone().unwrap_or_else(|| format!("new-{}", entry.source_key));
    if entry.new_link || matches!(entry.verdict, Verdict::Create { .. }) {
        links.retain(|link| link.source_key != entry.source_key);
        links.push(link(stream, &entry.source_key, &id));
    }
    let disabled_at = |disabled: bool| disabled.then_some(now);
    match &entry.verdict {
        Verdict::Create { fields, .. } => {
            targets.push(TargetRecord { id, active: true, fields: fields.clone() });
        }
        Verdict::Update { changes, enable, .. } => {
            let target = targets.iter_mut().find(|target| target.id == id).unwrap();
            target.active |= enable;
            for (name, value) in &changes.0 {
                target.fields.0.insert(name.clone(), value.clone());
            }
        }
        Verdict::Disable => {
            targets.iter_mut().find(|target| target.id == id).unwrap().active = false;
            links.iter_mut().filter(|link| link.target_id == id).for_each(|link| link.disabled_at = disabled_at(true));
        }
        Verdict::Delete => targets.retain(|target| target.id != id),
        Verdict::Skip if entry.reason == "AlreadyGone" => {
            links.retain(|link| link.source_key != entry.source_key);
        }
        _ => {}
    }
}

fn refer(world: &mut World, stream: &str, entry: &Entry) {
    let (Verdict::Create { references, .. } | Verdict::Update { references, .. }) = &entry.verdict else { return };
    for (field, reference) in references {
        let links = if reference.stream == "people" { &world.links } else { &world.centre_links };
        let key = reference.source_key.as_ref();
        let id = key.map(|key| links.iter().find(|link| link.source_key == *key).unwrap().target_id.clone());
        let links = if stream == "people" { &world.links } else { &world.centre_links };
        let own = links.iter().find(|link| link.source_key == entry.source_key).unwrap().target_id.clone();
        let targets = if stream == "people" { &mut world.target } else { &mut world.centre_targets };
        let target = targets.iter_mut().find(|target| target.id == own).unwrap();
        target.fields.0.insert(field.clone(), json!(id));
    }
}

fn person() -> impl Strategy<Value = Value> {
    let text = |choices: &'static [&'static str]| prop::sample::select(choices);
    (
        text(&["ACTIVE", "ACTIVE", "ACTIVE", "LEFT", "HIDDEN"]),
        text(&["A", "A", "X"]),
        text(&["", "2026-06-14", "2026-06-30", "nonsense"]),
        text(&["Ann", "Bob ", "Name p1", "a name that is too long"]),
        text(&["", "p0", "p1", "p7"]),
        text(&["", "c1", "c2"]),
        text(&["p0@example.org", "P1@example.org", "p2@example.org", "", "x@example.org", "y@example.org"]),
    )
        .prop_map(|(status, kind, last_day, name, boss, centre, email)| {
            json!({"status": status, "kind": kind, "lastDay": last_day, "name": name, "boss": boss,
                "centre": centre, "email": email})
        })
}

fn target() -> impl Strategy<Value = TargetRecord> {
    let number = 0_usize..8;
    let key = prop::option::of(0_usize..8);
    (number, key, prop::bool::ANY).prop_map(|(mail, key, active)| {
        let mut fields = json!({"userName": format!("p{mail}@example.org"), "name": "Name p1"});
        if let Some(key) = key {
            fields["externalId"] = json!(format!("p{key}"));
        }
        let mut record = record("", &fields);
        record.active = active;
        record
    })
}

prop_compose! {
    fn world()(
        people in prop::collection::btree_map(0_usize..12, person(), 0..12),
        targets in prop::collection::vec(target(), 0..8),
        links in prop::collection::btree_map(0_usize..12, 0_usize..10, 0..8),
        unreadable in prop::collection::btree_set(12_usize..14, 0..2),
        proof in prop::sample::select(vec![ReadProof::DeclaredTotal, ReadProof::TwoAgreeingReads,
            ReadProof::TotalDisagrees, ReadProof::Selected]),
        complete in prop::bool::weighted(0.8),
        limit in prop::sample::select(vec![0, 2, 100]),
    ) -> World {
        let mut world = World::new();
        world.source = people.into_iter().map(|(number, extra)| {
            let key = format!("p{number}");
            (key.clone(), body(&key, extra))
        }).collect();
        world.target = targets.into_iter().enumerate()
            .map(|(number, target)| TargetRecord { id: format!("t{number}"), ..target }).collect();
        world.links = links.into_iter()
            .map(|(key, id)| link("people", &format!("p{key}"), &format!("t{id}"))).collect();
        world.unreadable = unreadable.into_iter().map(|number| format!("p{number}")).collect();
        world.centres = vec!["c1".into(), "c2".into()];
        world.proof = proof;
        world.target_complete = complete;
        world.guard.max_removals = limit;
        world
    }
}

fn writes(plan: &Plan) -> Vec<&Entry> {
    let entries = plan.streams.iter().flat_map(|stream| &stream.entries);
    entries.filter(|entry| entry.held.is_none() && entry.verdict.action().is_some()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_input_changes_nothing(world in world(), seed in 0_usize..1000) {
        let mut mixed = world.clone();
        let turn = |length: usize| if length == 0 { 0 } else { seed % length };
        let (source, target, links) = (turn(mixed.source.len()), turn(mixed.target.len()), turn(mixed.links.len()));
        mixed.source.rotate_left(source);
        mixed.target.rotate_left(target);
        mixed.links.rotate_left(links);
        mixed.source.reverse();
        mixed.target.reverse();
        mixed.links.reverse();
        mixed.centres.reverse();
        prop_assert_eq!(world.plan(), mixed.plan());
    }

    #[test]
    fn the_counts_balance(world in world()) {
        let plan = world.plan();
        let counts = plan.counts();
        let delivered: BTreeSet<&String> = world.source.iter().map(|(key, _)| key).chain(&world.unreadable).collect();
        let absent = world.links.iter().filter(|link| !delivered.contains(&link.source_key)).count();
        let absent = if world.proof == ReadProof::Selected { 0 } else { i64::try_from(absent).unwrap() };
        prop_assert_eq!(counts.outcomes(), counts.considered);
        prop_assert_eq!(counts.considered, counts.read - counts.out_of_scope + absent);
    }

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_write(world in world()) {
        let mut world = world;
        let plan = world.plan();
        apply(&mut world, &plan);
        if plan.counts().held == 0 && plan.counts().conflicts == 0 {
            prop_assert_eq!(writes(&world.plan()).len(), 0);
        }
        // Correcting one record can end another one's conflict, and then a reference to that one can be set: but it
        // comes to rest, whatever the input was.
        for _ in 0..4 {
            let plan = world.plan();
            apply(&mut world, &plan);
        }
        prop_assert_eq!(writes(&world.plan()).len(), 0);
    }

    #[test]
    fn an_incomplete_read_removes_nobody_without_evidence_in_the_record(
        world in world(),
        proof in prop::sample::select(vec![ReadProof::ReadsDisagree, ReadProof::TotalDisagrees, ReadProof::Selected]),
    ) {
        let world = world.with(|world| world.proof = proof);
        let delivered: BTreeSet<&String> = world.source.iter().map(|(key, _)| key).collect();
        for stream in &world.plan().streams {
            for entry in &stream.entries {
                if matches!(entry.verdict, Verdict::Disable | Verdict::Delete) {
                    prop_assert!(delivered.contains(&entry.source_key));
                    prop_assert_ne!(entry.reason, "LeaverAbsent");
                }
            }
        }
    }

    #[test]
    fn no_target_record_is_written_for_two_source_records(world in world()) {
        let plan = world.plan();
        let mut seen = BTreeSet::new();
        for entry in writes(&plan) {
            if let Some(id) = entry.target_id.as_ref().filter(|id| id.starts_with('t')) {
                prop_assert!(seen.insert(id.clone()), "{} is written twice", id);
            }
        }
    }
}
