//! Which objects a change makes worth looking at.

use std::sync::Arc;

use super::key::{Key, Kind};
use crate::operator::cluster::{Change, Stored, Stores};
use rollcall_api::conditions;
use rollcall_api::v1alpha1::{EmployeeSyncJob, IntegrationProvider, JobPhase, SyncSetting};

/// The keys to put in line after a change, in the order in which they should be worked on.
pub fn keys_of(change: &Change, stores: &Stores) -> Vec<Key> {
    match change {
        Change::Provider(before, after) => provider(before.as_ref(), after.as_ref(), stores),
        Change::Setting(before, after) => setting(before.as_ref(), after.as_ref(), stores),
        Change::Job(before, after) => job(before.as_ref(), after.as_ref(), stores),
        Change::Approval(before, after) => {
            let Some(approval) = after.as_ref().or(before.as_ref()) else { return Vec::new() };
            vec![Key::of(Kind::Approval, approval.as_ref())]
        }
        Change::Pod(before, after) => {
            let Some(pod) = after.as_ref().or(before.as_ref()) else { return Vec::new() };
            let job = pod.job.as_ref().map(|name| Key::new(Kind::Job, &pod.namespace, name));
            let provider = pod.provider.as_ref().map(|name| Key::new(Kind::Provider, &pod.namespace, name));
            job.into_iter().chain(provider).collect()
        }
    }
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
    if before.map(facts) != after.map(facts) {
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
    if frees_a_place((before, after)) {
        // Whoever waits for this setting or for one of its providers may go on, oldest first.
        let mut waiting = Vec::new();
        if let Some(setting) = stores.settings.get(any.namespace(), name) {
            for provider in [&setting.spec.source_ref.name, &setting.spec.target_ref.name] {
                for other in stores.settings.group(any.namespace(), provider) {
                    waiting.extend(stores.jobs.group(other.namespace(), other.name()));
                }
            }
        } else {
            waiting.extend(stores.jobs.group(any.namespace(), name));
        }
        waiting.retain(|job| phase(job) == JobPhase::Queued);
        waiting.sort_by_key(|job| (job.metadata.creation_timestamp.clone(), job.metadata.name.clone()));
        keys.extend(waiting.iter().map(|job| Key::of(Kind::Job, job.as_ref())));
    }
    keys
}

/// A job that ended, was deleted, or went back in line makes room for another.
fn frees_a_place((before, after): Pair<'_, EmployeeSyncJob>) -> bool {
    let Some(before) = before else { return false };
    match after {
        None => true,
        Some(after) => phase(before) != phase(after) && phase(after) != JobPhase::InProgress,
    }
}

fn unfinished_jobs(stores: &Stores, setting: &SyncSetting) -> Vec<Key> {
    let jobs = stores.jobs.group(setting.namespace(), setting.name());
    jobs.iter().filter(|job| !phase(job).is_finished()).map(|job| Key::of(Kind::Job, job.as_ref())).collect()
}

fn approvals(stores: &Stores, namespace: &str, setting: &str) -> Vec<Key> {
    stores.approvals.group(namespace, setting).iter().map(|one| Key::of(Kind::Approval, one.as_ref())).collect()
}

pub(super) fn phase(job: &EmployeeSyncJob) -> JobPhase {
    job.status.as_ref().map(|status| status.phase).unwrap_or_default()
}
