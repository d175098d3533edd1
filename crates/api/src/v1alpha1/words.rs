//! The words that values of the API are written with, for messages and tables.

use std::fmt;

use super::{Action, ApprovalPhase, Decision, DesiredState, JobPhase, JobType, SettingState};

macro_rules! words {
    ($($type:ident: $($variant:ident),+;)+) => {$(
        impl $type {
            /// The word that objects have for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant)),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }
    )+};
}

words! {
    Action: Create, Update, Disable, Delete;
    ApprovalPhase: Pending, Applied, Void, Denied;
    Decision: Deny, Approve;
    DesiredState: On, Off;
    JobPhase: Queued, InProgress, Complete, Error;
    JobType: Sync, Plan, Show, Create, Release, Undo;
    SettingState: On, Off, Pending, Ready, Error;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_objects() {
        for type_ in [JobType::Sync, JobType::Undo] {
            assert_eq!(serde_json::to_value(type_).unwrap(), type_.as_str());
        }
        assert_eq!(serde_json::to_value(JobPhase::InProgress).unwrap(), JobPhase::InProgress.as_str());
        assert_eq!(format!("{:<8}|", Action::Update), "Update  |");
    }
}
