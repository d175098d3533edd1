//! Places at providers: who has one, who waits for one. Counting reads an index of live pods, so it costs the same
//! however many jobs wait or have ended; a place that becomes free wakes one waiter, the oldest.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key::{Key, Kind};
use super::route::phase;
use crate::operator::cluster::{Stored, Stores, groups};
use crate::operator::decide::{JobObserved, current_pod_name};
use rollcall_api::v1alpha1::{EmployeeSyncJob, JobPhase, SyncSetting};

/// A provider, by namespace and name.
pub(super) type Provider = (String, String);

/// A job that was given its places and whose pod the cache does not show yet.
#[derive(Debug)]
struct Given {
    namespace: String,
    job: String,
    pod: String,
    attempt: i32,
    setting: String,
    providers: [String; 2],
}

/// Order in a line: when a job was created, then its name.
type Turn = (String, String);

#[derive(Debug, Default)]
pub(super) struct State {
    /// By uid of the job.
    given: HashMap<String, Given>,
    waiting: HashMap<Provider, BTreeSet<Turn>>,
    /// Where a job waits.
    waits_at: HashMap<Key, (Turn, Vec<Provider>)>,
    /// Jobs that were woken for a place, until their pass has ended.
    woken: HashMap<Key, Vec<Provider>>,
}

/// The places. Locked while a decision is made, so that two workers never give the same place away.
#[derive(Debug, Default)]
pub(super) struct Places {
    state: Mutex<State>,
}

impl Places {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job that gets a place that has become free.
    pub(super) fn wake_next(&self, provider: &Provider) -> Option<Key> {
        self.lock().wake_next(provider)
    }

    /// Takes the places of a job back, whose pod was not made. They are free for others.
    pub(super) fn take_back(&self, uid: &str) -> Vec<Key> {
        let mut state = self.lock();
        let Some(given) = state.given.remove(uid) else { return Vec::new() };
        let of = |name: &String| (given.namespace.clone(), name.clone());
        given.providers.iter().filter_map(|name| state.wake_next(&of(name))).collect()
    }

    /// After a pass over a job: one that was woken for a place and left it free lets the next one try.
    pub(super) fn after_pass(&self, key: &Key) -> Vec<Key> {
        let mut state = self.lock();
        let Some(providers) = state.woken.remove(key) else { return Vec::new() };
        let started = state.given.values().any(|one| one.namespace == key.namespace && one.job == key.name);
        let waits = state.waits_at.get(key).map(|(_, at)| at.clone()).unwrap_or_default();
        let left = providers.into_iter().filter(|one| !started && !waits.contains(one));
        left.filter_map(|provider| state.wake_next(&provider)).collect()
    }

    /// Takes the places of a job back whose pass broke off: a pod that it made is counted when it is seen.
    pub(super) fn lose(&self, key: &Key) {
        let is_other = |one: &Given| one.namespace != key.namespace || one.job != key.name;
        self.lock().given.retain(|_, one| key.kind != Kind::Job || is_other(one));
    }

    /// Forgets a job that is gone or has ended.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().leave(key);
    }
}

impl State {
    /// Counts who else is at work: live pods, and jobs that were just given a place.
    pub(super) fn count(&mut self, job: &EmployeeSyncJob, observed: &mut JobObserved, stores: &Stores) {
        self.given.retain(|uid, one| is_on_its_way(uid, one, stores));
        let Some(setting) = observed.setting.clone() else { return };
        observed.ahead = self.is_anyone_ahead(job, stores);
        observed.source.active_jobs = self.active(job, &setting.spec.source_ref.name, stores);
        observed.target.active_jobs = self.active(job, &setting.spec.target_ref.name, stores);
    }

    /// Gives a job its places.
    pub(super) fn give(&mut self, job: &EmployeeSyncJob, setting: &SyncSetting) {
        let attempts = job.status.as_ref().map_or(0, |status| status.attempts);
        let given = Given {
            namespace: job.namespace().to_owned(),
            job: job.name().to_owned(),
            pod: current_pod_name(job),
            attempt: attempts.saturating_add(1),
            setting: setting.name().to_owned(),
            providers: [setting.spec.source_ref.name.clone(), setting.spec.target_ref.name.clone()],
        };
        self.given.insert(job.uid().to_owned(), given);
        self.leave(&Key::of(Kind::Job, job));
    }

    /// Puts a job in the lines of these providers, and in no others.
    pub(super) fn wait(&mut self, job: &EmployeeSyncJob, providers: Vec<Provider>) {
        let key = Key::of(Kind::Job, job);
        self.leave(&key);
        if providers.is_empty() {
            return;
        }
        let turn = (job.order(), job.name().to_owned());
        for provider in &providers {
            self.waiting.entry(provider.clone()).or_default().insert(turn.clone());
        }
        self.waits_at.insert(key, (turn, providers));
    }

    fn leave(&mut self, key: &Key) {
        let Some((turn, providers)) = self.waits_at.remove(key) else { return };
        for provider in providers {
            if let Some(line) = self.waiting.get_mut(&provider) {
                line.remove(&turn);
                if line.is_empty() {
                    self.waiting.remove(&provider);
                }
            }
        }
    }

    fn wake_next(&mut self, provider: &Provider) -> Option<Key> {
        let (_, name) = self.waiting.get(provider)?.first()?.clone();
        let key = Key::new(Kind::Job, &provider.0, &name);
        self.leave(&key);
        self.woken.entry(key.clone()).or_default().push(provider.clone());
        Some(key)
    }

    /// One run of a setting at a time, oldest first.
    fn is_anyone_ahead(&self, job: &EmployeeSyncJob, stores: &Stores) -> bool {
        let (namespace, setting) = (job.namespace(), job.spec.setting_ref.name.as_str());
        let first = stores.jobs.first(namespace, &groups::unfinished(setting));
        first.is_some_and(|first| first.uid() != job.uid())
            || stores.jobs.group(namespace, &groups::at_work(setting)).iter().any(|other| other.uid() != job.uid())
            || self
                .given
                .iter()
                .any(|(uid, one)| uid != job.uid() && one.namespace == namespace && one.setting == setting)
            || live_pods(job, &groups::at_work(setting), stores) > 0
    }

    fn active(&self, job: &EmployeeSyncJob, provider: &str, stores: &Stores) -> i32 {
        let here = |one: &Given| one.namespace == job.namespace() && one.providers.iter().any(|name| name == provider);
        let given = self.given.iter().filter(|(uid, one)| *uid != job.uid() && here(one)).count();
        let live = live_pods(job, &groups::places(provider), stores);
        i32::try_from(given + live).unwrap_or(i32::MAX)
    }
}

/// Pods of other jobs that have not ended.
fn live_pods(job: &EmployeeSyncJob, group: &str, stores: &Stores) -> usize {
    let pods = stores.pods.group(job.namespace(), group);
    pods.iter().filter(|pod| pod.owner_uid.as_deref() != Some(job.uid())).count()
}

/// Whether the pod of a job that was given its places is still to be seen.
fn is_on_its_way(uid: &str, given: &Given, stores: &Stores) -> bool {
    let pod = stores.pods.get(&given.namespace, &given.pod);
    if pod.is_some_and(|pod| pod.owner_uid.as_deref() == Some(uid)) {
        return false;
    }
    let job = stores.jobs.get(&given.namespace, &given.job).filter(|job| job.uid() == uid);
    job.is_some_and(|job| {
        let attempts = job.status.as_ref().map_or(0, |status| status.attempts);
        attempts < given.attempt || phase(&job) == JobPhase::InProgress
    })
}
