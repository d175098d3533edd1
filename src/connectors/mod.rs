//! Talking to the systems: the two traits every connector implements, and the connectors themselves.
//!
//! A connector knows HTTP and one vendor definition. It knows nothing of settings, links or plans.

use async_trait::async_trait;

use rollcall_engine::model::{Fields, Read, SourceRecord, TargetRecord};

mod error;
pub mod factory;
mod http;
mod listing;
mod net;
mod rate;
mod rest;
mod scim2;
mod target;
#[cfg(test)]
mod testing;
mod value;

pub use error::{ConnectorError, ErrorKind};
pub use factory::{ProviderConfig, probe, source, target};

/// Told how far a read has come: (done, total where known).
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// A system that records are read from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Checks credentials and reachability with one cheap authenticated request.
    async fn probe(&self) -> Result<(), ConnectorError>;

    /// Reads all records of a stream, with proof. Only the fields in `wanted` (dotted names of the schema) have to be
    /// filled; the others may be null, and lookups or calls that only they need are not made.
    /// Fails as a whole only when nothing can be concluded (credentials, configuration, transient after all retries).
    async fn read(
        &self,
        stream: &str,
        wanted: &[String],
        progress: Progress<'_>,
    ) -> Result<Read<SourceRecord>, ConnectorError>;

    /// Reads the records with these keys; a key that does not exist is simply not in the answer.
    async fn read_keys(
        &self,
        stream: &str,
        keys: &[String],
        wanted: &[String],
    ) -> Result<Read<SourceRecord>, ConnectorError>;
}

/// A system that records are written to.
#[async_trait]
pub trait Target: Send + Sync {
    /// Checks credentials and reachability with one cheap authenticated request.
    async fn probe(&self) -> Result<(), ConnectorError>;

    /// Reads all records of a stream, with proof.
    async fn read(&self, stream: &str, progress: Progress<'_>) -> Result<Read<TargetRecord>, ConnectorError>;

    /// Reads one record; None only when the system says that it does not exist.
    async fn get(&self, stream: &str, id: &str) -> Result<Option<TargetRecord>, ConnectorError>;

    /// Looks records up by one field marked `lookup`. Empty only when the system answered that there is none: a
    /// failure is an error, never an empty answer. A field that the server turns out not to filter by is an error of
    /// kind [`ErrorKind::Unsupported`].
    async fn find(&self, stream: &str, field: &str, value: &str) -> Result<Vec<TargetRecord>, ConnectorError>;

    /// Creates a record. Errors: [`ErrorKind::Conflict`] when it exists already, [`ErrorKind::OutcomeUnknown`] when the
    /// request was sent and its outcome is not known, [`ErrorKind::Rejected`] when the system refuses the values.
    async fn create(&self, stream: &str, fields: &Fields) -> Result<TargetRecord, ConnectorError>;

    /// Changes the given fields of a record; null empties one. `active` also switches the record on or off.
    async fn update(
        &self,
        stream: &str,
        id: &str,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError>;

    /// Deletes a record. A record that does not exist counts as deleted.
    async fn delete(&self, stream: &str, id: &str) -> Result<(), ConnectorError>;
}
