//! What holds in every world, over several runs: whatever the input, whatever fails, in whichever direction.

mod apply;
mod evidence;
mod worlds;

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rollcall_api::v1alpha1::{Action, Release};

use crate::model::{Entry, Operation, Plan};
use crate::names::{RowId, Side};
use crate::plan::digest::Digester;
use crate::plan::{Approved, end};

use super::world::KEY;
use apply::apply;
use worlds::{Case, Event, case, events};

/// The same worlds in every run of the tests.
const SEED: u64 = 20_260_615;

fn config(cases: u32) -> ProptestConfig {
    let rng_seed = RngSeed::Fixed(SEED);
    ProptestConfig { cases, failure_persistence: None, rng_seed, ..ProptestConfig::default() }
}

fn entries(plan: &Plan) -> impl Iterator<Item = &Entry> {
    plan.streams.iter().flat_map(|stream| &stream.entries)
}

fn writes(plan: &Plan) -> Vec<&Entry> {
    entries(plan).filter(|entry| entry.is_write()).collect()
}

/// Plans and carries out one run after what happened, and gives what was planned.
fn run(case: &mut Case, events: &[Event]) -> Plan {
    for event in events {
        event.happen(&mut case.world);
    }
    let plan = case.planned().plan;
    apply(&mut case.world, &plan);
    plan
}

/// The rows of one side that a plan writes to, and how often.
fn written(plan: &Plan) -> HashMap<(Side, RowId), usize> {
    let mut written = HashMap::new();
    for entry in writes(plan) {
        for line in entry.lines().iter().filter(|line| line.operation != Operation::Create) {
            let id = match line.at {
                Side::Source => entry.source_key.as_ref().map(RowId::from),
                Side::Target => entry.target_id.as_ref().map(RowId::from),
            };
            *written.entry((line.at, id.unwrap())).or_default() += 1;
        }
    }
    written
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn the_order_of_the_input_changes_nothing(case in case(), seed in 0_usize..1000) {
        let mut mixed = case.clone();
        let stream = &mut mixed.world.people;
        for rows in [&mut stream.source, &mut stream.target] {
            let by = if rows.is_empty() { 0 } else { seed % rows.len() };
            rows.rotate_left(by);
            rows.reverse();
        }
        stream.links.reverse();
        prop_assert_eq!(case.planned(), mixed.planned());
    }
}

proptest! {
    #![proptest_config(config(6000))]

    #[test]
    fn every_line_of_every_run_rests_on_evidence(
        case in case(),
        events in prop::collection::vec(events(), 1..4),
    ) {
        let mut case = case;
        for happened in events {
            for event in &happened {
                event.happen(&mut case.world);
            }
            let plan = case.planned().plan;
            balance(&case, &plan)?;
            for (row, times) in written(&plan) {
                prop_assert_eq!(times, 1, "{:?} is written for two records", row);
            }
            evidence::check(&case, &plan)?;
            apply(&mut case.world, &plan);
        }
    }
}

/// Every record of the leading side has one end, and every linked one that it did not deliver.
fn balance(case: &Case, plan: &Plan) -> Result<(), TestCaseError> {
    let counts = plan.counts();
    let rows = match case.lead() {
        Side::Source => &case.world.people.source,
        Side::Target => &case.world.people.target,
    };
    let absent = case.world.people.links.iter().filter(|link| !rows.iter().any(|row| row.id == end(link, case.lead())));
    prop_assert_eq!(counts.outcomes(), counts.considered);
    prop_assert_eq!(counts.considered, counts.read - counts.out_of_scope + i64::try_from(absent.count()).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(config(3000))]

    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_write(case in case(), happened in events()) {
        let mut case = Case { is_agreed: true, ..case }.quiet();
        let first = run(&mut case, &happened);
        let counts = first.counts();
        if counts.held + counts.conflicts + counts.failed == 0 {
            let second = run(&mut case, &[]);
            prop_assert_eq!(writes(&second), Vec::<&Entry>::new());
        }
        // Correcting one record can end another one's conflict, and then a reference to that one can be set: but it
        // comes to rest, whatever the input was.
        for _ in 0..5 {
            run(&mut case, &[]);
        }
        let last = case.planned().plan;
        prop_assert_eq!(writes(&last), Vec::<&Entry>::new());
    }

    #[test]
    fn effects_within_the_window_stay_below_the_limits_however_many_runs_there_are(
        case in case(),
        events in prop::collection::vec(events(), 1..8),
    ) {
        let mut case = case;
        for happened in events {
            run(&mut case, &happened);
        }
        let own = &case.world.people.effects.own;
        let guard = &case.world.guard;
        // There are fewer than 20 people, so the limit is 2.
        let limit = i64::from(guard.max_removals).min(2);
        prop_assert!(own.removals <= limit, "{} removals", own.removals);
        prop_assert!(own.enables <= limit, "{} enabled", own.enables);
        prop_assert!(guard.max_creates.is_none_or(|most| own.creates <= i64::from(most)), "{} creates", own.creates);
    }

    #[test]
    fn before_an_approval_no_run_changes_anything(case in case(), events in prop::collection::vec(events(), 1..4)) {
        let mut case = Case { is_agreed: false, ..case };
        for happened in events {
            for event in &happened {
                event.happen(&mut case.world);
            }
            let before = case.world.people.clone();
            let planned = case.planned();
            prop_assert!(planned.proposal.is_some());
            prop_assert_eq!(writes(&planned.plan), Vec::<&Entry>::new());
            for entry in entries(&planned.plan) {
                prop_assert!(!entry.links && entry.memory.is_none());
            }
            apply(&mut case.world, &planned.plan);
            prop_assert_eq!(&case.world.people.source, &before.source);
            prop_assert_eq!(&case.world.people.target, &before.target);
        }
    }

    #[test]
    fn a_release_writes_lines_that_were_proposed_and_no_others(
        case in case(),
        happened in events(),
        is_agreed in prop::bool::ANY,
        only in prop::sample::select(vec![None, Some(Action::Create), Some(Action::Disable)]),
    ) {
        let mut case = Case { is_agreed, ..case };
        let Some(proposal) = case.planned().proposal else { return Ok(()) };
        for event in &happened {
            event.happen(&mut case.world);
        }
        let release = Release { digest: proposal.digest.clone(), actions: only.into_iter().collect(), streams: vec![] };
        case.world.approved = Some(Approved::new(&proposal, &release));
        let plan = case.planned().plan;
        let digester = Digester::new(KEY);
        let proposed: BTreeSet<&str> = proposal.lines.iter().map(|line| line.digest.as_str()).collect();
        for entry in writes(&plan) {
            prop_assert!(entry.approved);
            prop_assert!(only.is_none_or(|only| entry.action() == Some(only)));
            // A reference to a record that waits is left out of an approved line, and follows later.
            let is_whole = !entry.message.contains("left out until the approval");
            let digest = digester.entry(&"people".into(), entry);
            prop_assert!(!is_whole || proposed.contains(digest.as_str()), "{:?}", entry);
        }
    }
}
