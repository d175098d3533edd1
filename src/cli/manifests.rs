//! Reading manifests from files: providers, settings, and (for runs without a cluster) Secrets and ConfigMaps.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use rollcall_api::API_VERSION;
use rollcall_api::v1alpha1::{CaKind, IntegrationProvider, SyncSetting};
use rollcall_engine::admission;
use rollcall_engine::redacted::Redacted;

/// Largest manifest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// What a set of manifests declares.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Providers by name.
    pub providers: BTreeMap<String, IntegrationProvider>,
    /// Settings by name.
    pub settings: BTreeMap<String, SyncSetting>,
    secrets: BTreeMap<String, BTreeMap<String, Redacted<String>>>,
    config_maps: BTreeMap<String, BTreeMap<String, String>>,
}

/// Why manifests cannot be used; names file, document and field.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ManifestError(String);

impl Manifests {
    /// Reads files and folders (their `.yaml`, `.yml` and `.json` files); `-` is standard input.
    pub fn load(paths: &[PathBuf]) -> Result<Self, ManifestError> {
        let mut manifests = Self::default();
        for path in paths {
            if path == Path::new("-") {
                let mut text = String::new();
                std::io::stdin()
                    .take(MAX_FILE_BYTES)
                    .read_to_string(&mut text)
                    .map_err(|error| ManifestError(format!("standard input: cannot be read: {error}")))?;
                manifests.add(&text, "standard input")?;
                continue;
            }
            for file in files(path)? {
                let text = read(&file)?;
                manifests.add(&text, &file.display().to_string())?;
            }
        }
        Ok(manifests)
    }

    fn add(&mut self, text: &str, origin: &str) -> Result<(), ManifestError> {
        for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
            let place = format!("{origin} (document {})", index + 1);
            let value = Value::deserialize(document).map_err(|error| ManifestError(format!("{place}: {error}")))?;
            if !value.is_null() {
                self.add_object(value, &place)?;
            }
        }
        Ok(())
    }

    fn add_object(&mut self, mut object: Value, place: &str) -> Result<(), ManifestError> {
        if object["apiVersion"].as_str().is_some_and(|group| group.starts_with("kustomize.config.k8s.io/")) {
            return Ok(());
        }
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if kind.is_empty() || name.is_empty() {
            return Err(ManifestError(format!("{place}: kind and metadata.name are required")));
        }
        let place = format!("{place}: {kind}/{name}");
        let version = object["apiVersion"].as_str().unwrap_or_default();
        match (version, kind.as_str()) {
            ("v1", "List") => {
                let items = object["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
                items.into_iter().try_for_each(|item| self.add_object(item, &place))
            }
            (API_VERSION, "IntegrationProvider") => {
                let provider = admitted(&kind, object, &place)?;
                unique(&mut self.providers, name, provider, &place)
            }
            (API_VERSION, "SyncSetting") => {
                let setting = admitted(&kind, object, &place)?;
                unique(&mut self.settings, name, setting, &place)
            }
            (API_VERSION, other) if !["EmployeeSyncJob", "SyncApproval"].contains(&other) => {
                Err(ManifestError(format!("{place}: unknown kind in {API_VERSION}")))
            }
            ("v1", "Secret") => unique(&mut self.secrets, name, secret(&object, &place)?, &place),
            ("v1", "ConfigMap") => unique(&mut self.config_maps, name, config_map(&object, &place)?, &place),
            (group, "IntegrationProvider" | "SyncSetting") if group != API_VERSION => {
                Err(ManifestError(format!("{place}: apiVersion is `{group}`, must be {API_VERSION}")))
            }
            // Namespaces and other objects of a folder do not concern a local run.
            _ => Ok(()),
        }
    }

    /// The setting to run: the named one, or the only one.
    pub fn setting(&self, name: Option<&str>) -> Result<&SyncSetting, ManifestError> {
        let names: Vec<&str> = self.settings.keys().map(String::as_str).collect();
        match name {
            Some(name) => self.settings.get(name).ok_or_else(|| {
                ManifestError(format!("no SyncSetting `{name}` in the manifests; they have: {}", names.join(", ")))
            }),
            None => match names.as_slice() {
                [] => Err(ManifestError("no SyncSetting in the manifests".into())),
                [only] => Ok(&self.settings[*only]),
                _ => Err(ManifestError(format!(
                    "the manifests have several SyncSettings ({}); choose one with --setting",
                    names.join(", ")
                ))),
            },
        }
    }

    /// A provider that a setting refers to.
    pub fn provider(&self, name: &str, field: &str) -> Result<&IntegrationProvider, ManifestError> {
        self.providers.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            ManifestError(format!(
                "{field} names IntegrationProvider `{name}`, the manifests have: {}",
                names.join(", ")
            ))
        })
    }

    /// The credentials of a provider.
    pub fn credentials(
        &self,
        provider: &IntegrationProvider,
    ) -> Result<BTreeMap<String, Redacted<String>>, ManifestError> {
        let Some(reference) = &provider.spec.credentials_ref else { return Ok(BTreeMap::new()) };
        self.secrets.get(&reference.name).cloned().ok_or_else(|| {
            ManifestError(format!(
                "IntegrationProvider/{}: spec.credentialsRef names Secret `{}`, which is not in the manifests",
                provider.metadata.name.as_deref().unwrap_or_default(),
                reference.name
            ))
        })
    }

    /// A value of a ConfigMap.
    pub fn config_map_value(&self, name: &str, key: &str, field: &str) -> Result<&str, ManifestError> {
        self.config_maps.get(name).and_then(|data| data.get(key)).map(String::as_str).ok_or_else(|| {
            ManifestError(format!("{field} names key `{key}` of ConfigMap `{name}`, which is not in the manifests"))
        })
    }

    /// The CA bundle of a provider.
    pub fn ca_bundle(&self, provider: &IntegrationProvider) -> Result<Option<Vec<u8>>, ManifestError> {
        let Some(tls) = &provider.spec.tls else { return Ok(None) };
        let reference = &tls.ca_ref;
        if reference.kind == CaKind::ConfigMap {
            let text = self.config_map_value(&reference.name, &reference.key, "spec.tls.caRef")?;
            return Ok(Some(text.as_bytes().to_vec()));
        }
        let value = self.secrets.get(&reference.name).and_then(|data| data.get(&reference.key));
        value.map(|text| Some(text.expose().as_bytes().to_vec())).ok_or_else(|| {
            ManifestError(format!(
                "spec.tls.caRef names key `{}` of Secret `{}`, which is not in the manifests",
                reference.key, reference.name
            ))
        })
    }
}

fn unique<T>(map: &mut BTreeMap<String, T>, name: String, value: T, place: &str) -> Result<(), ManifestError> {
    if map.insert(name, value).is_some() {
        return Err(ManifestError(format!("{place}: declared twice in the manifests")));
    }
    Ok(())
}

/// Checks an object against its CRD and reads it.
fn admitted<T: serde::de::DeserializeOwned>(kind: &str, mut object: Value, place: &str) -> Result<T, ManifestError> {
    let invalid = admission::admit(kind, &mut object);
    if !invalid.is_empty() {
        let lines: Vec<String> = invalid.iter().map(|one| format!("\n  {one}")).collect();
        return Err(ManifestError(format!("{place} is not valid:{}", lines.concat())));
    }
    serde_json::from_value(object).map_err(|error| ManifestError(format!("{place}: {error}")))
}

fn secret(object: &Value, place: &str) -> Result<BTreeMap<String, Redacted<String>>, ManifestError> {
    use base64::Engine;
    let mut values = BTreeMap::new();
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        // The value itself must not be part of the message.
        let decoded =
            value.as_str().and_then(|text| base64::engine::general_purpose::STANDARD.decode(text.trim()).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| ManifestError(format!("{place}: data.{key} must be base64 of UTF-8 text")))?;
        values.insert(key.clone(), Redacted::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    for (key, value) in object["stringData"].as_object().into_iter().flatten() {
        let text = value.as_str().ok_or_else(|| ManifestError(format!("{place}: stringData.{key} must be a text")))?;
        values.insert(key.clone(), Redacted::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(values)
}

fn config_map(object: &Value, place: &str) -> Result<BTreeMap<String, String>, ManifestError> {
    let mut values = BTreeMap::new();
    for (key, value) in object["data"].as_object().into_iter().flatten() {
        let text = value.as_str().ok_or_else(|| ManifestError(format!("{place}: data.{key} must be a text")))?;
        values.insert(key.clone(), text.to_owned());
    }
    Ok(values)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ManifestError> {
    let unreadable = |error: std::io::Error| ManifestError(format!("{}: cannot be read: {error}", path.display()));
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_manifest =
            file.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
        if file.is_file() && is_manifest {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(ManifestError(format!("{}: no .yaml, .yml or .json file in this folder", path.display())));
    }
    Ok(files)
}

fn read(file: &Path) -> Result<String, ManifestError> {
    let place = file.display();
    let size = fs::metadata(file).map_err(|error| ManifestError(format!("{place}: cannot be read: {error}")))?.len();
    if size > MAX_FILE_BYTES {
        return Err(ManifestError(format!("{place}: has {size} bytes; manifests may have {MAX_FILE_BYTES}")));
    }
    fs::read_to_string(file).map_err(|error| ManifestError(format!("{place}: cannot be read: {error}")))
}
