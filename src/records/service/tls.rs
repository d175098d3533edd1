//! The service's certificate, read again when its files change (cert-manager renews them in place).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use super::ServiceError;

/// How often the files are looked at.
const WATCH_PERIOD: Duration = Duration::from_secs(60);

/// Certificate chain and key with the files they came from. Contents are compared, not times: a mounted Secret changes
/// by moving a symbolic link.
pub(crate) struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    chain: Vec<u8>,
    key: Vec<u8>,
    tls: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads both files. Fails with [`ServiceError::Certificate`] when they hold no certificate with its key.
    pub(crate) fn load(chain_file: PathBuf, key_file: PathBuf) -> Result<Self, ServiceError> {
        let (chain, key) = (read(&chain_file)?, read(&key_file)?);
        let tls = Arc::new(server_config(&chain_file, &chain, &key)?);
        Ok(Self { chain_file, key_file, chain, key, tls })
    }

    pub(crate) fn config(&self) -> RustlsConfig {
        RustlsConfig::from_config(self.tls.clone())
    }

    /// Looks at the files until shutdown. One that cannot be used is logged and the one in use kept.
    pub(crate) async fn watch(mut self, config: RustlsConfig, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(WATCH_PERIOD) => {}
            }
            match self.reload() {
                Ok(true) => {
                    config.reload_from_config(self.tls.clone());
                    tracing::info!(file = %self.chain_file.display(), "certificate changed and taken into use");
                }
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the changed certificate cannot be used; the former one is kept"),
            }
        }
    }

    /// Reads the files again; true: they have changed and can be used.
    fn reload(&mut self) -> Result<bool, ServiceError> {
        let (chain, key) = (read(&self.chain_file)?, read(&self.key_file)?);
        if chain == self.chain && key == self.key {
            return Ok(false);
        }
        self.tls = Arc::new(server_config(&self.chain_file, &chain, &key)?);
        (self.chain, self.key) = (chain, key);
        Ok(true)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ServiceError> {
    std::fs::read(path).map_err(|error| refused(path, &format!("cannot be read ({}): mount it", error.kind())))
}

fn server_config(path: &Path, chain: &[u8], key: &[u8]) -> Result<ServerConfig, ServiceError> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| refused(path, "is no certificate chain in PEM"))?;
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|_| refused(path, "its key file holds no private key in PEM"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| refused(path, &format!("cannot be used with its key ({error}): they must belong together")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn refused(path: &Path, rule: &str) -> ServiceError {
    ServiceError::Certificate { file: path.display().to_string(), rule: rule.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fixtures::self_signed;

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let store = |(chain_pem, key_pem): (String, String)| {
            std::fs::write(&chain, chain_pem).unwrap();
            std::fs::write(&key, key_pem).unwrap();
        };
        store(self_signed());
        let mut certificate = Certificate::load(chain.clone(), key.clone()).unwrap();
        assert!(!certificate.reload().unwrap(), "nothing has changed");
        store(self_signed());
        assert!(certificate.reload().unwrap());
        std::fs::write(&key, self_signed().1).unwrap();
        assert!(certificate.reload().is_err(), "the key of another certificate");
    }
}
