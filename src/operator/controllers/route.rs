//! Which objects a change makes worth looking at.

use std::sync::Arc;

use super::key::{Key, Kind};
use super::places::Provider;
use crate::operator::cluster::{Change, Stored, Stores, groups};
use crate::operator::decide::PodView;
use rollcall_api::conditions;
use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, JobPhase, SyncSetting};

/// What a change makes worth looking at.
#[derive(Debug, Default)]
pub(super) struct Woken {
    /// These, in the order in which they should be worked on.
    pub(super) keys: Vec<Key>,
    /// At each of these providers a place has become free: one job that waits for it may go on.
    pub(super) freed: Vec<Provider>,
}

/// Finds out.
pub(super) fn woken_by(change: &Change, stores: &Stores) -> Woken {
    let keys = match change {
        Change::Provider(before, after) => provider(before.as_ref(), after.as_ref(), stores),
        Change::Setting(before, after) => setting(before.as_ref(), after.as_ref(), stores),
        Change::Job(before, after) => job(before.as_ref(), after.as_ref(), stores),
        Change::Approval(before, after) => {
            let Some(approval) = after.as_ref().or(before.as_ref()) else { return Woken::default() };
            let (namespace, setting) = (approval.namespace(), approval.spec.setting_ref.name.as_str());
            // A Release job may wait for it.
            let jobs = stores.jobs.group(namespace, &groups::unfinished(setting));
            let releases = jobs.iter().filter(|job| job.spec.release.is_some());
            let releases = releases.map(|job| Key::of(Kind::Job, job.as_ref()));
            std::iter::once(Key::of(Kind::Approval, approval.as_ref())).chain(releases).collect()
        }
        Change::Pod(before, after) => return pod(before.as_ref(), after.as_ref(), stores),
    };
    Woken { keys, freed: Vec::new() }
}

fn pod(before: Option<&Arc<PodView>>, after: Option<&Arc<PodView>>, stores: &Stores) -> Woken {
    let Some(pod) = after.or(before) else { return Woken::default() };
    let job = pod.job.as_ref().map(|name| Key::new(Kind::Job, &pod.namespace, name));
    let provider = pod.provider.as_ref().map(|name| Key::new(Kind::Provider, &pod.namespace, name));
    let mut woken = Woken { keys: job.into_iter().chain(provider).collect(), freed: Vec::new() };
    let is_live = |pod: Option<&Arc<PodView>>| pod.is_some_and(|pod| !pod.has_ended());
    if is_live(before) && !is_live(after) {
        let of = |name: &String| (pod.namespace.clone(), name.clone());
        woken.freed = pod.places.iter().map(of).collect();
        woken.keys.extend(pod.setting.iter().filter_map(|setting| first_in_line(stores, &pod.namespace, setting)));
    }
    woken
}

type Pair<'a, K> = (Option<&'a Arc<K>>, Option<&'a Arc<K>>);

fn provider(
    before: Option<&Arc<IntegrationProvider>>,
    after: Option<&Arc<IntegrationProvider>>,
    stores: &Stores,
) -> Vec<Key> {
    let Some(any) = after.or(before) else { return Vec::new() };
    let mut keys = vec![Key::of(Kind::Provider, any.as_ref())];
    let facts = |one: &Arc<IntegrationProvider>| {
        let found = one.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        let ready = conditions::is_ready(found, one.metadata.generation);
        // The digest stands for a definition that changed without the provider.
        let probed = one.status.as_ref().and_then(|status| status.last_probe.as_ref()).map(|it| it.spec_digest.clone());
        (one.spec.clone(), ready, probed, one.metadata.uid.clone())
    };
    if before.map(facts) != after.map(facts) {
        for setting in stores.settings.group(any.namespace(), any.name()) {
            keys.push(Key::of(Kind::Setting, setting.as_ref()));
            keys.extend(unfinished_jobs(stores, &setting));
        }
    }
    keys
}

fn setting(before: Option<&Arc<SyncSetting>>, after: Option<&Arc<SyncSetting>>, stores: &Stores) -> Vec<Key> {
    let Some(any) = after.or(before) else { return Vec::new() };
    let mut keys = vec![Key::of(Kind::Setting, any.as_ref())];
    let facts = |one: &Arc<SyncSetting>| {
        let found = one.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        (one.spec.clone(), conditions::is_ready(found, one.metadata.generation), one.metadata.uid.clone())
    };
    if after.is_none() {
        // Those that have ended, too: from now on each looks after its own time to live.
        let jobs = stores.jobs.group(any.namespace(), any.name());
        keys.extend(jobs.iter().map(|job| Key::of(Kind::Job, job.as_ref())));
    } else if before.map(facts) != after.map(facts) {
        keys.extend(unfinished_jobs(stores, any));
    }
    // An approval looks at what is held, at Off, and at the history.
    keys.extend(approvals(stores, any.namespace(), any.name()));
    keys
}

fn job(before: Option<&Arc<EmployeeSyncJob>>, after: Option<&Arc<EmployeeSyncJob>>, stores: &Stores) -> Vec<Key> {
    let Some(any) = after.or(before) else { return Vec::new() };
    let name = &any.spec.setting_ref.name;
    let mut keys = vec![Key::of(Kind::Job, any.as_ref()), Key::new(Kind::Setting, any.namespace(), name)];
    if any.spec.release.is_some() {
        keys.extend(approvals(stores, any.namespace(), name));
    }
    if lets_another_go((before, after)) {
        keys.extend(first_in_line(stores, any.namespace(), name));
    }
    keys
}

/// The job of the setting that is the next to run.
fn first_in_line(stores: &Stores, namespace: &str, setting: &str) -> Option<Key> {
    let first = stores.jobs.first(namespace, &groups::unfinished(setting));
    first.map(|job| Key::of(Kind::Job, job.as_ref()))
}

/// A job that ended, was deleted, or went back in line lets another of its setting go.
fn lets_another_go((before, after): Pair<'_, EmployeeSyncJob>) -> bool {
    let Some(before) = before else { return false };
    match after {
        None => true,
        Some(after) => phase(before) != phase(after) && phase(after) != JobPhase::InProgress,
    }
}

fn unfinished_jobs(stores: &Stores, setting: &SyncSetting) -> Vec<Key> {
    let jobs = stores.jobs.group(setting.namespace(), &groups::unfinished(setting.name()));
    jobs.iter().map(|job| Key::of(Kind::Job, job.as_ref())).collect()
}

fn approvals(stores: &Stores, namespace: &str, setting: &str) -> Vec<Key> {
    let undecided = stores.approvals.group(namespace, &groups::undecided(setting));
    undecided.iter().map(|one| Key::of(Kind::Approval, one.as_ref())).collect()
}

pub(super) fn phase(job: &EmployeeSyncJob) -> JobPhase {
    job.status.as_ref().map(|status| status.phase).unwrap_or_default()
}
