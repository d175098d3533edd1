//! A client of the records service. Every method may be sent again after a lost answer without changing the result, so
//! failures that pass are retried for a bounded time before a caller hears of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::Rng;
use reqwest::StatusCode;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::chunks;
use super::wire::{
    AgreeRequest, AnnounceRequest, ClaimedRequest, CommitRequest, EffectsRequest, EndRunRequest, LinksRequest,
    MAX_BODY_BYTES, Method, OutcomesRequest, ProposalRequest, ProposeRequest, Refusal, RenewRequest, RunsRequest,
    UseProposalRequest, WritesRequest,
};
use super::{Batch, Outcome, OutcomeQuery, Records, Refused, RunRecord, Scope, SettingEnd, SettingRecord, StoreError};
use jiff::Timestamp;
use rollcall_engine::model::{Agreement, Claim, Effects, Link, Proposal, Write};
use rollcall_engine::names::{RowId, RunId, StreamName, SystemId};
use rollcall_engine::redacted::Redacted;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than the service's own limit, so that its answer is heard.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(35);
/// How long a call is tried again: a restart of the service passes unnoticed, and a renewal that is due every third of
/// the lock's life still comes in time.
const PATIENCE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Where the bearer token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A file that the kubelet renews: read for every request.
    File(PathBuf),
    /// A token that was minted for this call.
    Static(Redacted<String>),
}

/// The records of one setting, behind the service. Cheap to clone.
#[derive(Clone)]
pub struct RemoteRecords {
    client: reqwest::Client,
    base: Arc<Url>,
    token: TokenSource,
    scope: Scope,
    patience: Duration,
}

impl RemoteRecords {
    /// A client of the service at `base_url` (`https://…`) that trusts `ca_pem` alone.
    /// Fails with [`StoreError::Invalid`] when the URL or the certificate cannot be used.
    pub fn new(base_url: &str, token: TokenSource, ca_pem: &[u8], scope: Scope) -> Result<Self, StoreError> {
        Self::build(base_url, token, ca_pem, scope, None)
    }

    /// The same through a forwarded port: the server is verified under the name in `base_url`, but reached at `address`.
    pub fn via(
        address: SocketAddr,
        base_url: &str,
        token: TokenSource,
        ca_pem: &[u8],
        scope: Scope,
    ) -> Result<Self, StoreError> {
        Self::build(base_url, token, ca_pem, scope, Some(address))
    }

    /// Changes how long a call is tried again before it fails with [`StoreError::Unavailable`].
    #[must_use]
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The records of another setting over the same connections.
    #[must_use]
    pub fn scoped(&self, scope: Scope) -> Self {
        Self { scope, ..self.clone() }
    }

    fn build(
        base_url: &str,
        token: TokenSource,
        ca_pem: &[u8],
        scope: Scope,
        address: Option<SocketAddr>,
    ) -> Result<Self, StoreError> {
        let mut base = Url::parse(base_url).map_err(|error| invalid(&format!("{base_url} is no URL ({error})")))?;
        let host = base.host_str().unwrap_or_default().to_owned();
        if base.scheme() != "https" || host.is_empty() {
            return Err(invalid(&format!("{base_url} must be an https:// URL with a host")));
        }
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(ca_pem)?)
            .https_only(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        if let Some(address) = address {
            builder = builder.resolve(&host, address);
            // The port of the URL wins over the one given to `resolve`.
            base.set_port(Some(address.port())).map_err(|()| invalid(&format!("{base_url} cannot have a port")))?;
        }
        let client = builder.build().map_err(|_| invalid("no HTTPS client can be made"))?;
        Ok(Self { client, base: Arc::new(base), token, scope, patience: PATIENCE })
    }

    async fn call<B: Serialize + Sync, T: DeserializeOwned>(&self, method: Method, body: &B) -> Result<T, StoreError> {
        let body = serde_json::to_vec(body).map_err(|_| invalid("a request cannot be written as JSON"))?;
        if body.len() > MAX_BODY_BYTES {
            return Err(invalid(&format!("a request is larger than {MAX_BODY_BYTES} bytes: commit smaller batches")));
        }
        let body = bytes::Bytes::from(body);
        let deadline = Instant::now() + self.patience;
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match self.attempt(method, body.clone()).await {
                Err(StoreError::Unavailable(failure)) => failure,
                other => return other,
            };
            // Between half and all of the pause, so that many pods do not come back at once.
            let wait = pause.mul_f64(rand::rng().random_range(0.5..=1.0));
            if Instant::now() + wait > deadline {
                return Err(StoreError::Unavailable(failure));
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt<T: DeserializeOwned>(&self, method: Method, body: bytes::Bytes) -> Result<T, StoreError> {
        let mut url = (*self.base).clone();
        url.set_path(&method.path(&self.scope));
        let request = self
            .client
            .post(url)
            .bearer_auth(self.token().await?.expose())
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body);
        let response = request.send().await.map_err(|error| unreachable(&error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| unreachable(&error))?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|_| not_understood(status));
        }
        Err(match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => refusal.into(),
            Err(_) if status.is_server_error() => StoreError::Unavailable(format!("it answered {status}")),
            Err(_) => not_understood(status),
        })
    }

    async fn token(&self) -> Result<Redacted<String>, StoreError> {
        match &self.token {
            TokenSource::Static(token) => Ok(token.clone()),
            TokenSource::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(token) => Ok(Redacted::new(token.trim().to_owned())),
                Err(error) => {
                    let (path, kind) = (path.display(), error.kind());
                    Err(invalid(&format!("token file {path} cannot be read ({kind}): mount a projected token there")))
                }
            },
        }
    }
}

#[async_trait]
impl Records for RemoteRecords {
    async fn setting(&self) -> Result<SettingRecord, StoreError> {
        self.call(Method::Setting, &()).await
    }

    async fn begin_run(&self, run: &RunRecord) -> Result<(), StoreError> {
        self.call(Method::BeginRun, run).await
    }

    async fn renew(&self, run: &RunId, attempt: i32) -> Result<(), StoreError> {
        self.call(Method::Renew, &RenewRequest { run_id: run.clone(), attempt }).await
    }

    async fn end_run(&self, run: &RunRecord, setting: Option<&SettingEnd>) -> Result<(), StoreError> {
        self.call(Method::EndRun, &EndRunRequest { run: run.clone(), setting: setting.cloned() }).await
    }

    async fn links(&self, stream: &StreamName) -> Result<Vec<Link>, StoreError> {
        self.call(Method::Links, &LinksRequest { stream: stream.clone() }).await
    }

    async fn commit(&self, run: &RunId, attempt: i32, batch: &Batch) -> Result<Vec<Refused>, StoreError> {
        let mut refused = Vec::new();
        for batch in chunks::of_batch(batch)? {
            let request = CommitRequest { run_id: run.clone(), attempt, batch };
            refused.extend(self.call::<_, Vec<Refused>>(Method::Commit, &request).await?);
        }
        Ok(refused)
    }

    async fn announce(
        &self,
        run: &RunId,
        attempt: i32,
        writes: &[Write],
        claims: &[Claim],
    ) -> Result<Vec<Refused>, StoreError> {
        let mut refused = Vec::new();
        for (writes, claims) in chunks::of_announcement(writes, claims)? {
            let request = AnnounceRequest { run_id: run.clone(), attempt, writes, claims };
            refused.extend(self.call::<_, Vec<Refused>>(Method::Announce, &request).await?);
        }
        Ok(refused)
    }

    async fn open_writes(&self) -> Result<Vec<(RunId, Write)>, StoreError> {
        self.call(Method::OpenWrites, &()).await
    }

    async fn writes(&self, run: &RunId, offset: u64, limit: u64) -> Result<Vec<Write>, StoreError> {
        self.call(Method::Writes, &WritesRequest { run_id: run.clone(), offset, limit }).await
    }

    async fn effects(&self, stream: &StreamName, system: &SystemId, since: Timestamp) -> Result<Effects, StoreError> {
        let request = EffectsRequest { stream: stream.clone(), system: system.clone(), since };
        self.call(Method::Effects, &request).await
    }

    async fn claimed_by_others(
        &self,
        stream: &StreamName,
        system: &SystemId,
        rows: &[RowId],
    ) -> Result<Vec<RowId>, StoreError> {
        let mut claimed = Vec::new();
        for rows in chunks::of_list(rows)? {
            let request = ClaimedRequest { stream: stream.clone(), system: system.clone(), rows };
            claimed.extend(self.call::<_, Vec<RowId>>(Method::ClaimedByOthers, &request).await?);
        }
        Ok(claimed)
    }

    async fn propose(&self, run: &RunId, attempt: i32, proposal: &Proposal) -> Result<(), StoreError> {
        let request = ProposeRequest { run_id: run.clone(), attempt, proposal: proposal.clone() };
        self.call(Method::Propose, &request).await
    }

    async fn proposal(&self, digest: &str) -> Result<Option<Proposal>, StoreError> {
        self.call(Method::Proposal, &ProposalRequest { digest: digest.to_owned() }).await
    }

    async fn agree(&self, run: &RunId, attempt: i32, agreement: &Agreement) -> Result<(), StoreError> {
        let request = AgreeRequest { run_id: run.clone(), attempt, agreement: agreement.clone() };
        self.call(Method::Agree, &request).await
    }

    async fn use_proposal(&self, run: &RunId, attempt: i32, digest: &str) -> Result<(), StoreError> {
        let request = UseProposalRequest { run_id: run.clone(), attempt, digest: digest.to_owned() };
        self.call(Method::UseProposal, &request).await
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, StoreError> {
        self.call(Method::Runs, &RunsRequest { limit }).await
    }

    async fn outcomes(&self, run: &RunId, query: &OutcomeQuery) -> Result<Vec<Outcome>, StoreError> {
        self.call(Method::Outcomes, &OutcomesRequest { run_id: run.clone(), query: query.clone() }).await
    }
}

/// TLS that trusts these certificates alone.
pub(super) fn tls(ca_pem: &[u8]) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        let added = certificate.map_err(|_| ()).and_then(|certificate| roots.add(certificate).map_err(|_| ()));
        added.map_err(|()| invalid("the CA bundle holds something that is no certificate in PEM"))?;
    }
    if roots.is_empty() {
        return Err(invalid("the CA bundle holds no certificate: give the CA of the records service"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| invalid("no TLS version is available"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn unreachable(error: &reqwest::Error) -> StoreError {
    let kind = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection (not running, network policy, or a certificate of another CA)"
    } else {
        "the connection broke"
    };
    StoreError::Unavailable(kind.to_owned())
}

fn not_understood(status: StatusCode) -> StoreError {
    let remedy = "check the URL, and use the same version of rollcall on both sides";
    invalid(&format!("the answer ({status}) is not one of a records service: {remedy}"))
}

fn invalid(rule: &str) -> StoreError {
    StoreError::Invalid(rule.to_owned())
}
