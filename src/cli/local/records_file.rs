//! Which records file, and whose records in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use super::super::manifests::Manifests;
use super::super::reading::{RunName, newest};
use super::declared::{Declared, scope};
use crate::records::store::{MasterKey, ScopedStore, SqliteStore};
use crate::records::{Records, RunRecord, Scope};
use rollcall_engine::names::StreamName;

/// How many runs of the history are searched for a name.
const SEARCHED_RUNS: u32 = 1000;

/// Options that say whose records are meant.
#[derive(Args, Clone, Debug)]
pub(in crate::cli) struct PlaceOptions {
    /// File that earlier runs have kept their records in.
    #[arg(long, value_name = "FILE")]
    records: PathBuf,
    /// File or folder with the manifests that the runs were made from; may be given several times.
    #[arg(short = 'f', long = "filename", value_name = "PATH", required_unless_present = "setting")]
    files: Vec<PathBuf>,
    /// SyncSetting; needed without manifests, and where they have several.
    #[arg(long, value_name = "NAME")]
    setting: Option<String>,
    /// Namespace of the SyncSetting, where there are no manifests to say it [default: default].
    #[arg(long, value_name = "NAMESPACE", conflicts_with = "files")]
    namespace: Option<String>,
}

/// The records of one setting in a file.
pub(super) struct RecordsFile {
    /// Its records.
    pub(super) records: ScopedStore,
    /// Whose they are.
    pub(super) scope: Scope,
    /// What manifests say of the setting, where there are any.
    pub(super) declared: Option<Declared>,
    path: PathBuf,
}

/// Opens a file, or makes it; what a run left behind that was killed is put right.
pub(super) async fn open_or_make(path: &Path, scope: Scope) -> Result<ScopedStore, String> {
    let key = MasterKey::load_or_create_beside(path).map_err(|error| error.to_string())?;
    let store = SqliteStore::open(path, key).await.map_err(|error| error.to_string())?;
    // This process alone has the file, so whoever still holds a lock in it was killed.
    store.release_stale_locks().await.map_err(|error| error.to_string())?;
    Ok(store.scoped(scope))
}

impl RecordsFile {
    /// Opens the file that is meant. One that does not exist, or that knows nothing of the setting, is an error: a slip
    /// in a name must not look like an empty answer.
    pub(super) async fn open(options: &PlaceOptions) -> Result<Self, String> {
        let path = options.records.clone();
        let declared = if options.files.is_empty() {
            None
        } else {
            let manifests = Manifests::load(&options.files).map_err(|error| error.to_string())?;
            Some(Declared::load(&manifests, options.setting.as_deref())?)
        };
        let scope = match (&declared, &options.setting) {
            (Some(declared), _) => declared.scope(),
            (None, setting) => scope(options.namespace.as_deref(), setting.as_deref().unwrap_or_default()),
        };
        if !path.exists() {
            return Err(format!("{}: no such file; it is made by: rollcall run --records FILE", path.display()));
        }
        let records = open_or_make(&path, scope.clone()).await?;
        let file = Self { records, scope, declared, path };
        // The name of a setting that manifests declare is no slip.
        if file.declared.is_none() && file.runs(1).await?.is_empty() {
            return Err(format!(
                "{} has no run of the setting `{}` in namespace `{}`; check --setting and --namespace",
                file.path.display(),
                file.scope.setting,
                file.scope.namespace
            ));
        }
        Ok(file)
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, String> {
        self.records.runs(limit).await.map_err(|error| error.to_string())
    }

    /// The run of that name or identity; without a name the newest one that says most.
    pub(super) async fn run(&self, name: Option<&str>) -> Result<RunName, String> {
        let runs = self.runs(SEARCHED_RUNS).await?;
        let chosen = match name {
            Some(name) => runs.iter().find(|run| run.job == name || run.run_id == name),
            None => newest(&runs),
        };
        chosen.map(RunName::from).ok_or_else(|| match name {
            Some(name) => {
                let last: Vec<&str> = runs.iter().take(5).map(|run| run.job.as_str()).collect();
                format!("{} has no run `{name}`; the last ones are: {}", self.path.display(), last.join(", "))
            }
            None => format!("{} has no run that has ended", self.path.display()),
        })
    }

    /// The streams of the setting, as far as manifests or records know them.
    pub(super) async fn streams(&self) -> Result<BTreeSet<StreamName>, String> {
        let known = self.records.setting().await.map_err(|error| error.to_string())?;
        let mut streams: BTreeSet<StreamName> = known.claimed.into_keys().collect();
        streams.extend(known.agreement.into_iter().flat_map(|agreement| agreement.streams.into_keys()));
        let declared = self.declared.iter().flat_map(|declared| &declared.setting.spec.streams);
        streams.extend(declared.map(|stream| stream.name.as_str().into()));
        Ok(streams)
    }
}
