//! Names and identifiers, one type for each thing that could be taken for another.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&String> for $name {
            fn from(text: &String) -> Self {
                Self(text.as_str().into())
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }
    };
}

name! {
    /// Name of a kind of record, as definitions and settings call it. Example: `people`.
    StreamName
}
name! {
    /// Name of a field of a stream, as the definition calls it. Nested ones have dots: `employment.position`.
    FieldName
}
name! {
    /// Identifier that a system gave to one of its rows; which system, the row's place says.
    RowId
}
name! {
    /// Identifier that the source gave to a record.
    SourceKey
}
name! {
    /// Identifier that the target gave to a record.
    TargetId
}
name! {
    /// Stands for a system in the records store, whatever providers lead to it: a digest over the definition's name and
    /// the addresses.
    SystemId
}
name! {
    /// Identity of a run in the records store: the uid of its `EmployeeSyncJob`, or a name of its own in local runs.
    RunId
}

impl From<&RowId> for SourceKey {
    fn from(id: &RowId) -> Self {
        Self(id.0.clone())
    }
}

impl From<&RowId> for TargetId {
    fn from(id: &RowId) -> Self {
        Self(id.0.clone())
    }
}

impl From<&SourceKey> for RowId {
    fn from(key: &SourceKey) -> Self {
        Self(key.0.clone())
    }
}

impl From<&TargetId> for RowId {
    fn from(id: &TargetId) -> Self {
        Self(id.0.clone())
    }
}

/// One of the two systems of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// The one that a setting calls its source.
    Source,
    /// The one that a setting calls its target.
    Target,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }

    /// The word in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}
