//! Every write is announced with what was there before, and settled with what came back.

use std::collections::BTreeMap;

use ring::hmac;
use rollcall_engine::hexadecimal;
use rollcall_engine::model::{Claim, Claimed, Entry, Fields, Line, Operation, Write, WriteState};
use rollcall_engine::names::{FieldName, RowId, Side, SourceKey, StreamName, TargetId};
use rollcall_engine::plan::match_keys_of;
use rollcall_engine::redacted::Redacted;

use super::failure::RunFailure;
use super::input::RunInput;
use super::ledger::row_claim;
use crate::records::{Refused, pair};

/// Which write to a record within a run: the first, or the one that sets references that were not known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    First,
    References,
}

/// Names writes: the same one in every attempt of a run.
pub(super) struct Namer(hmac::Key);

impl Namer {
    /// With the key of the setting: the name of a write gives nobody away.
    pub(super) fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    fn name(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        hexadecimal(&context.sign().as_ref()[..12])
    }
}

/// One line that is about to be written, with everything resolved.
pub(super) struct Sending<'a> {
    pub(super) entry: &'a Entry,
    pub(super) line: &'a Line,
    /// The row that is written to; None: it is created.
    pub(super) row: Option<RowId>,
    /// The parent of a new row.
    pub(super) parent: Option<RowId>,
    /// What is sent, references among it.
    pub(super) fields: Fields,
    pub(super) write: Write,
    pub(super) claims: Vec<Claim>,
}

impl<'a> Sending<'a> {
    /// Prepares a line. `fields`: what is sent. `phase`: which write to the record it is.
    pub(super) fn new(
        input: &RunInput,
        namer: &Namer,
        stream: &StreamName,
        (entry, line): (&'a Entry, &'a Line),
        row: Option<RowId>,
        fields: Fields,
        phase: Phase,
    ) -> Self {
        let pair_name = pair(entry.source_key.as_ref(), entry.target_id.as_ref());
        let (source_key, target_id) = ends(entry, line.at, row.as_ref());
        let side = line.at.as_str();
        let operation = word(line.operation);
        let part = if phase == Phase::First { "first" } else { "references" };
        let before: Fields =
            fields.names().filter_map(|name| Some((name.clone(), line.before.get(name)?.clone()))).collect();
        let changed: Vec<FieldName> = line.changes().filter(|name| fields.contains(name)).cloned().collect();
        let write = Write {
            id: namer.name(&["rollcall-write-1", stream, &pair_name, side, operation, part]),
            stream: stream.clone(),
            at: line.at,
            system: input.system_id(line.at).clone(),
            source_key,
            target_id,
            operation: line.operation,
            before: Redacted::new(before),
            active_before: line.active_before,
            after: Redacted::new(fields.clone()),
            changed,
            approved: entry.approved,
            state: WriteState::Announced,
            at_time: input.now,
        };
        let claims = claims(input, stream, entry, line.at, row.as_ref(), &fields);
        Self { entry, line, row, parent: None, fields, write, claims }
    }
}

/// Both identifiers of a pair when a line is written.
fn ends(entry: &Entry, at: Side, row: Option<&RowId>) -> (Option<SourceKey>, Option<TargetId>) {
    match at {
        Side::Target => (entry.source_key.clone(), row.map(TargetId::from).or_else(|| entry.target_id.clone())),
        Side::Source => (row.map(SourceKey::from).or_else(|| entry.source_key.clone()), entry.target_id.clone()),
    }
}

/// The row, or for a new one the values that it will be found by: nobody else may have them meanwhile.
fn claims(
    input: &RunInput,
    stream: &StreamName,
    entry: &Entry,
    at: Side,
    row: Option<&RowId>,
    fields: &Fields,
) -> Vec<Claim> {
    let pair = pair(entry.source_key.as_ref(), entry.target_id.as_ref());
    if let Some(row) = row {
        return vec![row_claim(input, stream, at, row.clone(), pair)];
    }
    if at == Side::Source {
        return Vec::new();
    }
    let claim = |(field, value): (String, String)| Claim {
        system: input.system_id(at).clone(),
        stream: stream.clone(),
        what: Claimed::Value { field, value: Redacted::new(value) },
        pair: pair.clone(),
    };
    match_keys_of(&input.setting, stream, fields).into_iter().map(claim).collect()
}

const fn word(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Update => "update",
        Operation::Enable => "enable",
        Operation::Disable => "disable",
        Operation::Delete => "delete",
    }
}

/// Announces writes. Those whose claims were refused are returned by pair, with the setting that holds the claim: they
/// must not be sent.
pub(super) async fn announce(
    input: &RunInput,
    sendings: &[&Sending<'_>],
) -> Result<BTreeMap<String, Refused>, RunFailure> {
    let writes: Vec<Write> = sendings.iter().map(|sending| sending.write.clone()).collect();
    let claims: Vec<Claim> = sendings.iter().flat_map(|sending| sending.claims.clone()).collect();
    let refused = input.records.announce(&input.run_id, input.attempt, &writes, &claims).await?;
    Ok(refused.into_iter().map(|refusal| (refusal.claim.pair.clone(), refusal)).collect())
}
