//! The target of a definition: each stream goes by the transport that the definition names.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::http::Client;
use super::rest::RestTarget;
use super::scim2::{ScimTarget, ServerFeatures};
use super::{ConnectorError, ErrorKind, Progress, Target, factory};
use rollcall_api::reasons;
use rollcall_engine::definitions::TargetStream;
use rollcall_engine::model::{Fields, Read, TargetRecord};

/// A system that is written to.
pub(crate) struct VendorTarget {
    client: Arc<Client>,
    /// What the SCIM server offers; asked for once, when it is first needed.
    features: OnceCell<ServerFeatures>,
}

/// One stream with its transport.
enum Stream<'a> {
    Scim2(ScimTarget<'a>),
    Rest(RestTarget<'a>),
}

impl VendorTarget {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, features: OnceCell::new() }
    }

    fn stream(&self, name: &str) -> Result<Stream<'_>, ConnectorError> {
        let client = self.client.as_ref();
        match client.definition().target.get(name) {
            Some(TargetStream::Scim2(stream)) => {
                Ok(Stream::Scim2(ScimTarget { client, stream, features: &self.features }))
            }
            Some(TargetStream::Rest(stream)) => Ok(Stream::Rest(RestTarget { client, stream })),
            None => {
                let vendor = &client.definition().name;
                Err(ConnectorError::new(
                    ErrorKind::Configuration,
                    reasons::MAPPING_INVALID,
                    format!(
                        "vendor {vendor} has no target stream {name}; rollcall definitions show {vendor} lists them"
                    ),
                ))
            }
        }
    }
}

#[async_trait]
impl Target for VendorTarget {
    async fn probe(&self) -> Result<(), ConnectorError> {
        factory::probe_with(&self.client).await
    }

    async fn read(&self, stream: &str, progress: Progress<'_>) -> Result<Read<TargetRecord>, ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.read(progress).await,
            Stream::Rest(stream) => stream.read(progress).await,
        }
    }

    async fn get(&self, stream: &str, id: &str) -> Result<Option<TargetRecord>, ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.get(id).await,
            Stream::Rest(stream) => stream.get(id).await,
        }
    }

    async fn find(&self, stream: &str, field: &str, value: &str) -> Result<Vec<TargetRecord>, ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.find(field, value).await,
            Stream::Rest(stream) => stream.find(field, value).await,
        }
    }

    async fn create(&self, stream: &str, fields: &Fields) -> Result<TargetRecord, ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.create(fields).await,
            Stream::Rest(stream) => stream.create(fields).await,
        }
    }

    async fn update(
        &self,
        stream: &str,
        id: &str,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.update(id, changes, active).await,
            Stream::Rest(stream) => stream.update(id, changes, active).await,
        }
    }

    async fn delete(&self, stream: &str, id: &str) -> Result<(), ConnectorError> {
        match self.stream(stream)? {
            Stream::Scim2(stream) => stream.delete(id).await,
            Stream::Rest(_) => Err(ConnectorError::new(
                ErrorKind::Unsupported,
                reasons::TARGET_REJECTED,
                "records of this stream cannot be deleted",
            )),
        }
    }
}
