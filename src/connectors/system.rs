//! The system of a definition: each stream goes by its own transport.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::http::Client;
use super::rest::RestConnector;
use super::scim2::{ScimConnector, ServerFeatures};
use super::{ConnectorError, ErrorKind, Found, Known, Progress, System, Thoroughness, factory};
use rollcall_api::reasons;
use rollcall_engine::definitions::Transport;
use rollcall_engine::model::{Fields, Read, Row};
use rollcall_engine::names::{FieldName, RowId, StreamName};

/// A system that a definition describes.
pub(crate) struct VendorSystem {
    client: Arc<Client>,
    /// What the SCIM server offers; asked for once, when it is first needed.
    features: OnceCell<ServerFeatures>,
}

/// One stream with its transport.
enum Connector<'a> {
    Scim2(ScimConnector<'a>),
    Rest(RestConnector<'a>),
}

impl VendorSystem {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, features: OnceCell::new() }
    }

    fn stream(&self, name: &StreamName) -> Result<Connector<'_>, ConnectorError> {
        let client = self.client.as_ref();
        let stream = client.definition().streams.get(name).ok_or_else(|| {
            let vendor = &client.definition().name;
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::MAPPING_INVALID,
                format!("vendor {vendor} has no stream {name}; rollcall definitions show {vendor} lists them"),
            )
        })?;
        let schema = &stream.schema;
        Ok(match &stream.transport {
            Transport::Scim2(stream) => {
                Connector::Scim2(ScimConnector { client, schema, stream, features: &self.features })
            }
            Transport::Rest(stream) => Connector::Rest(RestConnector { client, schema, stream }),
        })
    }
}

#[async_trait]
impl System for VendorSystem {
    async fn probe(&self) -> Result<(), ConnectorError> {
        factory::probe_with(&self.client).await
    }

    async fn read(
        &self,
        stream: &StreamName,
        wanted: &[FieldName],
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Read, ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(stream) => stream.read(wanted, thoroughness, progress).await,
            Connector::Rest(stream) => stream.read(wanted, thoroughness, progress).await,
        }
    }

    async fn get(
        &self,
        stream: &StreamName,
        ids: &[RowId],
        wanted: &[FieldName],
    ) -> Result<BTreeMap<RowId, Known>, ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(stream) => stream.get(ids, wanted).await,
            Connector::Rest(stream) => stream.get(ids, wanted).await,
        }
    }

    fn asks_by_id(&self, stream: &StreamName) -> bool {
        match self.stream(stream) {
            Ok(Connector::Scim2(_)) => true,
            Ok(Connector::Rest(stream)) => stream.asks_by_id(),
            Err(_) => false,
        }
    }

    async fn find(
        &self,
        stream: &StreamName,
        field: &FieldName,
        value: &str,
        wanted: &[FieldName],
    ) -> Result<Found, ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(stream) => stream.find(field, value, wanted).await,
            Connector::Rest(stream) => stream.find(field, value, wanted).await,
        }
    }

    async fn create(
        &self,
        stream: &StreamName,
        fields: &Fields,
        parent: Option<&RowId>,
    ) -> Result<Row, ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(_) if parent.is_some() => Err(ConnectorError::new(
                ErrorKind::Configuration,
                reasons::MAPPING_INVALID,
                format!("records of stream {stream} have no parent"),
            )),
            Connector::Scim2(stream) => stream.create(fields).await,
            Connector::Rest(stream) => stream.create(fields, parent).await,
        }
    }

    async fn update(
        &self,
        stream: &StreamName,
        id: &RowId,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(stream) => stream.update(id, changes, active).await,
            Connector::Rest(stream) => stream.update(id, changes, active).await,
        }
    }

    async fn delete(&self, stream: &StreamName, id: &RowId) -> Result<(), ConnectorError> {
        match self.stream(stream)? {
            Connector::Scim2(stream) => stream.delete(id).await,
            Connector::Rest(stream) => stream.delete(id).await,
        }
    }
}
