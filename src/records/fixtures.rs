//! Records for tests: synthetic people only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::json;

use super::clock::Clock;
use super::{Outcome, OutcomeResult, RunRecord, Scope, Settled};
use rollcall_api::v1alpha1::{Action, Counts, Guard, JobType};
use rollcall_engine::model::{
    AgreedGuard, Agreement, Claim, Claimed, Fields, Link, Operation, Origin, Proposal, ProposedLine, Provenance,
    StreamAgreement, Write, WriteState,
};
use rollcall_engine::names::{FieldName, RowId, Side};
use rollcall_engine::redacted::Redacted;

/// Start of test time.
pub(crate) const START: i64 = 1_790_000_000;

/// A clock that stands still until it is set.
#[derive(Clone)]
pub(crate) struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }

    pub(crate) fn clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

pub(crate) fn scope() -> Scope {
    Scope { namespace: "hr".into(), setting: "people".into(), setting_uid: "uid-1".into() }
}

pub(crate) fn run(id: &str, attempt: i32) -> RunRecord {
    RunRecord {
        run_id: id.into(),
        job: format!("job-{id}"),
        type_: JobType::Sync,
        attempt,
        started_at: at(0),
        ended_at: None,
        code: None,
        reason: None,
        counts: Counts::default(),
    }
}

pub(crate) fn ended(id: &str, attempt: i32) -> RunRecord {
    let counts = Counts { read: 2, considered: 2, created: 2, ..Counts::default() };
    RunRecord { ended_at: Some(at(9)), code: Some(201), reason: Some("Completed".into()), counts, ..run(id, attempt) }
}

pub(crate) fn outcome(stream: &str, key: &str, result: OutcomeResult) -> Outcome {
    Outcome {
        stream: stream.into(),
        source_key: Some(key.into()),
        target_id: Some(format!("target-{key}").into()),
        result,
        action: Some(Action::Create),
        code: 201,
        reason: "Created".into(),
        message: "created".into(),
        fields: Redacted::new(one_value("Example")),
        before: Redacted::new(one_value("Sample")),
        defaulted: vec!["language".into()],
        at: at(1),
    }
}

pub(crate) fn link(stream: &str, key: &str) -> Link {
    Link {
        stream: stream.into(),
        source_key: key.into(),
        target_id: format!("target-{key}").into(),
        provenance: Provenance::Created,
        created_at: at(1),
        disabled_at: None,
        witness: [(FieldName::from("email"), 17)].into(),
        agreed: [].into(),
        undone: None,
    }
}

fn one_value(value: &str) -> Fields {
    [("name.familyName".into(), json!(value))].into_iter().collect()
}

/// The system that all synthetic writes and claims are about.
pub(crate) const SYSTEM: &str = "system-1";

/// A write to the target for the record of this source key; its identifier is made of both.
pub(crate) fn write(key: &str, operation: Operation) -> Write {
    let exists = operation != Operation::Create;
    Write {
        id: format!("{key}-{operation:?}"),
        stream: "people".into(),
        at: Side::Target,
        system: SYSTEM.into(),
        source_key: Some(key.into()),
        target_id: exists.then(|| format!("target-{key}").into()),
        operation,
        before: if exists { Redacted::new(one_value("Sample")) } else { Redacted::default() },
        active_before: exists.then_some(true),
        after: Redacted::new(one_value("Example")),
        changed: if exists { vec!["name.familyName".into()] } else { Vec::new() },
        approved: false,
        state: WriteState::Announced,
        at_time: at(2),
    }
}

/// What came of a write of the run that says so.
pub(crate) fn settled(write: &Write, state: WriteState) -> Settled {
    Settled { run: None, id: write.id.clone(), state, target_id: None, source_key: None }
}

/// A claim of a pair to a row.
pub(crate) fn row_claim(pair: &str, row: &str) -> Claim {
    Claim { system: SYSTEM.into(), stream: "people".into(), what: Claimed::Row(RowId::from(row)), pair: pair.into() }
}

/// A claim of a pair to a value that a record will be found by.
pub(crate) fn value_claim(pair: &str, value: &str) -> Claim {
    let what = Claimed::Value { field: "email".into(), value: Redacted::new(value.into()) };
    Claim { what, ..row_claim(pair, "") }
}

pub(crate) fn agreement(systems: &str) -> Agreement {
    Agreement {
        systems: systems.into(),
        streams: [("people".into(), StreamAgreement::default())].into(),
        terms: "terms".into(),
        guard: AgreedGuard(Guard::default()),
        automatic: false,
    }
}

pub(crate) fn proposal(digest: &str) -> Proposal {
    let line = ProposedLine { digest: "line-1".into(), stream: "people".into(), action: Action::Disable };
    Proposal {
        digest: digest.into(),
        agreement: agreement("systems"),
        origin: Origin::Sync,
        lines: vec![line],
        used: false,
    }
}

/// A certificate for `localhost` that signs itself, and its key, both in PEM.
pub(crate) fn self_signed() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (pem("CERTIFICATE", made.cert.der()), pem("PRIVATE KEY", &made.signing_key.serialize_der()))
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
