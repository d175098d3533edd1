//! What the queue holds: names of objects.

use crate::operator::cluster::Stored;

/// Kind of object that is decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// IntegrationProvider.
    Provider,
    /// SyncSetting.
    Setting,
    /// EmployeeSyncJob.
    Job,
    /// SyncApproval.
    Approval,
}

impl Kind {
    /// Word for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Setting => "setting",
            Self::Job => "job",
            Self::Approval => "approval",
        }
    }
}

/// Names one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// Any key.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// The key of an object.
    pub fn of(kind: Kind, object: &impl Stored) -> Self {
        Self::new(kind, object.namespace(), object.name())
    }
}
