//! What has to be asked one by one before a plan can be made: what a list does not say is unknown until it is asked.

use std::collections::HashSet;

use rollcall_api::v1alpha1::{Normalization, SyncMode};

use super::classify::Class;
use super::index::Identity;
use super::input::{StreamInput, end};
use super::mapping::Mapped;
use super::work::{Record, Work};
use super::{PlanInput, removal};
use crate::compile::{CompiledMatch, CompiledStream, Input};
use crate::names::{FieldName, RowId, Side};
use crate::value::as_text;

/// What one record of the leading side can be looked up by on the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The record.
    pub record: RowId,
    /// Field of the other side and value, one for each match rule that has a value.
    pub lookups: Vec<(FieldName, String)>,
    /// A match rule that has a value cannot be asked of a server: only a list can answer.
    pub needs_list: bool,
}

/// Linked rows of the following side that its list did not deliver: lists of some systems leave inactive records out.
pub fn unlisted(stream: &CompiledStream, input: &StreamInput) -> Vec<RowId> {
    let (lead, follower) = (stream.lead(), stream.follower());
    let listed: HashSet<&RowId> = input.read(follower).rows.iter().map(|row| &row.id).collect();
    let requested: HashSet<&RowId> = input.requested.iter().collect();
    let is_meant = |link: &&crate::model::Link| requested.is_empty() || requested.contains(&end(link, lead));
    let ids = input.links.iter().filter(is_meant).map(|link| end(link, follower));
    ids.filter(|id| !listed.contains(id)).collect()
}

/// Linked records that a complete read of the leading side did not deliver and that would lose access for it: each is
/// asked for before it counts as gone.
pub fn absent(stream: &CompiledStream, input: &StreamInput, plan: &PlanInput<'_>) -> Vec<RowId> {
    let lead = stream.lead();
    if !input.read(lead).proof.is_complete() || plan.mode == SyncMode::CreateOnly {
        return Vec::new();
    }
    let work = Work::new(stream, input, plan);
    let delivered: HashSet<&RowId> = input.read(lead).rows.iter().map(|row| &row.id).collect();
    let is_open = |link: &&crate::model::Link| match work.index.row(link) {
        Some(row) => !removal::is_settled(&work, link, row),
        None => false,
    };
    let absent = input.links.iter().filter(|link| !delivered.contains(&end(link, lead))).filter(is_open);
    absent.map(|link| end(link, lead)).collect()
}

/// Records that would be created, or that somebody else might have, as long as the list of the other side does not prove
/// that they are not there.
pub fn open(stream: &CompiledStream, input: &StreamInput, plan: &PlanInput<'_>) -> Vec<Question> {
    let work = Work::new(stream, input, plan);
    let is_open = |record: &&Record<'_>| {
        let is_linked = work.index.link(&record.row.id).is_some_and(|link| !work.index.is_gone(link));
        let is_open = matches!(
            (&record.identity, &record.class),
            (Identity::Unlisted, Class::InScope { .. })
                | (Identity::Unknown(_), Class::InScope { .. } | Class::Leaver(_))
        );
        is_open && !is_linked
    };
    work.records.iter().filter(is_open).map(|record| question(&work, record)).collect()
}

fn question(work: &Work<'_>, record: &Record<'_>) -> Question {
    let rules = work.rules_with_a_key(record);
    let lookups: Vec<_> = rules.iter().filter_map(|rule| lookup(work.stream, rule, record)).collect();
    Question { record: record.row.id.clone(), needs_list: lookups.len() < rules.len(), lookups }
}

/// The field of the following side and the value that a rule asks for; None where a server cannot be asked.
fn lookup(stream: &CompiledStream, rule: &CompiledMatch, record: &Record<'_>) -> Option<(FieldName, String)> {
    let ([index], Normalization::None) = (rule.fields.as_slice(), rule.normalize) else { return None };
    let field = stream.fields.get(*index)?;
    match stream.lead() {
        Side::Source => {
            let value = record.mapped.get(*index)?.as_ref().ok().and_then(Mapped::own_value)?;
            Some((field.to.clone(), as_text(value)?))
        }
        Side::Target => match &field.forward.input {
            Input::Field(name) if field.forward.values.is_empty() => {
                Some((name.clone(), as_text(record.row.values().get(&field.to)?)?))
            }
            _ => None,
        },
    }
}
