//! Two invented systems that can both be read and written: `ledger`, which plays an HR system, and `campus`, which plays a
//! learning system; a setting between them, a store, a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use rollcall::records::store::SqliteStore;
use rollcall::records::{Outcome, OutcomeQuery, Records, Scope};
use rollcall::runner::{Finished, RunInput, Systems};
use rollcall_api::contract::DefinitionSource;
use rollcall_api::v1alpha1::{JobType, SyncSettingSpec};
use rollcall_emulators::generic::{CAMPUS_DEFINITION, DEMO_KEY, LEDGER_DEFINITION, Paging, Stream};
use rollcall_emulators::{GenericEmulator, GenericOptions};
use serde_json::Value;

use crate::support::{Order, Provider, go, people, provider, run_input, store};

/// People, and the officers who look after them, go from the source to the target.
const PUSH: &str = r#"
sourceRef: {name: source}
targetRef: {name: target}
publish: Automatic
timeZone: Europe/Berlin
streams:
  - name: officers
    match: [{field: name}]
    fields:
      - {to: name, from: name}
  - name: people
    match: [{field: number}, {field: email}]
    leaver:
      when: source.active == false
    fields:
      - {to: number, from: number}
      - {to: email, from: email}
      - {to: name, from: name}
      - {to: birthDate, from: birthDate}
      - {to: startDate, from: startDate}
      - {to: phone, from: phone, onNull: Clear}
      - {to: officerId, from: officerId}
"#;

/// The setting of a text.
pub fn setting(text: &str) -> SyncSettingSpec {
    serde_yaml_ng::from_str(text).expect("a valid setting")
}

/// People and officers, from the source to the target.
pub fn push() -> SyncSettingSpec {
    setting(PUSH)
}

pub struct Pair {
    pub source: GenericEmulator,
    pub target: GenericEmulator,
    pub store: SqliteStore,
    pub store_clock: Arc<AtomicI64>,
    pub spec: SyncSettingSpec,
    pub now: Timestamp,
    /// What the systems are taken for; None: what they are.
    pub systems: Option<Systems>,
    runs: u32,
}

impl Pair {
    pub async fn with(source: GenericOptions, target: GenericOptions, spec: SyncSettingSpec) -> Self {
        let (store, store_clock) = store().await;
        Self {
            source: GenericEmulator::start(source).await,
            target: GenericEmulator::start(target).await,
            store,
            store_clock,
            spec,
            now: "2026-03-10T08:00:00Z".parse().unwrap(),
            systems: None,
            runs: 0,
        }
    }

    /// `ledger` and `campus` with so many people in the source.
    pub async fn of(count: u64, spec: SyncSettingSpec) -> Self {
        // Identifiers that do not overlap show a mix-up of the two sides.
        let target = GenericOptions { first_id: 5001, ..GenericOptions::campus() };
        let pair = Self::with(GenericOptions::ledger(), target, spec).await;
        pair.populate(count);
        pair
    }

    pub fn populate(&self, count: u64) -> Vec<u64> {
        self.source.state().populate(&people(count))
    }

    pub fn scope() -> Scope {
        Scope { namespace: "test".into(), setting: "pair".into(), setting_uid: "uid".into() }
    }

    pub fn records(&self) -> Arc<dyn Records> {
        Arc::new(self.store.scoped(Self::scope()))
    }

    /// A store that has never seen any of it.
    pub async fn forget_everything(&mut self) {
        (self.store, self.store_clock) = store().await;
    }

    pub fn expire_locks(&self) {
        self.store_clock.fetch_add(120, Ordering::Relaxed);
    }

    pub fn input(&self, type_: JobType, run_id: &str, attempt: i32) -> RunInput {
        let order = Order { scope: Self::scope(), run_id, attempt, type_, now: self.now };
        let (source, target) = (system("source", &self.source), system("target", &self.target));
        let input = run_input(order, &self.spec, source, target, self.records());
        let systems = self.systems.clone().unwrap_or_else(|| input.systems.clone());
        RunInput { systems, ..input }
    }

    /// The same run for another setting of the same store.
    pub fn as_setting(&self, input: RunInput, name: &str) -> RunInput {
        let scope = Scope { namespace: "test".into(), setting: name.into(), setting_uid: format!("uid of {name}") };
        let records: Arc<dyn Records> = Arc::new(self.store.scoped(scope.clone()));
        RunInput { job: format!("{name}-{}", input.job), scope, records, ..input }
    }

    pub fn next(&mut self, type_: JobType) -> RunInput {
        self.runs += 1;
        self.input(type_, &self.last_run_id(), 1)
    }

    /// Goes on where another world of the same store was after its first run.
    pub fn go_on(&mut self) {
        self.runs = 1;
    }

    pub fn last_run_id(&self) -> String {
        format!("run-{}", self.runs)
    }

    pub async fn run(&mut self) -> Finished {
        go(&self.next(JobType::Sync)).await
    }

    pub async fn outcomes(&self) -> Vec<Outcome> {
        let query = OutcomeQuery { limit: 1000, ..OutcomeQuery::default() };
        self.records().outcomes(&self.last_run_id().into(), &query).await.expect("outcomes")
    }

    pub fn reset(&self) {
        for system in [&self.source, &self.target] {
            system.clear_faults();
            system.reset_counters();
        }
    }

    /// How many writes there were to either system.
    pub fn writes(&self) -> usize {
        self.source.writes().len() + self.target.writes().len()
    }

    pub fn disabled_in_target(&self) -> usize {
        let wanted = numbers(&self.source);
        let there = numbers(&self.target);
        there.iter().filter(|(number, active)| !**active && wanted.get(*number) == Some(&true)).count()
    }

    /// Everybody in the target is there once.
    pub fn assert_no_twins(&self) {
        let state = self.target.state();
        let mut seen = BTreeSet::new();
        for (_, row) in state.rows(Stream::People) {
            if let Some(number) = row["number"].as_str() {
                assert!(seen.insert(number.to_owned()), "{number} is there twice");
            }
        }
    }

    /// Who is active in the source is active in the target, and nobody else of those the source has or had.
    pub fn assert_same_active_people(&self) {
        self.assert_no_twins();
        let active = |numbers: BTreeMap<String, bool>| -> Vec<String> {
            numbers.into_iter().filter(|(_, active)| *active).map(|(number, _)| number).collect()
        };
        assert_eq!(active(numbers(&self.source)), active(numbers(&self.target)));
    }
}

fn numbers(system: &GenericEmulator) -> BTreeMap<String, bool> {
    let state = system.state();
    let rows = state
        .rows(Stream::People)
        .filter_map(|(_, row)| Some((row["number"].as_str()?.to_owned(), row["active"] == Value::Bool(true))));
    rows.collect()
}

fn system(name: &str, emulator: &GenericEmulator) -> Provider {
    let definition = match emulator.state().options.paging {
        Paging::Offset => CAMPUS_DEFINITION,
        Paging::NextLink | Paging::OnePage => LEDGER_DEFINITION,
    };
    let endpoints = [("api", emulator.base_url())];
    provider(name, DefinitionSource::Inline(definition.into()), &endpoints, &[("key", DEMO_KEY)])
}
