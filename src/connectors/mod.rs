//! Talking to the systems: the one trait of all connectors, and the connectors themselves.
//!
//! A connector knows HTTP and one vendor definition. It knows nothing of settings, links or plans.

use std::collections::BTreeMap;

use async_trait::async_trait;

use rollcall_engine::model::{Fault, Fields, Read, Row};
use rollcall_engine::names::{FieldName, RowId, StreamName};

mod by_identifier;
mod draft;
#[cfg(test)]
mod emulator_tests;
mod error;
pub mod factory;
mod http;
mod listing;
mod net;
mod pages;
mod rate;
mod rest;
mod scim2;
mod system;
#[cfg(test)]
mod testing;
mod value;

pub use error::{ConnectorError, ErrorKind};
pub use factory::{ProviderConfig, probe, system};

/// Told how far a read has come: (done, total where known).
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// A system, read from and written to.
///
/// Rows have the fields that are wanted, by the definition's dotted names; those without content are absent. A wanted
/// name stands for itself and for everything below it. A row that could not be read whole has a fault that names the
/// fields whose values are unknown, and keeps the others.
///
/// An error of kind [`ErrorKind::Configuration`] or [`ErrorKind::Credentials`] concerns the whole stream, whatever was
/// asked for.
#[async_trait]
pub trait System: Send + Sync {
    /// Checks credentials and reachability with one cheap authenticated request.
    async fn probe(&self) -> Result<(), ConnectorError>;

    /// Reads all rows of a stream, with proof. Lookups and calls that only unwanted fields need are not made. A read
    /// that breaks off for a transient reason delivers what came, as [`rollcall_engine::model::ReadProof::Failed`];
    /// it is an error only when nothing came.
    async fn read(
        &self,
        stream: &StreamName,
        wanted: &[FieldName],
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Read, ConnectorError>;

    /// Rows by identifier. Every identifier gets an answer.
    async fn get(
        &self,
        stream: &StreamName,
        ids: &[RowId],
        wanted: &[FieldName],
    ) -> Result<BTreeMap<RowId, Known>, ConnectorError>;

    /// Whether `get` asks the system for rows by their identifiers, so that "not found" is the system's own word,
    /// rather than searching a list. False for a stream that does not exist.
    fn asks_by_id(&self, stream: &StreamName) -> bool;

    /// Rows with this value in a field that is marked `lookup`; upper and lower case count as the field says. The
    /// answer is complete, or an error.
    async fn find(
        &self,
        stream: &StreamName,
        field: &FieldName,
        value: &str,
        wanted: &[FieldName],
    ) -> Result<Found, ConnectorError>;

    /// Creates a record, below its parent in streams that have one. Errors: [`ErrorKind::Conflict`] when it exists
    /// already, [`ErrorKind::OutcomeUnknown`] when the request was sent and its outcome is not known,
    /// [`ErrorKind::Rejected`] when the system refuses the values.
    async fn create(&self, stream: &StreamName, fields: &Fields, parent: Option<&RowId>)
    -> Result<Row, ConnectorError>;

    /// Changes the given fields of a record; null empties one. `active` also switches the record on or off. An error of
    /// kind [`ErrorKind::OutcomeUnknown`] also means that one part was done and another one was not.
    async fn update(
        &self,
        stream: &StreamName,
        id: &RowId,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError>;

    /// Deletes a record. A record that does not exist counts as deleted.
    async fn delete(&self, stream: &StreamName, id: &RowId) -> Result<(), ConnectorError>;
}

/// What is known about one identifier.
#[derive(Clone, Debug, PartialEq)]
pub enum Known {
    /// The row, which may have a fault.
    Present(Row),
    /// The system says that there is none, or a complete list does not have it.
    Absent,
    /// It could not be found out.
    Unknown(Fault),
}

/// What a look-up by value came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// All rows that have the value; none when the system has none.
    Rows(Vec<Row>),
    /// The system does not filter by the field, or only pretends to: nothing is known.
    NotAnswered,
}

/// How much a read has to prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thoroughness {
    /// One pass is enough where a total is declared, even if pages are cut by position.
    Once,
    /// As many passes as absence needs: two that agree where no total is declared or pages are cut by position.
    Proven,
}
