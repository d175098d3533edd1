//! Digests of a plan: HMAC-SHA256 over its writing entries in a canonical form.

use ring::hmac;
use serde_json::{Value, json};

use super::{Draft, DraftStream};
use crate::model::Verdict;
use crate::value::hexadecimal;
use rollcall_api::v1alpha1::{Action, Held};

/// Digest over all entries that would write, held or not.
pub(super) fn whole(streams: &[DraftStream], key: &[u8]) -> String {
    digest(streams, key, |draft| draft.entry.verdict.action().is_some())
}

/// What is held, with the digest over it alone; None when nothing is.
pub(super) fn held(streams: &[DraftStream], key: &[u8]) -> Option<Held> {
    let is_held = |draft: &Draft| draft.entry.held.is_some() && draft.entry.verdict.action().is_some();
    let mut held = Held::default();
    for draft in streams.iter().flat_map(|stream| &stream.drafts).filter(|draft| is_held(draft)) {
        match draft.entry.verdict.action() {
            Some(Action::Create) => held.create += 1,
            Some(Action::Update) => held.update += 1,
            Some(Action::Disable) => held.disable += 1,
            Some(Action::Delete) => held.delete += 1,
            None => {}
        }
    }
    if held.total() == 0 {
        return None;
    }
    held.digest = digest(streams, key, is_held);
    Some(held)
}

fn digest(streams: &[DraftStream], key: &[u8], counts: impl Fn(&Draft) -> bool) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut context = hmac::Context::with_key(&key);
    context.update(b"rollcall-plan-1\n");
    for stream in streams {
        for draft in stream.drafts.iter().filter(|draft| counts(draft)) {
            // JSON escapes line ends, so that no value can pass for the beginning of another line.
            context.update(canonical(&stream.plan.name, draft).to_string().as_bytes());
            context.update(b"\n");
        }
    }
    format!("sha256:{}", hexadecimal(context.sign().as_ref()))
}

/// What would be done, without why: fields are ordered by name.
fn canonical(stream: &str, draft: &Draft) -> Value {
    let entry = &draft.entry;
    let (action, fields, references, enable) = match &entry.verdict {
        Verdict::Create { fields, references } => ("create", Some(fields), Some(references), false),
        Verdict::Update { changes, references, enable } => ("update", Some(changes), Some(references), *enable),
        Verdict::Disable => ("disable", None, None, false),
        Verdict::Delete => ("delete", None, None, false),
        Verdict::Unchanged | Verdict::Skip | Verdict::Conflict | Verdict::Fail => ("none", None, None, false),
    };
    json!([stream, entry.source_key, entry.target_id, action, fields, references, enable])
}
