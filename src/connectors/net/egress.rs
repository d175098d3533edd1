//! The gate in front of every request, and the resolver that knows only what passed it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;
use url::{Host, Url};

use super::address::is_public;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;

/// Addresses by host name: resolved once in the life of a connector, so that a name cannot be turned to another
/// address between the check and the request.
type Pins = BTreeMap<String, OnceCell<Vec<SocketAddr>>>;

/// The hosts of one provider.
#[derive(Clone, Debug)]
pub(crate) struct Egress {
    pins: Arc<Pins>,
    allow_private: bool,
}

impl Egress {
    /// Allows the hosts of these URLs.
    pub(crate) fn new<'a>(endpoints: impl Iterator<Item = &'a Url>, allow_private: bool) -> Self {
        let pins = endpoints.filter_map(Url::host_str).map(|host| (host.to_owned(), OnceCell::new())).collect();
        Self { pins: Arc::new(pins), allow_private }
    }

    /// Resolves and checks the host of a URL. To be called in front of every request.
    pub(crate) async fn admit(&self, url: &Url) -> Result<(), ConnectorError> {
        let host = url.host_str().unwrap_or_default();
        let Some(pin) = self.pins.get(host) else {
            return Err(ConnectorError::new(
                ErrorKind::Configuration,
                reasons::ADDRESS_NOT_ALLOWED,
                format!("host {host} is not one of the provider's endpoints"),
            ));
        };
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(host, &[IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => self.check(host, &[IpAddr::V6(address)]),
            _ => pin.get_or_try_init(|| self.resolve(host)).await.map(|_| ()),
        }
    }

    async fn resolve(&self, host: &str) -> Result<Vec<SocketAddr>, ConnectorError> {
        let unreachable = || {
            ConnectorError::new(
                ErrorKind::Transient,
                reasons::ENDPOINT_UNREACHABLE,
                format!("host {host} cannot be resolved; check the endpoint's URL and DNS"),
            )
        };
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await.map_err(|_| unreachable())?.collect();
        if found.is_empty() {
            return Err(unreachable());
        }
        let addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
        self.check(host, &addresses)?;
        Ok(found)
    }

    /// One address that is not public is enough to refuse the host: a public one beside it may be there to deceive.
    fn check(&self, host: &str, addresses: &[IpAddr]) -> Result<(), ConnectorError> {
        if self.allow_private || addresses.iter().all(|address| is_public(*address)) {
            return Ok(());
        }
        Err(ConnectorError::new(
            ErrorKind::Configuration,
            reasons::ADDRESS_NOT_ALLOWED,
            format!(
                "host {host} has a loopback, link-local or private address; set spec.network.allowPrivateAddresses \
                 if that is meant"
            ),
        ))
    }
}

impl Resolve for Egress {
    fn resolve(&self, name: Name) -> Resolving {
        let pinned = self.pins.get(name.as_str()).and_then(OnceCell::get).cloned();
        Box::pin(async move {
            match pinned {
                Some(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                None => Err("the host was not admitted".into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admit(endpoint: &str, url: &str, allow_private: bool) -> Result<(), ConnectorError> {
        let endpoint = Url::parse(endpoint).unwrap();
        Egress::new(std::iter::once(&endpoint), allow_private).admit(&Url::parse(url).unwrap()).await
    }

    #[tokio::test]
    async fn private_addresses_are_refused_unless_allowed() {
        let forms = [
            "http://127.0.0.1:1/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost/",
            "http://2130706433/",
        ];
        for url in forms {
            let error = admit(url, url, false).await.unwrap_err();
            assert_eq!((error.kind, error.reason), (ErrorKind::Configuration, reasons::ADDRESS_NOT_ALLOWED), "{url}");
            assert_eq!(admit(url, url, true).await, Ok(()), "{url}");
        }
        assert_eq!(admit("https://1.1.1.1", "https://1.1.1.1/x", false).await, Ok(()));
    }

    #[tokio::test]
    async fn only_the_hosts_of_the_endpoints_are_admitted() {
        let error = admit("http://127.0.0.1", "http://127.0.0.2/", true).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_transient() {
        let error = admit("http://nowhere.invalid", "http://nowhere.invalid/", false).await.unwrap_err();
        assert_eq!((error.kind, error.reason), (ErrorKind::Transient, reasons::ENDPOINT_UNREACHABLE));
    }

    #[tokio::test]
    async fn the_resolver_knows_only_what_was_admitted() {
        let endpoint = Url::parse("http://localhost").unwrap();
        let egress = Egress::new(std::iter::once(&endpoint), true);
        assert!(Resolve::resolve(&egress, "localhost".parse().unwrap()).await.is_err());
        egress.admit(&endpoint).await.unwrap();
        assert!(Resolve::resolve(&egress, "localhost".parse().unwrap()).await.is_ok());
    }
}
