//! What people are shown of runs and records, the same in `rollcall` and `kubectl rollcall`. Pure but for the remark about
//! personal data.

pub(super) mod ending;
mod holds;
pub(super) mod links;
pub(super) mod outcomes;
pub(super) mod time;

pub(super) use holds::{Holds, held_in_words, waiting};

use super::output;

/// Says on standard error that what follows is personal data.
pub(super) fn announce_personal_data() {
    output::note("note: this prints personal data from the records store; it is not in the cluster, keep it that way");
}

/// Appends to a String, which cannot fail.
pub(super) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = std::fmt::Write::write_fmt(text, arguments);
}
