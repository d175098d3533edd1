//! Crash enumeration: a run is killed before and after every request to either system and every call of the records store.
//! What the next attempt, or the next run, then reaches is what an undisturbed run reaches, for each person; and the
//! attempt reports what the undisturbed run reports.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use rollcall::records::store::{MasterKey, SqliteStore};
use rollcall::runner::{self, Finished, NoProgress, RunInput, Systems};
use rollcall_api::v1alpha1::{Counts, JobType, SyncMode, SyncSettingSpec};
use rollcall_emulators::generic::{GenericState, Stream};
use rollcall_emulators::{GenericOptions, Moment};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::pair::{Pair, push, setting};
use super::stopping::Stopping;

/// How many worlds are at work at once.
const AT_ONCE: usize = 4;

/// Where a run is killed.
#[derive(Clone, Copy, Debug)]
enum Kill {
    Source(u64, Moment),
    Target(u64, Moment),
    Records(u64, Moment),
}

/// What comes after the kill.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    Attempt,
    Run,
}

/// Both systems, without what only the order of requests decides: identifiers.
type Effects = (BTreeMap<String, Value>, BTreeMap<String, Value>);

fn effects(pair: &Pair) -> Effects {
    (of_system(&pair.source.state()), of_system(&pair.target.state()))
}

fn of_system(state: &GenericState) -> BTreeMap<String, Value> {
    let name = |stream: Stream, id: &Value| {
        let id = id.as_str().and_then(|id| id.parse().ok());
        id.and_then(|id| state.row(stream, id)).map_or(Value::Null, |row| row["name"].clone())
    };
    let mut all = BTreeMap::new();
    for stream in Stream::ALL {
        for (_, row) in state.rows(stream) {
            let mut row = row.clone();
            row["id"] = Value::Null;
            if row.get("officerId").is_some() {
                row["officerId"] = name(Stream::Officers, &row["officerId"]);
            }
            if row.get("personId").is_some() {
                row["personId"] = name(Stream::People, &row["personId"]);
            }
            // A twin is told by its number.
            let key = format!("{} {} {} {}", stream.name(), row["name"], row["personId"], row["startDate"]);
            let twins = all.keys().filter(|known: &&String| known.starts_with(&key)).count();
            all.insert(format!("{key} #{twins}"), row);
        }
    }
    all
}

/// Joiners, movers, a leaver, somebody who is gone, somebody who comes back.
fn stir(pair: &Pair) {
    let mut state = pair.source.state();
    let active: Vec<u64> =
        state.rows(Stream::People).filter(|(_, row)| row["active"] == json!(true)).map(|(id, _)| id).collect();
    for (place, id) in active.iter().enumerate().take(4) {
        state.set(Stream::People, *id, "phone", json!(format!("+49 30 {place}")));
    }
    state.set(Stream::People, active[4], "active", json!(false));
    state.remove(Stream::People, active[5]);
    for number in 0..4 {
        let officer = state.insert(Stream::Officers, json!({"name": format!("New office {number}")}));
        state.insert(
            Stream::People,
            json!({"name": format!("Joiner {number}"), "email": format!("joiner{number}@example.test"),
                "number": format!("J{number}"), "officerId": officer.to_string()}),
        );
    }
}

/// A world that was in step before its source was stirred, to be made as often as it is needed.
struct Base {
    spec: SyncSettingSpec,
    folder: tempfile::TempDir,
    key: MasterKey,
    source: Vec<(Stream, u64, Value)>,
    target: Vec<(Stream, u64, Value)>,
    systems: Systems,
}

fn rows(state: &GenericState) -> Vec<(Stream, u64, Value)> {
    let of = |stream| state.rows(stream).map(move |(id, row)| (stream, id, row.clone()));
    Stream::ALL.into_iter().flat_map(of).collect()
}

fn file(base: &Base, name: &str) -> std::path::PathBuf {
    base.folder.path().join(name).join("records.db")
}

async fn open(base: &Base, name: &str, ahead: &Arc<AtomicI64>) -> SqliteStore {
    let ahead = Arc::clone(ahead);
    let clock = Arc::new(move || Timestamp::now() + SignedDuration::from_secs(ahead.load(Ordering::Relaxed)));
    SqliteStore::open_with(file(base, name), std::slice::from_ref(&base.key), clock).await.expect("a store in a file")
}

impl Base {
    async fn of(spec: &SyncSettingSpec) -> Self {
        let mut pair = Pair::of(50, spec.clone()).await;
        let mut base = Self {
            spec: spec.clone(),
            folder: tempfile::tempdir().unwrap(),
            key: MasterKey::random().unwrap(),
            source: Vec::new(),
            target: Vec::new(),
            systems: pair.input(JobType::Sync, "unused", 1).systems,
        };
        std::fs::create_dir(base.folder.path().join("base")).unwrap();
        pair.store = open(&base, "base", &pair.store_clock).await;
        let first = pair.run().await;
        assert_eq!(first.result.code, 201, "{:?}", first.result);
        stir(&pair);
        (base.source, base.target) = (rows(&pair.source.state()), rows(&pair.target.state()));
        pair.store.close().await;
        base
    }

    async fn world(&self, name: &str) -> Pair {
        std::fs::create_dir(self.folder.path().join(name)).unwrap();
        std::fs::copy(file(self, "base"), file(self, name)).unwrap();
        let target = GenericOptions { first_id: 5001, ..GenericOptions::campus() };
        let mut pair = Pair::with(GenericOptions::ledger(), target, self.spec.clone()).await;
        for (system, rows) in [(&pair.source, &self.source), (&pair.target, &self.target)] {
            rows.iter().for_each(|(stream, id, row)| system.state().insert_as(*stream, *id, row.clone()));
        }
        pair.store = open(self, name, &pair.store_clock).await;
        pair.systems = Some(self.systems.clone());
        pair.go_on();
        pair
    }
}

struct Undisturbed {
    effects: Effects,
    counts: Counts,
    source: u64,
    target: u64,
    records: u64,
}

async fn undisturbed(base: &Base) -> Undisturbed {
    let mut pair = base.world("undisturbed").await;
    let records = Arc::new(Stopping::never(pair.records()));
    let input = RunInput { records: records.clone(), ..pair.next(JobType::Sync) };
    let finished = run(&input).await;
    let requests = |journal: Vec<_>| u64::try_from(journal.len()).unwrap();
    let undisturbed = Undisturbed {
        effects: effects(&pair),
        counts: finished.result.counts,
        source: requests(pair.source.journal()),
        target: requests(pair.target.journal()),
        records: records.calls(),
    };
    pair.reset();
    let again = pair.run().await;
    assert_eq!((again.result.code, pair.writes()), (204, 0), "in step: {:?}", again.result);
    undisturbed
}

async fn run(input: &RunInput) -> Finished {
    runner::run(input, &CancellationToken::new(), &NoProgress).await
}

/// What went wrong at one point, if anything.
async fn survives(base: &Base, expected: &Undisturbed, kill: Kill, next: Next) -> Option<String> {
    let mut pair = base.world(&format!("{kill:?} {next:?}")).await;
    let input = pair.next(JobType::Sync);
    let (pauses, records) = match kill {
        Kill::Source(nth, moment) => (Some(pair.source.stop_at(nth, moment)), Stopping::never(pair.records())),
        Kill::Target(nth, moment) => (Some(pair.target.stop_at(nth, moment)), Stopping::never(pair.records())),
        Kill::Records(nth, moment) => (None, Stopping::at(pair.records(), nth, moment)),
    };
    let records = Arc::new(records);
    let input = RunInput { records: records.clone(), ..input };
    let ended = match pauses {
        Some(pause) => super::help::killed(&input, pause).await,
        None => tokio::select! { biased; () = records.reached() => None, finished = run(&input) => Some(finished) },
    };
    drop(input);
    if let Some(finished) = ended {
        return Some(format!("{kill:?}: not killed: {:?}", finished.result));
    }
    pair.expire_locks();
    let finished = match next {
        Next::Attempt => {
            let run_id = pair.last_run_id();
            run(&pair.input(JobType::Sync, &run_id, 2)).await
        }
        Next::Run => run(&pair.next(JobType::Sync)).await,
    };
    let mut problems = Vec::new();
    if effects(&pair) != expected.effects {
        problems.push(format!("other effects: {}", difference(&effects(&pair), &expected.effects)));
    }
    if next == Next::Attempt && finished.result.counts != expected.counts {
        problems.push(format!("other counts: {:?}", finished.result.counts));
    }
    pair.reset();
    let last = pair.run().await;
    if pair.writes() > 0 || last.result.code != 204 {
        problems.push(format!("not in step afterwards: {} writes, {:?}", pair.writes(), last.result.message));
    }
    (!problems.is_empty()).then(|| format!("{kill:?} {next:?}: {}; {}", problems.join("; "), finished.result.message))
}

fn difference(now: &Effects, expected: &Effects) -> String {
    let mut texts = Vec::new();
    for (now, expected) in [(&now.0, &expected.0), (&now.1, &expected.1)] {
        for key in now.keys().chain(expected.keys()) {
            if now.get(key) != expected.get(key) {
                texts.push(format!("{key}: {:?} for {:?}", now.get(key), expected.get(key)));
            }
        }
    }
    texts.sort();
    texts.dedup();
    texts.truncate(3);
    texts.join(" | ")
}

async fn sweep(name: &str, spec: SyncSettingSpec) {
    let started = std::time::Instant::now();
    let base = Base::of(&spec).await;
    let expected = undisturbed(&base).await;
    let of = |most: u64, kill: fn(u64, Moment) -> Kill| {
        (1..=most).flat_map(move |nth| [Moment::Before, Moment::After].map(|moment| kill(nth, moment)))
    };
    let kills: Vec<Kill> = of(expected.source, Kill::Source)
        .chain(of(expected.target, Kill::Target))
        .chain(of(expected.records, Kill::Records))
        .collect();
    // Every point with a second attempt, and every other one with a new run as well.
    let points: Vec<(Kill, Next)> = kills
        .iter()
        .map(|kill| (*kill, Next::Attempt))
        .chain(kills.iter().step_by(2).map(|kill| (*kill, Next::Run)))
        .collect();
    let (base, expected) = (&base, &expected);
    let problems: Vec<String> = futures::stream::iter(&points)
        .map(|(kill, next)| survives(base, expected, *kill, *next))
        .buffer_unordered(AT_ONCE)
        .filter_map(|problem| async move { problem })
        .collect()
        .await;
    println!(
        "{name}: {} points ({} requests to the source, {} to the target, {} calls of the store), {:?}",
        points.len(),
        expected.source,
        expected.target,
        expected.records,
        started.elapsed()
    );
    assert!(problems.is_empty(), "{} of {} points:\n{}", problems.len(), points.len(), problems.join("\n"));
}

/// Fields of people go both ways.
fn both_ways() -> SyncSettingSpec {
    setting(super::two_way::BOTH)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_killed_anywhere_ends_as_if_nothing_had_happened() {
    sweep("Push, Mirror", push()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_in_mode_create_only_that_is_killed_anywhere_ends_as_if_nothing_had_happened() {
    let mut spec = push();
    spec.mode = SyncMode::CreateOnly;
    sweep("Push, CreateOnly", spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_both_ways_that_is_killed_anywhere_ends_as_if_nothing_had_happened() {
    sweep("Both, Mirror", both_ways()).await;
}
