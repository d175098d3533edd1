//! A small world: two emulated vendors, the sample's setting, a records store, and a clock that tests set.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rollcall::cli::manifests::Manifests;
use rollcall::connectors::factory;
use rollcall::records::store::SqliteStore;
use rollcall::records::{Outcome, OutcomeQuery, Records, Scope};
use rollcall::runner::{self, Finished, NoProgress, RunInput, connect};
use rollcall_api::contract::{DefinitionSource, ExitCode, ProviderRequest};
use rollcall_api::v1alpha1::{Counts, JobType, Release, RetryPolicy, Selector, SyncSettingSpec};
use rollcall_engine::redacted::Redacted;
use tokio_util::sync::CancellationToken;

use rollcall_emulators::people::People;
use rollcall_emulators::{PeopleOptions, PersonioEmulator, PersonioOptions, TravelPerkEmulator, TravelPerkOptions};

/// The day of all scenarios.
pub const TODAY: Date = jiff::civil::date(2026, 3, 10);

/// Folder of the sample that all scenarios run.
pub fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/samples/personio-travelperk")
}

/// `count` people as of [`TODAY`], with one circle among the managers.
pub fn people(count: u64) -> People {
    People::with(PeopleOptions { seed: 7, count, today: TODAY, cycle: true, gaps: false })
}

/// Two vendors, a setting, a store, a clock.
pub struct World {
    pub personio: PersonioEmulator,
    pub travelperk: TravelPerkEmulator,
    pub store: SqliteStore,
    pub spec: SyncSettingSpec,
    pub now: Timestamp,
    /// Seconds by which the store's clock is ahead of the machine's.
    pub store_clock: Arc<AtomicI64>,
    runs: u32,
}

impl World {
    /// The sample's setting over these people, at eight o'clock (UTC) of [`TODAY`].
    pub async fn with(people: People) -> Self {
        Self::with_options(people, TravelPerkOptions::default()).await
    }

    pub async fn with_options(people: People, options: TravelPerkOptions) -> Self {
        let manifests = Manifests::load(&[sample()]).expect("the sample is valid");
        let (store, store_clock) = store().await;
        Self {
            personio: PersonioEmulator::start(people, PersonioOptions::default()).await,
            travelperk: TravelPerkEmulator::start(options).await,
            store,
            store_clock,
            spec: manifests.setting(Some("travel")).expect("the sample has the setting").spec.clone(),
            now: "2026-03-10T08:00:00Z".parse().unwrap(),
            runs: 0,
        }
    }

    pub fn scope() -> Scope {
        Scope { namespace: "test".into(), setting: "travel".into(), setting_uid: "uid".into() }
    }

    pub fn records(&self) -> Arc<dyn Records> {
        Arc::new(self.store.scoped(Self::scope()))
    }

    /// Everything that one run needs.
    pub fn input(&self, type_: JobType, run_id: &str, attempt: i32) -> RunInput {
        self.input_with_key(type_, run_id, attempt, "demo-key")
    }

    /// The same with another key of the target.
    fn input_with_key(&self, type_: JobType, run_id: &str, attempt: i32, key: &str) -> RunInput {
        let source = provider(
            "personio",
            DefinitionSource::Vendor("personio-v2".into()),
            &[("api", self.personio.base_url())],
            &[("clientId", "demo-client"), ("clientSecret", "demo-secret")],
        );
        let endpoints = [("scim", self.travelperk.scim_url()), ("rest", self.travelperk.base_url())];
        let definition = DefinitionSource::Vendor("travelperk".into());
        let target = provider("travelperk", definition, &endpoints, &[("apiKey", key)]);
        let order = Order { scope: Self::scope(), run_id, attempt, type_, now: self.now };
        run_input(order, &self.spec, source, target, self.records())
    }

    /// One run of type Sync.
    pub async fn run(&mut self) -> Finished {
        self.run_as(JobType::Sync).await
    }

    pub async fn run_as(&mut self, type_: JobType) -> Finished {
        let input = self.next(type_);
        go(&input).await
    }

    pub async fn run_keys(&mut self, type_: JobType, keys: &[String]) -> Finished {
        let selector = Selector { keys: keys.to_vec(), streams: vec!["people".into()], actions: Vec::new() };
        let input = RunInput { selector, ..self.next(type_) };
        go(&input).await
    }

    pub async fn release(&mut self, digest: &str) -> Finished {
        let release = Some(Release { digest: digest.to_owned(), ..Release::default() });
        let input = RunInput { release, ..self.next(JobType::Release) };
        go(&input).await
    }

    /// Everything that the next run needs.
    pub fn next(&mut self, type_: JobType) -> RunInput {
        self.runs += 1;
        self.input(type_, &self.last_run_id(), 1)
    }

    /// The next run with another key of the target.
    pub fn next_with_key(&mut self, type_: JobType, key: &str) -> RunInput {
        self.runs += 1;
        self.input_with_key(type_, &self.last_run_id(), 1, key)
    }

    pub fn last_run_id(&self) -> String {
        format!("run-{}", self.runs)
    }

    pub async fn outcomes(&self) -> Vec<Outcome> {
        let mut all = Vec::new();
        loop {
            let query = OutcomeQuery { offset: all.len() as u64, limit: 1000, ..OutcomeQuery::default() };
            let page = self.records().outcomes(&self.last_run_id().into(), &query).await.expect("outcomes");
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    pub async fn outcome(&self, key: &str) -> Outcome {
        let found = self
            .outcomes()
            .await
            .into_iter()
            .find(|outcome| outcome.stream == "people" && outcome.source_key.as_deref() == Some(key));
        found.unwrap_or_else(|| panic!("no outcome for {key}"))
    }

    /// Writes to the target since the counters were reset: (method, route).
    pub fn writes(&self) -> Vec<(String, String)> {
        self.travelperk.writes().into_iter().map(|write| (write.method, write.route)).collect()
    }

    pub fn reset(&self) {
        self.personio.clear_faults();
        self.travelperk.clear_faults();
        self.personio.reset_counters();
        self.travelperk.reset_counters();
    }

    /// Ids of the people who should have an active account.
    pub fn active_people(&self) -> Vec<String> {
        let state = self.personio.state();
        let listed = state.people.iter().filter(|person| person.listed && person.is_active());
        listed.map(|person| person.id.to_string()).collect()
    }

    /// Checks that the target is what the source says: each active person has exactly one active account with the right
    /// name, e-mail address and manager, and nobody else has an active one.
    pub fn assert_in_step(&self) {
        let source = self.personio.state();
        let target = self.travelperk.state();
        let mut accounts = BTreeMap::new();
        for account in target.accounts() {
            if let Some(key) = account.external_id() {
                assert!(accounts.insert(key.to_owned(), account).is_none(), "two accounts for {key}");
            }
        }
        for person in source.people.iter().filter(|person| person.listed && person.is_active()) {
            let key = person.id.to_string();
            let account = accounts.get(&key).unwrap_or_else(|| panic!("no account for {key}"));
            assert!(account.active(), "{key} is not active");
            assert_eq!(Some(account.user_name()), person.email.as_deref(), "{key}");
            let manager =
                person.current().supervisor.filter(|id| source.people.get(*id).is_some_and(|boss| boss.is_active()));
            let expected = manager.and_then(|id| accounts.get(&id.to_string())).map(|boss| boss.id);
            assert_eq!(account.manager(), expected, "manager of {key}");
        }
        let active = accounts.iter().filter(|(_, account)| account.active()).count();
        drop(target);
        drop(source);
        assert_eq!(active, self.active_people().len(), "somebody else is active");
    }
}

/// A store whose clock can be moved ahead.
pub async fn store() -> (SqliteStore, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&ahead);
    let clock = Arc::new(move || Timestamp::now() + SignedDuration::from_secs(clock.load(Ordering::Relaxed)));
    (SqliteStore::in_memory_with(clock).await.expect("a store in memory"), ahead)
}

/// A provider and the connector it is made into.
pub type Provider = (ProviderRequest, factory::ProviderConfig);

pub fn provider(
    name: &str,
    source: DefinitionSource,
    endpoints: &[(&str, String)],
    credentials: &[(&str, &str)],
) -> Provider {
    let definition = connect::definition(&source).expect("a definition");
    let request = ProviderRequest {
        name: name.into(),
        definition: source,
        endpoints: endpoints.iter().map(|(name, url)| ((*name).to_owned(), url.clone())).collect(),
        rate_limits: vec![fast()],
        share_of: 1,
        // Retries without a wait: what counts here is how often, not how long.
        retry: RetryPolicy { limit: 4, backoff_seconds: 0, max_backoff_seconds: 2 },
        allow_private_addresses: true,
        has_ca: false,
    };
    let credentials: BTreeMap<String, Redacted<String>> =
        credentials.iter().map(|(key, value)| ((*key).to_owned(), Redacted::new((*value).to_owned()))).collect();
    let config = connect::provider(&request, definition, credentials, None);
    (request, config)
}

/// Which run it is.
pub struct Order<'a> {
    pub scope: Scope,
    pub run_id: &'a str,
    pub attempt: i32,
    pub type_: JobType,
    pub now: Timestamp,
}

pub fn run_input(
    order: Order<'_>,
    spec: &SyncSettingSpec,
    (source_request, source): Provider,
    (target_request, target): Provider,
    records: Arc<dyn Records>,
) -> RunInput {
    let systems = connect::systems((&source_request, &source.definition), (&target_request, &target.definition));
    let setting = connect::setting(spec, &source.definition, &target.definition).expect("a valid setting");
    RunInput {
        job: format!("{}-{}", order.scope.setting, order.run_id),
        scope: order.scope,
        run_id: order.run_id.into(),
        attempt: order.attempt,
        type_: order.type_,
        selector: Selector::default(),
        release: None,
        undo: None,
        spec: spec.clone(),
        setting,
        systems,
        source: factory::system(source).expect("a source"),
        target: factory::system(target).expect("a target"),
        records,
        now: order.now,
        zone: TimeZone::get(&spec.time_zone).expect("a zone"),
    }
}

fn fast() -> rollcall_api::v1alpha1::RateLimit {
    rollcall_api::v1alpha1::RateLimit {
        class: "default".into(),
        requests: 100_000,
        period_seconds: 1,
        burst: Some(100_000),
    }
}

pub async fn go(input: &RunInput) -> Finished {
    let finished = runner::run(input, &CancellationToken::new(), &NoProgress).await;
    assert_balanced(&finished.result.counts);
    finished
}

/// Every considered record has exactly one outcome.
pub fn assert_balanced(counts: &Counts) {
    assert_eq!(counts.considered, counts.outcomes(), "{counts:?}");
}

#[track_caller]
pub fn assert_done(finished: &Finished, code: i32) {
    assert_eq!((finished.exit, finished.result.code), (ExitCode::Done, code), "{:?}", finished.result);
}
