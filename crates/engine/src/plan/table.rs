//! The table of rules for fields: which side gets a value, from the two values alone.

use rollcall_api::v1alpha1::FieldRule;

use crate::names::Side;

/// What one field's rule does with the two values: nothing, or a change of one side. No clock decides, so it converges
/// and nothing echoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Keep,
    Set(Side),
}

/// The table of rules. A value is None where its side has none; equal values are compared by the caller's form of them.
pub(super) fn change(rule: FieldRule, winner: Option<Side>, source: Option<&str>, target: Option<&str>) -> Change {
    if source == target {
        return Change::Keep;
    }
    match (rule, source, target) {
        (FieldRule::Push, ..) | (FieldRule::Fill, Some(_), None) => Change::Set(Side::Target),
        (FieldRule::Pull, ..) | (FieldRule::Fill, None, Some(_)) => Change::Set(Side::Source),
        (FieldRule::Fill, Some(_), Some(_)) => match winner {
            Some(Side::Source) => Change::Set(Side::Target),
            Some(Side::Target) => Change::Set(Side::Source),
            None => Change::Keep,
        },
        (FieldRule::Fill, None, None) => Change::Keep,
    }
}
