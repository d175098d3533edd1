//! Decisions about an IntegrationProvider: when to probe it, and what came of the probe.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    Decision, EventNote, OperatorAction, PodStage, PodView, Refusal, Sight, Sighted, Target, age, plus, whole_seconds,
};
use crate::operator::catalogue::{Problem, ProviderFacts};
use crate::operator::resources::{self, PodDefaults};
use rollcall_api::conditions::{self, Draft};
use rollcall_api::contract::{DefinitionSource, PodResult};
use rollcall_api::labels;
use rollcall_api::reasons::{self, Class};
use rollcall_api::v1alpha1::{Condition, IntegrationProvider, IntegrationProviderStatus, LastProbe};

/// A probe that takes longer has failed, in seconds.
const PROBE_DEADLINE: i64 = 120;
/// A probe pod that has not started after this many seconds has failed.
const START_DEADLINE: i64 = 60;
/// First wait after a failed probe, in seconds; it doubles up to the probe period.
const FIRST_BACKOFF: i64 = 60;
/// So many probes in a row may end without a verdict before what was known no longer counts.
const INCONCLUSIVE_LIMIT: i32 = 3;

/// A definition that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Where it comes from, as pods are told.
    pub source: DefinitionSource,
    /// What it says.
    pub facts: ProviderFacts,
}

/// When a definition that could not be used is looked at again, in seconds.
const DEFINITION_RETRY: i64 = 60;

/// What is known besides the provider itself.
#[derive(Clone, Debug)]
pub struct ProviderObserved {
    /// Its definition, or why there is none.
    pub definition: Result<Definition, Problem>,
    /// Its probe pods.
    pub pods: Vec<Arc<PodView>>,
    /// Why the API server would not take its probe pod, in the pass that tried to create it.
    pub refused: Option<(Refusal, String)>,
    /// How pods are made.
    pub defaults: PodDefaults,
    /// Its probe pod that has not ended, and how long it has been seen.
    pub sighted: Sighted,
}

/// What can be said of a probe.
enum Finding {
    /// It has not ended; look again after so many seconds.
    Pending(i64),
    /// It says how the provider is.
    Verdict(Verdict),
    /// Something else ended it: that says nothing about the provider.
    Inconclusive(String),
}

/// What came of a finished probe.
struct Verdict {
    ready: bool,
    reason: String,
    message: String,
}

impl Verdict {
    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self { ready: false, reason: reason.to_owned(), message: message.into() }
    }
}

/// Decides about a provider.
pub fn decide_provider(
    provider: &IntegrationProvider,
    observed: &ProviderObserved,
    now: Timestamp,
) -> Decision<IntegrationProviderStatus> {
    if provider.metadata.deletion_timestamp.is_some() {
        return Decision::default();
    }
    let pass = Pass { provider, observed, old: provider.status.clone().unwrap_or_default(), now: whole_seconds(now) };
    match &observed.definition {
        Err(problem) => pass.without_definition(problem),
        Ok(definition) if provider.spec.suspend => pass.suspended(definition),
        Ok(definition) => pass.probing(definition),
    }
}

/// The probe that has ended.
struct Probe<'a> {
    digest: &'a str,
    pod: Option<&'a str>,
    token: Option<String>,
}

struct Pass<'a> {
    provider: &'a IntegrationProvider,
    observed: &'a ProviderObserved,
    old: IntegrationProviderStatus,
    now: Timestamp,
}

impl Pass<'_> {
    fn without_definition(&self, problem: &Problem) -> Decision<IntegrationProviderStatus> {
        let mut decision = Decision { cleanup: self.delete_pods(|_| true), ..Decision::default() };
        let drafts = vec![
            Draft::no(conditions::READY, problem.reason, &problem.message),
            Draft::yes(conditions::STALLED, problem.reason, &problem.message),
        ];
        self.set_status(&mut decision, drafts, &[], None);
        self.report(&mut decision, problem.reason, &problem.message);
        if self.provider.spec.definition_ref.is_some() {
            // ConfigMaps are not watched: only a broken provider looks again.
            decision.wake(plus(self.now, DEFINITION_RETRY));
        }
        decision
    }

    fn suspended(&self, definition: &Definition) -> Decision<IntegrationProviderStatus> {
        let mut decision = Decision { cleanup: self.delete_pods(|_| true), ..Decision::default() };
        let mut drafts = self.last_verdict();
        let message = self.provider.spec.suspend_reason.clone().unwrap_or_else(|| "spec.suspend is true".into());
        drafts.push(Draft::yes(conditions::SUSPENDED, reasons::SUSPENDED, message));
        self.set_status(&mut decision, drafts, &definition.facts.capabilities, None);
        decision
    }

    fn probing(&self, definition: &Definition) -> Decision<IntegrationProviderStatus> {
        let digest = resources::probe_digest(&self.provider.spec, &definition.facts.digest);
        let name = resources::probe_pod_name(self.name(), &digest);
        let mut decision = Decision { cleanup: self.delete_pods(|pod| pod.name != name), ..Decision::default() };
        let current = self.observed.pods.iter().find(|pod| pod.name == name);
        match current {
            Some(pod) if self.is_handled(pod) => {
                decision.cleanup.extend(self.delete_pods(|other| other.name == name));
                self.keep_status(&mut decision, definition, false);
            }
            Some(pod) => {
                let probe = Probe { digest: &digest, pod: Some(&pod.uid), token: pod.probe_token.clone() };
                match self.finding(pod) {
                    Finding::Verdict(verdict) => self.end_probe(&mut decision, definition, probe, &verdict),
                    Finding::Inconclusive(why) => self.note_inconclusive(&mut decision, definition, probe, &why),
                    Finding::Pending(seconds) => {
                        decision.wake(plus(self.now, seconds));
                        decision.sight = Some(Sight::Pod(pod.uid.clone()));
                        self.keep_status(&mut decision, definition, true);
                        return decision;
                    }
                }
                decision.cleanup.extend(self.delete_pods(|other| other.name == name));
            }
            None => {
                let probe = Probe { digest: &digest, pod: None, token: self.token().map(str::to_owned) };
                match &self.observed.refused {
                    None => self.start_when_due(&mut decision, definition, &digest),
                    Some((kind, why)) => {
                        let text = format!("{}: spec.pod: the probe pod is refused: {why}", reasons::POD_CANNOT_START);
                        if *kind == Refusal::Invalid {
                            let verdict = Verdict::failed(reasons::PROBE_FAILED, text);
                            self.end_probe(&mut decision, definition, probe, &verdict);
                        } else {
                            self.note_inconclusive(&mut decision, definition, probe, &text);
                        }
                    }
                }
            }
        }
        decision
    }

    fn start_when_due(
        &self,
        decision: &mut Decision<IntegrationProviderStatus>,
        definition: &Definition,
        digest: &str,
    ) {
        let due = self.due_time(digest);
        if due <= self.now {
            let request = resources::ProbePod {
                provider: self.provider,
                definition: &definition.source,
                digest,
                token: self.token(),
            };
            let pod = resources::probe_pod(&request, &self.observed.defaults);
            decision.actions.push(OperatorAction::CreatePod(Box::new(pod)));
        } else {
            decision.wake(due);
        }
        self.keep_status(decision, definition, due <= self.now);
    }

    /// When the next probe is due; now or earlier: at once.
    fn due_time(&self, digest: &str) -> Timestamp {
        let Some(last) = &self.old.last_probe else { return self.now };
        let asked = self.token().is_some_and(|token| self.old.last_handled_probe_request.as_deref() != Some(token));
        if last.spec_digest != digest || asked {
            return self.now;
        }
        let internal = |ready: &Condition| ready.reason == reasons::INTERNAL;
        if conditions::find(&self.old.conditions, conditions::READY).is_some_and(internal) {
            // What was known before a defect of our own is not trusted.
            return self.now;
        }
        let period = i64::from(self.provider.spec.probe_period_seconds).max(1);
        let wait = match last.consecutive_failures {
            0 => period - self.jitter(period / 10),
            failures => backoff(failures).min(period.max(FIRST_BACKOFF)),
        };
        plus(last.time.0, wait)
    }

    /// So many seconds earlier than asked for, so that providers that were made together are not probed together.
    fn jitter(&self, most: i64) -> i64 {
        let uid = self.provider.metadata.uid.as_deref().unwrap_or_default();
        rollcall_engine::schedule::start_jitter(uid, i32::try_from(most).unwrap_or(0)).as_secs()
    }

    fn finding(&self, pod: &PodView) -> Finding {
        let age = age(&self.observed.sighted, &Sight::Pod(pod.uid.clone()));
        let failed = |text: String| Finding::Verdict(Verdict::failed(reasons::PROBE_FAILED, text));
        match &pod.stage {
            PodStage::Ended { message, reason, exit_code } => match PodResult::from_message(message) {
                Some(PodResult::Probe(result)) if reasons::find(&result.reason).is_some() => {
                    Finding::Verdict(Verdict { ready: result.ready, reason: result.reason, message: result.message })
                }
                _ if pod.disrupted => Finding::Inconclusive(format!("the probe pod was disrupted ({reason})")),
                _ => failed(format!(
                    "probe pod {} ended with exit code {exit_code:?} ({reason}) and no result",
                    pod.name
                )),
            },
            PodStage::Waiting { permanent, obstacle } if *permanent || age >= START_DEADLINE => {
                let obstacle = obstacle.as_deref().unwrap_or("the kubelet has not started it");
                failed(format!("{}: probe pod {} cannot start: {obstacle}", reasons::POD_CANNOT_START, pod.name))
            }
            PodStage::Waiting { .. } => Finding::Pending(START_DEADLINE - age),
            PodStage::Running if age >= PROBE_DEADLINE => {
                failed(format!("probe pod {} did not end within {PROBE_DEADLINE} s", pod.name))
            }
            PodStage::Running => Finding::Pending(PROBE_DEADLINE - age),
        }
    }

    /// A probe that says nothing leaves what is known of the same spec as it is, for a while; it is tried again soon.
    fn note_inconclusive(
        &self,
        decision: &mut Decision<IntegrationProviderStatus>,
        definition: &Definition,
        probe: Probe<'_>,
        why: &str,
    ) {
        let known = self.old.last_probe.as_ref().filter(|last| last.spec_digest == probe.digest);
        let still_ready = conditions::is_true(&self.old.conditions, conditions::READY)
            && known.is_some_and(|last| last.consecutive_failures < INCONCLUSIVE_LIMIT);
        let Some(known) = known.filter(|_| still_ready) else {
            let verdict = Verdict::failed(reasons::POD_FAILED, format!("{why}; it is tried again"));
            return self.end_probe(decision, definition, probe, &verdict);
        };
        let last_probe = LastProbe {
            time: Time(self.now),
            consecutive_failures: known.consecutive_failures.saturating_add(1),
            pod_uid: probe.pod.map(str::to_owned),
            ..known.clone()
        };
        let ended = Some((last_probe, probe.token));
        self.set_status(decision, self.last_verdict(), &definition.facts.capabilities, ended);
    }

    fn end_probe(
        &self,
        decision: &mut Decision<IntegrationProviderStatus>,
        definition: &Definition,
        probe: Probe<'_>,
        verdict: &Verdict,
    ) {
        let before = self.old.last_probe.as_ref().map_or(0, |last| last.consecutive_failures);
        let last_probe = LastProbe {
            time: Time(self.now),
            reason: verdict.reason.clone(),
            spec_digest: probe.digest.to_owned(),
            consecutive_failures: if verdict.ready { 0 } else { before.saturating_add(1) },
            pod_uid: probe.pod.map(str::to_owned),
        };
        let mut drafts = Vec::new();
        if verdict.ready {
            drafts.push(Draft::yes(conditions::READY, &verdict.reason, &verdict.message));
        } else {
            drafts.push(Draft::no(conditions::READY, &verdict.reason, &verdict.message));
            // Whatever goes away by itself is being worked on; the rest waits for somebody.
            let actionable = reasons::find(&verdict.reason).is_none_or(|reason| reason.class == Class::Actionable);
            let type_ = if actionable { conditions::STALLED } else { conditions::RECONCILING };
            drafts.push(Draft::yes(type_, &verdict.reason, &verdict.message));
            self.report(decision, &verdict.reason, &verdict.message);
        }
        self.set_status(decision, drafts, &definition.facts.capabilities, Some((last_probe, probe.token)));
    }

    /// Writes only what a change of the spec makes untrue: the generation, the capabilities, a suspension's end. While
    /// a probe is `busy` its result will be the next write, so there is none but the very first.
    fn keep_status(&self, decision: &mut Decision<IntegrationProviderStatus>, definition: &Definition, busy: bool) {
        if !busy || self.old.conditions.is_empty() {
            self.set_status(decision, self.last_verdict(), &definition.facts.capabilities, None);
        }
    }

    /// The conditions that the last probe led to.
    fn last_verdict(&self) -> Vec<Draft> {
        // A definition's problem is over once there is a definition; only a probe's verdict is carried over.
        let probed = self.old.last_probe.as_ref().map(|last| last.reason.as_str());
        let ready = conditions::carried(&self.old.conditions, conditions::READY).filter(|_| {
            conditions::find(&self.old.conditions, conditions::READY).map(|it| it.reason.as_str()) == probed
        });
        match ready {
            Some(ready) => [
                Some(ready),
                conditions::carried(&self.old.conditions, conditions::STALLED),
                conditions::carried(&self.old.conditions, conditions::RECONCILING),
            ]
            .into_iter()
            .flatten()
            .collect(),
            None => vec![
                Draft::unknown(conditions::READY, reasons::PROBE_PENDING, "the first probe has not ended"),
                Draft::yes(conditions::RECONCILING, reasons::PROBE_PENDING, "the first probe has not ended"),
            ],
        }
    }

    fn set_status(
        &self,
        decision: &mut Decision<IntegrationProviderStatus>,
        drafts: Vec<Draft>,
        capabilities: &[rollcall_api::v1alpha1::Capability],
        probe: Option<(LastProbe, Option<String>)>,
    ) {
        let generation = self.provider.metadata.generation;
        let conditions = conditions::merge(&self.old.conditions, drafts, generation, self.now);
        let mut status = IntegrationProviderStatus {
            observed_generation: generation,
            phase: conditions::provider_phase(&conditions),
            conditions,
            capabilities: capabilities.to_vec(),
            ..self.old.clone()
        };
        if let Some((last_probe, token)) = probe {
            status.last_probe = Some(last_probe);
            status.last_handled_probe_request = token.or(status.last_handled_probe_request);
        }
        if status != self.old {
            decision.status = Some(status);
        }
    }

    /// A warning, once per change of the reason.
    fn report(&self, decision: &mut Decision<IntegrationProviderStatus>, reason: &str, message: &str) {
        let before = conditions::find(&self.old.conditions, conditions::READY).map(|ready| ready.reason.as_str());
        if before != Some(reason) {
            decision.events.push(EventNote { warning: true, reason: reason.to_owned(), note: message.to_owned() });
        }
    }

    /// The pod's result is in the status already, only the pod is left.
    fn is_handled(&self, pod: &PodView) -> bool {
        self.old.last_probe.as_ref().is_some_and(|last| last.pod_uid.as_deref() == Some(pod.uid.as_str()))
    }

    fn delete_pods(&self, wanted: impl Fn(&PodView) -> bool) -> Vec<OperatorAction> {
        let pods = self.observed.pods.iter().filter(|pod| !pod.deleting && wanted(pod));
        pods.map(|pod| {
            OperatorAction::DeletePod(Target {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                uid: pod.uid.clone(),
            })
        })
        .collect()
    }

    fn token(&self) -> Option<&str> {
        self.provider.metadata.annotations.as_ref()?.get(labels::PROBE_REQUESTED_AT).map(String::as_str)
    }

    fn name(&self) -> &str {
        self.provider.metadata.name.as_deref().unwrap_or_default()
    }
}

fn backoff(failures: i32) -> i64 {
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or(0);
    FIRST_BACKOFF.saturating_mul(1_i64 << doublings)
}
