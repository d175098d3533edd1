//! TLS of outgoing requests: the public authorities of the image, and those of the provider.

use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;

/// Where Linux images keep the public authorities. It may be missing: then only the provider's own are trusted.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A client configuration that trusts the public authorities and those in `extra` (PEM).
pub(crate) fn config(extra: Option<&[u8]>) -> Result<ClientConfig, ConnectorError> {
    let mut roots = RootCertStore::empty();
    if Path::new(SYSTEM_BUNDLE).exists()
        && let Ok(certificates) = CertificateDer::pem_file_iter(SYSTEM_BUNDLE)
    {
        // A single certificate of the image that cannot be read is no reason not to start.
        roots.add_parsable_certificates(certificates.flatten());
    }
    if let Some(pem) = extra {
        add_bundle(&mut roots, pem)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bundle_error(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn add_bundle(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), ConnectorError> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| bundle_error("it is not PEM"))?;
        roots.add(certificate).map_err(|_| bundle_error("a certificate in it cannot be read"))?;
        count += 1;
    }
    if count == 0 {
        return Err(bundle_error("it has no certificate"));
    }
    Ok(())
}

fn bundle_error(problem: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Configuration,
        reasons::INVALID_SPEC,
        format!("the CA bundle of spec.tls.caRef cannot be used: {problem}; give certificates in PEM"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_without_certificates_is_a_configuration_error() {
        for pem in [&b""[..], b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(config(Some(pem)).unwrap_err().kind, ErrorKind::Configuration);
        }
        assert!(config(None).is_ok());
    }
}
