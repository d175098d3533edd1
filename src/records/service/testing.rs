//! A whole service for tests: real TLS and HTTP on a free port of the loopback interface, a store in memory, a cluster
//! made of values.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::auth::{AuthError, IssuerKeys, KeySource, PodDirectory, PodFacts, Policy};
use super::tls::Certificate;
use super::{AUDIENCE, Parts, guard, run};
use crate::records::Scope;
use crate::records::client::{RemoteRecords, TokenSource};
use crate::records::fixtures::{FixedClock, START, self_signed};
use crate::records::store::{Retention, SqliteStore};
use rollcall_api::labels;
use rollcall_engine::redacted::Redacted;

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const READER: &str = "rollcall-records-reader";

/// The cluster's side: keys, pods, and how often it was asked.
#[derive(Default)]
pub(crate) struct FakeCluster {
    pub(crate) keys: Mutex<Vec<Value>>,
    pub(crate) pods: Mutex<BTreeMap<(String, String), PodFacts>>,
    pub(crate) fetches: AtomicUsize,
    /// So many of the next fetches fail.
    pub(crate) failures: AtomicUsize,
}

#[async_trait]
impl KeySource for FakeCluster {
    async fn fetch(&self) -> Result<IssuerKeys, AuthError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let fails = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            return Err(AuthError::Unavailable("the API server is away".into()));
        }
        let keys = self.keys.lock().unwrap().clone();
        IssuerKeys::parse(ISSUER.into(), &json!({ "keys": keys }).to_string())
    }
}

#[async_trait]
impl PodDirectory for FakeCluster {
    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<PodFacts>, AuthError> {
        Ok(self.pods.lock().unwrap().get(&(namespace.to_owned(), name.to_owned())).cloned())
    }
}

impl FakeCluster {
    pub(crate) fn add_pod(&self, namespace: &str, name: &str, setting: &str, setting_uid: &str) {
        let labels = [(labels::MANAGED_BY, labels::MANAGER), (labels::SETTING, setting)];
        let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
        let facts = PodFacts { uid: format!("uid-of-{name}"), labels, setting_uid: Some(setting_uid.to_owned()) };
        self.pods.lock().unwrap().insert((namespace.to_owned(), name.to_owned()), facts);
    }
}

/// A key that signs tokens.
pub(crate) struct Signer {
    id: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self { id: id.to_owned(), pair }
    }

    pub(crate) fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y})
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "ES256", "kid": self.id}), claims)
    }

    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Claims of a pod's projected token.
pub(crate) fn pod_claims(namespace: &str, pod: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": [AUDIENCE], "iat": START, "nbf": START, "exp": START + 3_600,
        "sub": format!("system:serviceaccount:{namespace}:rollcall-connector"),
        "kubernetes.io": {
            "namespace": namespace,
            "serviceaccount": {"name": "rollcall-connector", "uid": "sa"},
            "pod": {"name": pod, "uid": format!("uid-of-{pod}")},
        },
    })
}

/// Claims of a token that was minted for a `ServiceAccount` without a pod.
pub(crate) fn account_claims(namespace: &str, account: &str) -> Value {
    let mut claims = pod_claims(namespace, "none");
    claims["kubernetes.io"] = json!({"namespace": namespace, "serviceaccount": {"name": account, "uid": "sa"}});
    claims
}

/// A service that stops when it is dropped.
pub(crate) struct TestService {
    pub(crate) clock: FixedClock,
    pub(crate) cluster: Arc<FakeCluster>,
    pub(crate) signer: Signer,
    pub(crate) address: SocketAddr,
    pub(crate) metrics_address: SocketAddr,
    pub(crate) ca: String,
    _stop: DropGuard,
}

impl TestService {
    pub(crate) async fn start() -> Self {
        let (clock, signer, cluster) = (FixedClock::new(), Signer::new("key-1"), Arc::new(FakeCluster::default()));
        cluster.keys.lock().unwrap().push(signer.public());
        cluster.add_pod("hr", "pod-a", "people", "uid-1");
        cluster.add_pod("hr", "pod-other", "people", "uid-2");
        let policy = Policy {
            audience: AUDIENCE.into(),
            own_namespace: "rollcall-system".into(),
            reader: READER.into(),
            namespaces: vec!["hr".into(), "school".into()],
        };
        let (certificate, ca) = certificate();
        let parts = Parts {
            store: SqliteStore::in_memory_with(clock.clock()).await.unwrap(),
            guard: guard(cluster.clone(), cluster.clone(), policy, clock.clock()),
            certificate,
            retention: Retention::default(),
            clock: clock.clock(),
        };
        let (listener, metrics) = (listener(), listener());
        let (address, metrics_address) = (listener.local_addr().unwrap(), metrics.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(run(parts, listener, metrics, shutdown.clone()));
        Self { clock, cluster, signer, address, metrics_address, ca, _stop: shutdown.drop_guard() }
    }

    pub(crate) fn pod_token(&self, pod: &str) -> String {
        self.signer.sign(&pod_claims("hr", pod))
    }

    pub(crate) fn client(&self, token: String, scope: Scope) -> RemoteRecords {
        let token = TokenSource::Static(Redacted::new(token));
        RemoteRecords::via(self.address, "https://localhost", token, self.ca.as_bytes(), scope)
            .unwrap()
            .with_patience(Duration::ZERO)
    }
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn certificate() -> (Certificate, String) {
    let folder = tempfile::tempdir().unwrap();
    let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let (chain_pem, key_pem) = self_signed();
    std::fs::write(&chain, &chain_pem).unwrap();
    std::fs::write(&key, key_pem).unwrap();
    (Certificate::load(chain, key).unwrap(), chain_pem)
}
