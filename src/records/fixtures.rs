//! Records for tests: synthetic people only.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use serde_json::json;

use super::clock::Clock;
use super::{Intent, Outcome, OutcomeResult, RunRecord, Scope};
use rollcall_api::v1alpha1::{Action, Counts, JobType};
use rollcall_engine::model::{Fields, Link, Provenance};
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
        source_key: key.into(),
        target_id: Some(format!("target-{key}")),
        result,
        action: Some(Action::Create),
        code: 201,
        reason: "Created".into(),
        message: "created".into(),
        fields: Redacted::new(Fields([("name.familyName".to_owned(), json!("Example"))].into())),
        defaulted: vec!["language".into()],
        at: at(1),
    }
}

pub(crate) fn link(stream: &str, key: &str) -> Link {
    Link {
        stream: stream.into(),
        source_key: key.into(),
        target_id: format!("target-{key}"),
        provenance: Provenance::Created,
        created_at: at(1),
        disabled_at: None,
    }
}

pub(crate) fn intent(stream: &str, key: &str, run: &str) -> Intent {
    Intent { stream: stream.into(), source_key: key.into(), run_id: run.into(), at: at(1) }
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
