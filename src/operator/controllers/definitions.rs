//! Vendor definitions of providers: from the catalogue, or from a ConfigMap that is read whenever its provider is
//! looked at, and remembered in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::operator::catalogue::{Catalogue, Problem};
use crate::operator::cluster::{Cluster, ClusterError, Stored};
use crate::operator::decide::Definition;
use rollcall_api::contract::DefinitionSource;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::{IntegrationProvider, SyncSetting};

type Found = Result<Definition, Problem>;

/// Definitions by provider, and the last check of each setting.
pub(super) struct Definitions {
    cluster: Cluster,
    catalogue: Arc<dyn Catalogue>,
    found: Mutex<HashMap<(String, String), Remembered>>,
    checks: Mutex<HashMap<(String, String), Checked>>,
}

struct Remembered {
    uid: String,
    generation: Option<i64>,
    found: Found,
}

struct Checked {
    uid: String,
    generation: Option<i64>,
    digests: (String, String),
    result: Result<(), Vec<String>>,
}

impl Definitions {
    pub(super) fn new(cluster: Cluster, catalogue: Arc<dyn Catalogue>) -> Self {
        Self { cluster, catalogue, found: Mutex::default(), checks: Mutex::default() }
    }

    /// Reads the definition anew.
    pub(super) async fn read(&self, provider: &IntegrationProvider) -> Result<Found, ClusterError> {
        let found = self.look_up(provider).await?;
        let key = (provider.namespace().to_owned(), provider.name().to_owned());
        let remembered = Remembered {
            uid: provider.uid().to_owned(),
            generation: provider.metadata.generation,
            found: found.clone(),
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, remembered);
        Ok(found)
    }

    /// What was read last, or reads it.
    pub(super) async fn get(&self, provider: &IntegrationProvider) -> Result<Option<Definition>, ClusterError> {
        let key = (provider.namespace().to_owned(), provider.name().to_owned());
        let known = {
            let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            let fits = |one: &&Remembered| {
                one.uid == provider.uid() && one.generation == provider.metadata.generation && one.found.is_ok()
            };
            all.get(&key).filter(fits).map(|one| one.found.clone())
        };
        match known {
            Some(found) => Ok(found.ok()),
            None => Ok(self.read(provider).await?.ok()),
        }
    }

    /// Forgets a deleted provider.
    pub(super) fn forget(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// Checks a setting; the same question is not worked out twice.
    pub(super) fn check(
        &self,
        setting: &SyncSetting,
        source: &Definition,
        target: &Definition,
    ) -> Result<(), Vec<String>> {
        let key = (setting.namespace().to_owned(), setting.name().to_owned());
        let generation = setting.metadata.generation;
        let digests = (source.facts.digest.clone(), target.facts.digest.clone());
        {
            let all = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
            let same =
                |one: &&Checked| one.uid == setting.uid() && one.generation == generation && one.digests == digests;
            if let Some(known) = all.get(&key).filter(same) {
                return known.result.clone();
            }
        }
        let result = self.catalogue.check_setting(&setting.spec, &source.source, &target.source);
        let checked = Checked { uid: setting.uid().to_owned(), generation, digests, result: result.clone() };
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).insert(key, checked);
        result
    }

    /// Forgets a deleted setting.
    pub(super) fn forget_check(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    async fn look_up(&self, provider: &IntegrationProvider) -> Result<Found, ClusterError> {
        let spec = &provider.spec;
        if let Some(vendor) = &spec.vendor {
            let facts = self.catalogue.check_vendor(vendor);
            return Ok(facts.map(|facts| Definition { source: DefinitionSource::Vendor(vendor.clone()), facts }));
        }
        let Some(reference) = &spec.definition_ref else {
            let message = "exactly one of spec.vendor and spec.definitionRef must be set".to_owned();
            return Ok(Err(Problem { reason: reasons::INVALID_SPEC, message }));
        };
        let text = self.cluster.read_config_map(provider.namespace(), &reference.name, &reference.key).await?;
        let Some(text) = text else {
            let message = format!(
                "spec.definitionRef: ConfigMap {} with key {} does not exist in this namespace: create it",
                reference.name, reference.key
            );
            return Ok(Err(Problem { reason: reasons::DEFINITION_NOT_FOUND, message }));
        };
        let facts = self.catalogue.check_definition(&text);
        Ok(facts.map(|facts| Definition { source: DefinitionSource::Inline(text), facts }))
    }
}
