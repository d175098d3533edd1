//! Who calls, and what they may do. Two kinds of callers, both with `ServiceAccount` tokens that the cluster signed:
//!
//! - connector pods read and write the records of the one setting they were made for;
//! - people read, with a token of the reader `ServiceAccount` that Kubernetes RBAC lets them mint.

mod keys;
mod pods;
mod token;

use async_trait::async_trait;

pub(crate) use self::keys::Verifier;
pub(crate) use self::pods::CachedPods;
pub use self::pods::PodFacts;
pub use self::token::IssuerKeys;
use self::token::{Claims, UnverifiedToken};
use crate::records::Scope;
use crate::records::clock::Clock;
use crate::records::wire::Method;
use rollcall_api::labels;

/// Why a caller is turned away. Messages hold nothing of the token but names of Kubernetes objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It is not known who calls (401).
    #[error("{0}: send a ServiceAccount token of this cluster as bearer token")]
    Unauthenticated(String),
    /// The caller may not do this (403).
    #[error("{0}")]
    Forbidden(String),
    /// The cluster cannot be asked now (503).
    #[error("{0}")]
    Unavailable(String),
}

/// Where the cluster's keys for `ServiceAccount` tokens come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// Issuer and keys as published now. Fails with [`AuthError::Unavailable`].
    async fn fetch(&self) -> Result<IssuerKeys, AuthError>;
}

/// What the cluster knows about pods.
#[async_trait]
pub trait PodDirectory: Send + Sync {
    /// The pod of that name; None: there is none. Fails with [`AuthError::Unavailable`].
    async fn pod(&self, namespace: &str, name: &str) -> Result<Option<PodFacts>, AuthError>;
}

/// Who may do what.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    /// What tokens must be issued for.
    pub(crate) audience: String,
    /// Namespace of the service itself.
    pub(crate) own_namespace: String,
    /// Name of the `ServiceAccount` that people read with.
    pub(crate) reader: String,
    /// Namespaces whose settings are served; empty: all for pods, the service's own for its reader.
    pub(crate) namespaces: Vec<String>,
}

/// A caller who may do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A connector pod.
    Pod { name: String },
    /// A person, by way of a `ServiceAccount`.
    Reader { namespace: String, service_account: String },
}

/// Decides about every request.
pub(crate) struct Guard {
    verifier: Verifier,
    pods: CachedPods,
    policy: Policy,
    clock: Clock,
}

impl Guard {
    pub(crate) const fn new(verifier: Verifier, pods: CachedPods, policy: Policy, clock: Clock) -> Self {
        Self { verifier, pods, policy, clock }
    }

    /// Verifies the value of an `Authorization` header and decides whether its bearer may call `method` for `scope`.
    pub(in crate::records) async fn admit(
        &self,
        authorization: Option<&str>,
        scope: &Scope,
        method: Method,
    ) -> Result<Caller, AuthError> {
        let bearer = authorization.and_then(|value| value.split_once(' '));
        let (_, token) = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .ok_or_else(|| AuthError::Unauthenticated("the request has no bearer token".into()))?;
        let token = UnverifiedToken::parse(token.trim())?;
        let keys = self.verifier.keys_for(token.key_id()?).await?;
        let claims = token.verify(&keys, &self.policy.audience, (self.clock)())?;
        if claims.kubernetes.serviceaccount.name == self.policy.reader {
            return self.admit_reader(&claims, scope, method);
        }
        self.admit_pod(&claims, scope).await
    }

    fn admit_reader(&self, claims: &Claims, scope: &Scope, method: Method) -> Result<Caller, AuthError> {
        let policy = &self.policy;
        let namespace = claims.kubernetes.namespace.as_str();
        let name = claims.kubernetes.serviceaccount.name.as_str();
        if !method.reads() {
            return forbidden(format!("ServiceAccount {namespace}/{name} may only read, not call {}", method.as_str()));
        }
        let in_own_namespace = namespace == scope.namespace;
        let in_served_namespace = policy.namespaces.contains(&scope.namespace);
        let may_read = if namespace == policy.own_namespace {
            in_own_namespace || in_served_namespace
        } else {
            in_own_namespace && (in_served_namespace || policy.namespaces.is_empty())
        };
        if !may_read {
            let wanted = &scope.namespace;
            return forbidden(format!("ServiceAccount {namespace}/{name} may not read settings of namespace {wanted}"));
        }
        Ok(Caller::Reader { namespace: namespace.to_owned(), service_account: name.to_owned() })
    }

    async fn admit_pod(&self, claims: &Claims, scope: &Scope) -> Result<Caller, AuthError> {
        let namespace = claims.kubernetes.namespace.as_str();
        let Some(pod) = &claims.kubernetes.pod else {
            let account = &claims.kubernetes.serviceaccount.name;
            return forbidden(format!(
                "ServiceAccount {namespace}/{account} is neither the reader nor bound to a connector pod"
            ));
        };
        let refuse = |why: &str| forbidden(format!("pod {namespace}/{} {why}", pod.name));
        if namespace != scope.namespace {
            return refuse(&format!("may not use records of namespace {}", scope.namespace));
        }
        if !self.policy.namespaces.is_empty() && !self.policy.namespaces.iter().any(|served| served == namespace) {
            return refuse("is in a namespace that this service does not serve");
        }
        let Some(facts) = self.pods.pod(namespace, &pod.name, &pod.uid).await? else {
            return refuse("no longer exists");
        };
        if facts.labels.get(labels::MANAGED_BY).map(String::as_str) != Some(labels::MANAGER) {
            return refuse("is not a connector pod of rollcall");
        }
        if facts.labels.get(labels::SETTING) != Some(&scope.setting) {
            return refuse(&format!("was not made for setting {}", scope.setting));
        }
        if facts.setting_uid.as_ref() != Some(&scope.setting_uid) {
            return refuse(&format!("was made for another setting of the name {}", scope.setting));
        }
        Ok(Caller::Pod { name: pod.name.clone() })
    }
}

fn forbidden<T>(why: String) -> Result<T, AuthError> {
    Err(AuthError::Forbidden(why))
}
