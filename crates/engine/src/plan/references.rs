//! Which target record a source key stands for, in every stream of the run: for fields that refer to other records.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, DraftStream};
use crate::model::{Reference, Verdict};
use rollcall_api::reasons;

/// What is known of a source key in the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The target record with this identifier, by a stored link.
    Record(String),
    /// The target record with this identifier, which a match rule just found; its link is not stored yet.
    Matched(String),
    /// It is going to be created in this run.
    Planned,
}

/// Source keys by stream.
#[derive(Debug, Default)]
pub(super) struct Directory(BTreeMap<String, BTreeMap<String, Known>>);

impl Directory {
    /// Notes what a source key stands for; a later note replaces an earlier one.
    pub(super) fn note(&mut self, stream: &str, key: &str, known: Known) {
        self.0.entry(stream.to_owned()).or_default().insert(key.to_owned(), known);
    }

    /// Looks a source key up.
    pub(super) fn find(&self, stream: &str, key: &str) -> Option<&Known> {
        self.0.get(stream)?.get(key)
    }
}

/// Leaves out references to records whose create, or whose new link, waits for an approval: they could not be resolved
/// when the plan is carried out. Only entries that are not held themselves are changed, so that the digest of what is
/// held does not depend on it. A later run sets them.
pub(super) fn drop_waiting(streams: &mut [DraftStream], directory: &Directory) {
    let mut ready: BTreeSet<(String, String)> = BTreeSet::new();
    for stream in streams.iter() {
        for Draft { entry, .. } in &stream.drafts {
            let is_new = matches!(entry.verdict, Verdict::Create { .. }) || entry.new_link;
            if is_new && entry.held.is_none() {
                ready.insert((stream.plan.name.clone(), entry.source_key.clone()));
            }
        }
    }
    let is_ready = |reference: &Reference| match &reference.source_key {
        None => true,
        Some(key) => match directory.find(&reference.stream, key) {
            Some(Known::Record(_)) => true,
            Some(Known::Matched(_) | Known::Planned) => ready.contains(&(reference.stream.clone(), key.clone())),
            None => false,
        },
    };
    let drafts = streams.iter_mut().flat_map(|stream| &mut stream.drafts);
    for draft in drafts.filter(|draft| draft.entry.held.is_none()) {
        drop_references(draft, is_ready);
    }
}

fn drop_references(draft: &mut Draft, is_ready: impl Fn(&Reference) -> bool) {
    let entry = &mut draft.entry;
    let (Verdict::Create { references, .. } | Verdict::Update { references, .. }) = &mut entry.verdict else { return };
    let waiting: Vec<String> =
        references.iter().filter(|(_, reference)| !is_ready(reference)).map(|(field, _)| field.clone()).collect();
    if waiting.is_empty() {
        return;
    }
    references.retain(|field, _| !waiting.contains(field));
    let note = format!(
        "{}: {} left out until the approval of the records referred to",
        reasons::REFERENCE_UNRESOLVED,
        waiting.join(", ")
    );
    entry.message = if entry.message.is_empty() { note } else { format!("{}; {note}", entry.message) };
    if let Verdict::Update { changes, references, enable: false } = &entry.verdict
        && changes.0.is_empty()
        && references.is_empty()
    {
        entry.verdict = Verdict::Unchanged;
        entry.reason = reasons::UNCHANGED;
    }
}
