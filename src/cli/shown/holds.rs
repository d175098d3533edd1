//! What waits for an approval: how much of which kind, and why.

use std::collections::BTreeMap;

use crate::records::{Outcome, OutcomeResult};
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{Action, Held};

/// Held lines by action and reason. Names nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Holds(BTreeMap<(Action, String), usize>);

impl Holds {
    /// Counts the held ones among outcomes.
    pub(in crate::cli) fn among<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut holds = Self::default();
        for outcome in outcomes {
            if let (OutcomeResult::Held, Some(action)) = (outcome.result, outcome.action) {
                *holds.0.entry((action, outcome.reason.clone())).or_default() += 1;
            }
        }
        holds
    }

    /// `40 disables: RemovalLimit (More people …)`, most first.
    pub(in crate::cli) fn lines(&self) -> Vec<String> {
        let mut holds: Vec<_> = self.0.iter().collect();
        holds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let line = |((action, reason), count): &(&(Action, String), &usize)| {
            let ending = if **count == 1 { "" } else { "s" };
            let action = action.as_str().to_lowercase();
            let meaning = reasons::find(reason).map_or_else(String::new, |reason| format!(" ({})", reason.remedy));
            format!("{count} {action}{ending}: {reason}{meaning}")
        };
        holds.iter().map(line).collect()
    }
}

/// What can be approved, if anything. Without a line it may still be the terms of the setting.
pub(in crate::cli) fn waiting(held: Option<&Held>) -> Option<&Held> {
    held.filter(|held| !held.digest.is_empty())
}

/// `3 create, 1 disable`: the kinds that there are. Without any, only the terms of the setting wait.
pub(in crate::cli) fn held_in_words(held: &Held) -> String {
    let kinds = [(held.create, "create"), (held.update, "update"), (held.disable, "disable"), (held.delete, "delete")];
    let words: Vec<String> =
        kinds.iter().filter(|(count, _)| *count != 0).map(|(count, kind)| format!("{count} {kind}")).collect();
    if words.is_empty() { "the terms of the setting".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::super::super::export::tests::outcome;
    use super::*;

    fn held(action: Action, reason: &str) -> Outcome {
        Outcome { action: Some(action), ..outcome("1", OutcomeResult::Held, reason) }
    }

    #[test]
    fn held_lines_are_counted_by_action_and_reason_with_what_to_do() {
        let outcomes = [
            held(Action::Create, reasons::FIRST_RUN),
            held(Action::Disable, reasons::REMOVAL_LIMIT),
            held(Action::Disable, reasons::REMOVAL_LIMIT),
            outcome("2", OutcomeResult::Failed, reasons::WRITE_FAILED),
        ];
        let lines = Holds::among(&outcomes).lines();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("2 disables: RemovalLimit (More people"), "{}", lines[0]);
        assert!(lines[1].starts_with("1 create: FirstRun ("), "{}", lines[1]);
    }

    #[test]
    fn what_waits_without_a_line_is_the_agreement() {
        assert_eq!(held_in_words(&Held::default()), "the terms of the setting");
        assert_eq!(held_in_words(&Held { create: 3, disable: 1, ..Held::default() }), "3 create, 1 disable");
    }
}
