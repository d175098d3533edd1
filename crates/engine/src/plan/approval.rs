//! What an approval releases: exactly the lines that were proposed, as far as they would still be written just so.

use std::collections::HashSet;

use rollcall_api::v1alpha1::{Action, Release};

use super::DraftStream;
use super::digest::Digester;
use crate::model::Proposal;

/// A proposal that was approved, whole or in part.
#[derive(Clone, Debug)]
pub struct Approved {
    lines: HashSet<String>,
    is_whole: bool,
}

impl Approved {
    /// The lines of a proposal that an approval covers.
    pub fn new(proposal: &Proposal, release: &Release) -> Self {
        let covers = |stream: &str, action: Action| {
            (release.streams.is_empty() || release.streams.iter().any(|name| name == stream))
                && (release.actions.is_empty() || release.actions.contains(&action))
        };
        let lines = proposal.lines.iter().filter(|line| covers(&line.stream, line.action));
        let is_whole = release.streams.is_empty() && release.actions.is_empty();
        Self { lines: lines.map(|line| line.digest.clone()).collect(), is_whole }
    }

    /// Whether it covers everything that was proposed, and so the terms of the setting as well.
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Releases what it covers.
    pub(super) fn release(&self, streams: &mut [DraftStream], digester: &Digester) {
        for stream in streams {
            let name = stream.plan.name.clone();
            for draft in stream.drafts.iter_mut().filter(|draft| !draft.is_incomplete) {
                let entry = &mut draft.entry;
                if !entry.lines().is_empty() && self.lines.contains(&digester.entry(&name, entry)) {
                    entry.held = None;
                    entry.approved = true;
                }
            }
        }
    }
}
