//! Words of the API as values of options.

use clap::ValueEnum;

use crate::records::OutcomeResult;
use rollcall_api::v1alpha1::Action;

macro_rules! option_values {
    ($(#[$doc:meta])* $word:ident for $type:ident: $($variant:ident),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        #[value(rename_all = "PascalCase")]
        pub(super) enum $word {
            $($variant),+
        }

        impl From<$word> for $type {
            fn from(word: $word) -> Self {
                match word {
                    $($word::$variant => Self::$variant),+
                }
            }
        }
    };
}

option_values! {
    /// Kinds of write.
    ActionWord for Action: Create, Update, Disable, Delete
}

option_values! {
    /// Ends that records meet.
    ResultWord for OutcomeResult:
        Created, Updated, Disabled, Deleted, Unchanged, Skipped, Held, Conflict, Failed, OutOfScope
}

/// The values behind the words.
pub(super) fn values<W: Copy, T: From<W>>(words: &[W]) -> Vec<T> {
    words.iter().map(|word| (*word).into()).collect()
}
