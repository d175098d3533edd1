//! Volumes of a connector pod: the request, credentials, CA bundles, and what the records service needs.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource, KeyToPath, ObjectFieldSelector,
    ProjectedVolumeSource, SecretVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use super::super::PodDefaults;
use rollcall_api::contract::paths;
use rollcall_api::labels;
use rollcall_api::v1alpha1::{CaKind, CaReference, IntegrationProvider};

/// Owner may read; the kubelet adds the group because of `fsGroup` (see the parent module).
const SECRET_MODE: i32 = 0o400;
/// Audience of the token for the records service.
pub(crate) const RECORDS_AUDIENCE: &str = "rollcall-records";
/// Life of that token, in seconds; the kubelet renews it.
const RECORDS_TOKEN_SECONDS: i64 = 3600;

/// Volumes and their mounts, which belong together.
pub(super) struct Volumes {
    pub(super) volumes: Vec<Volume>,
    pub(super) mounts: Vec<VolumeMount>,
}

impl Volumes {
    /// What every pod has: the request, and the way to the records service when there is one.
    pub(super) fn new(defaults: &PodDefaults) -> Self {
        let mut all = Self { volumes: Vec::new(), mounts: Vec::new() };
        all.add("request", paths::REQUEST, |volume, file| {
            volume.downward_api = Some(DownwardAPIVolumeSource {
                items: Some(vec![DownwardAPIVolumeFile {
                    path: file.to_owned(),
                    field_ref: Some(ObjectFieldSelector {
                        field_path: format!("metadata.annotations['{}']", labels::REQUEST),
                        api_version: None,
                    }),
                    ..DownwardAPIVolumeFile::default()
                }]),
                ..DownwardAPIVolumeSource::default()
            });
        });
        if defaults.records_url.is_some() {
            all.add("records", paths::RECORDS_TOKEN, |volume, file| {
                let token = ServiceAccountTokenProjection {
                    audience: Some(RECORDS_AUDIENCE.into()),
                    expiration_seconds: Some(RECORDS_TOKEN_SECONDS),
                    path: file.to_owned(),
                };
                let source = VolumeProjection { service_account_token: Some(token), ..VolumeProjection::default() };
                volume.projected =
                    Some(ProjectedVolumeSource { sources: Some(vec![source]), ..ProjectedVolumeSource::default() });
            });
            if let Some(name) = &defaults.records_ca_config_map {
                let ca = CaReference { kind: CaKind::ConfigMap, name: name.clone(), key: "ca.crt".into() };
                all.add_ca("records-ca", paths::RECORDS_CA, &ca);
            }
        }
        all
    }

    /// Credentials and CA bundle of the system that is read (or probed).
    pub(super) fn add_source(&mut self, provider: &IntegrationProvider) {
        self.add_provider("source", paths::SOURCE_CREDENTIALS, paths::SOURCE_CA, provider);
    }

    /// Credentials and CA bundle of the system that is written to.
    pub(super) fn add_target(&mut self, provider: &IntegrationProvider) {
        self.add_provider("target", paths::TARGET_CREDENTIALS, paths::TARGET_CA, provider);
    }

    fn add_provider(&mut self, side: &str, credentials: &str, ca: &str, provider: &IntegrationProvider) {
        if let Some(secret) = &provider.spec.credentials_ref {
            // Optional: a missing Secret starts the pod without files, and the connector says which key is missing.
            // Otherwise the pod would wait for ever and say nothing.
            let source = SecretVolumeSource {
                secret_name: Some(secret.name.clone()),
                optional: Some(true),
                default_mode: Some(SECRET_MODE),
                items: None,
            };
            self.mount(&format!("{side}-credentials"), credentials, |volume| volume.secret = Some(source));
        }
        if let Some(tls) = &provider.spec.tls {
            self.add_ca(&format!("{side}-ca"), ca, &tls.ca_ref);
        }
    }

    fn add_ca(&mut self, name: &str, path: &str, ca: &CaReference) {
        self.add(name, path, |volume, file| {
            let items = Some(vec![KeyToPath { key: ca.key.clone(), path: file.to_owned(), mode: None }]);
            match ca.kind {
                CaKind::ConfigMap => {
                    volume.config_map = Some(ConfigMapVolumeSource {
                        name: ca.name.clone(),
                        items,
                        optional: Some(true),
                        default_mode: None,
                    });
                }
                CaKind::Secret => {
                    volume.secret = Some(SecretVolumeSource {
                        secret_name: Some(ca.name.clone()),
                        items,
                        optional: Some(true),
                        default_mode: Some(SECRET_MODE),
                    });
                }
            }
        });
    }

    /// Mounts a volume with one file so that the file is at `path`.
    fn add(&mut self, name: &str, path: &str, fill: impl FnOnce(&mut Volume, &str)) {
        let (folder, leaf) = path.rsplit_once('/').unwrap_or(("", path));
        self.mount(name, folder, |volume| fill(volume, leaf));
    }

    fn mount(&mut self, name: &str, folder: &str, fill: impl FnOnce(&mut Volume)) {
        let mut volume = Volume { name: name.to_owned(), ..Volume::default() };
        fill(&mut volume);
        self.volumes.push(volume);
        self.mounts.push(VolumeMount {
            name: name.to_owned(),
            mount_path: folder.to_owned(),
            read_only: Some(true),
            ..VolumeMount::default()
        });
    }
}
