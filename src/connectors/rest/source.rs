//! Reads streams as their definition describes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::choose::choose;
use super::extract::{Expanded, Lookups, record, unreadable};
use crate::connectors::http::Client;
use crate::connectors::listing::{self, Listing, Plan, invalid};
use crate::connectors::value::identifier;
use crate::connectors::{ConnectorError, ErrorKind, Progress, Source, factory};
use rollcall_api::reasons;
use rollcall_engine::definitions::{Expansion, JsonPath, KeyFilter, SourceStream, ValueRule};
use rollcall_engine::model::{Read, ReadProof, SourceRecord, Unreadable};

/// How many records are expanded at once; the budget decides how fast.
const CONCURRENCY: usize = 16;

/// A system that is read by requests which its definition describes.
pub(crate) struct RestSource {
    client: Arc<Client>,
}

/// Value rules of the fields that are wanted.
type Wanted<'a> = BTreeMap<String, &'a ValueRule>;

impl RestSource {
    pub(crate) const fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    fn stream(&self, name: &str) -> Result<&SourceStream, ConnectorError> {
        self.client.definition().source.get(name).ok_or_else(|| {
            let vendor = &self.client.definition().name;
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::MAPPING_INVALID,
                format!("vendor {vendor} has no source stream {name}; rollcall definitions show {vendor} lists them"),
            )
        })
    }

    /// Expands the rows and makes records of them.
    async fn finish(
        &self,
        stream: &SourceStream,
        wanted: &Wanted<'_>,
        listing: Listing,
        progress: Progress<'_>,
    ) -> Result<Read<SourceRecord>, ConnectorError> {
        let lookups = self.lookups(wanted).await?;
        let expansions: Vec<(&String, &Expansion)> = stream
            .expand
            .iter()
            .filter(|(name, _)| wanted.values().any(|rule| rule.from.as_ref() == Some(name)))
            .collect();
        let (total, done) = (listing.rows.len() as u64, AtomicU64::new(0));
        let (lookups, expansions, done) = (&lookups, &expansions, &done);
        let results: Vec<Result<SourceRecord, Unreadable>> = stream::iter(listing.rows)
            .map(async |(key, row)| {
                let result = match self.expand(expansions, &key).await? {
                    Ok(expanded) => record(stream, wanted, &key, &row, &expanded, lookups),
                    Err(unreadable) => Err(unreadable),
                };
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, Some(total));
                Ok::<_, ConnectorError>(result)
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        let mut read = Read {
            records: Vec::with_capacity(results.len()),
            unreadable: Vec::new(),
            pages: listing.pages,
            declared_total: listing.declared_total,
            proof: listing.proof,
        };
        for result in results {
            match result {
                Ok(record) => read.records.push(record),
                Err(unreadable) => read.unreadable.push(unreadable),
            }
        }
        Ok(read)
    }

    /// Reads the expansions of one record. A refusal that concerns this record alone makes it unreadable; everything
    /// else fails the read.
    async fn expand(
        &self,
        expansions: &[(&String, &Expansion)],
        key: &str,
    ) -> Result<Result<Expanded, Unreadable>, ConnectorError> {
        let mut expanded = Expanded::new();
        for (name, expansion) in expansions {
            let plan =
                Plan { spec: &expansion.list, variables: &[("key", key)], query: &[], key: None, rows_optional: false };
            match listing::pass(&self.client, &plan, &|_, _| {}).await {
                Ok(pass) if pass.stopped.is_some() => {
                    return Ok(Err(unreadable(key, format!("the list {name} of the record did not come to its end"))));
                }
                Ok(pass) => {
                    expanded.insert((*name).clone(), choose(&pass.rows, &expansion.prefer).cloned());
                }
                Err(error) if is_about_the_record(&error) => {
                    return Ok(Err(unreadable(key, format!("the list {name} of the record was refused: {error}"))));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Ok(expanded))
    }

    /// The lookups that wanted fields need.
    async fn lookups(&self, wanted: &Wanted<'_>) -> Result<Lookups, ConnectorError> {
        let names: BTreeSet<String> = wanted.values().filter_map(|rule| rule.lookup.clone()).collect();
        stream::iter(names)
            .map(async |name| {
                let entries = self.lookup(&name).await?;
                Ok((name, entries))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn lookup(&self, name: &str) -> Result<BTreeMap<String, String>, ConnectorError> {
        let lookup = self.client.definition().lookups.get(name).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::DEFINITION_INVALID,
                format!("the definition names the lookup {name} but does not describe it"),
            )
        })?;
        let plan = Plan { spec: &lookup.list, variables: &[], query: &[], key: None, rows_optional: false };
        let pass = listing::pass(&self.client, &plan, &|_, _| {}).await.map_err(ConnectorError::of_a_list)?;
        if pass.stopped.is_some() {
            return Err(incomplete(&format!("the lookup {name}")));
        }
        let matches = |row: &&Value| {
            let is = |(path, wanted): (&JsonPath, &String)| {
                path.find(row).is_some_and(|value| rollcall_engine::definitions::is_text(value, wanted))
            };
            lookup.only.iter().all(is)
        };
        let entry = |row: &Value| {
            let pair = lookup.key.find(row).and_then(identifier).zip(lookup.value.find(row).and_then(identifier));
            pair.ok_or_else(|| invalid(format!("an entry of the lookup {name} has no identifier or no name")))
        };
        pass.rows.iter().filter(matches).map(entry).collect()
    }

    /// Rows of some keys, by the definition's filter.
    async fn filtered(
        &self,
        stream: &SourceStream,
        filter: &KeyFilter,
        keys: &BTreeSet<&str>,
    ) -> Result<Listing, ConnectorError> {
        // A key that has the separator in it cannot be asked for, and no system with such a filter gives it out.
        let askable: Vec<&str> = keys.iter().filter(|key| !key.contains(&filter.separator)).copied().collect();
        let mut all = Listing { rows: BTreeMap::new(), pages: 0, declared_total: None, proof: ReadProof::Selected };
        for batch in askable.chunks(filter.batch.max(1)) {
            let value = batch.join(&filter.separator);
            let query = [(filter.query.as_str(), value.as_str())];
            let plan = Plan {
                spec: &stream.list,
                variables: &[],
                query: &query,
                key: Some(&stream.key),
                rows_optional: false,
            };
            let pass = listing::pass(&self.client, &plan, &|_, _| {}).await.map_err(ConnectorError::of_a_list)?;
            let (rows, pages) = pass.into_keyed().ok_or_else(|| incomplete("the list of the selected records"))?;
            all.pages += pages;
            all.rows.extend(rows.into_iter().filter(|(key, _)| keys.contains(key.as_str())));
        }
        Ok(all)
    }

    async fn listed(&self, stream: &SourceStream, progress: Progress<'_>) -> Result<Listing, ConnectorError> {
        let plan =
            Plan { spec: &stream.list, variables: &[], query: &[], key: Some(&stream.key), rows_optional: false };
        listing::read(&self.client, &plan, progress).await.map_err(ConnectorError::of_a_list)
    }
}

/// Whether a failure says something about one record only.
const fn is_about_the_record(error: &ConnectorError) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Conflict | ErrorKind::Unsupported)
}

fn incomplete(what: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Transient,
        reasons::READ_INCOMPLETE,
        format!("{what} did not come to its end; the next run tries again"),
    )
}

/// The rules of the wanted fields; a name stands for itself and for everything below it.
fn wanted_rules<'a>(stream: &'a SourceStream, wanted: &[String]) -> Result<Wanted<'a>, ConnectorError> {
    let mut rules = Wanted::new();
    for name in wanted {
        let below = format!("{name}.");
        let before = rules.len();
        let matching = stream.values.iter().filter(|(field, _)| *field == name || field.starts_with(&below));
        rules.extend(matching.map(|(field, rule)| (field.clone(), rule)));
        if rules.len() == before && !rules.contains_key(name) && !rules.keys().any(|field| field.starts_with(&below)) {
            return Err(ConnectorError::new(
                ErrorKind::Configuration,
                reasons::MAPPING_INVALID,
                format!("the source has no field {name}; correct the mapping"),
            ));
        }
    }
    Ok(rules)
}

#[async_trait]
impl Source for RestSource {
    async fn probe(&self) -> Result<(), ConnectorError> {
        factory::probe_with(&self.client).await
    }

    async fn read(
        &self,
        stream: &str,
        wanted: &[String],
        progress: Progress<'_>,
    ) -> Result<Read<SourceRecord>, ConnectorError> {
        let stream = self.stream(stream)?;
        let wanted = wanted_rules(stream, wanted)?;
        let listing = self.listed(stream, progress).await?;
        self.finish(stream, &wanted, listing, progress).await
    }

    async fn read_keys(
        &self,
        stream: &str,
        keys: &[String],
        wanted: &[String],
    ) -> Result<Read<SourceRecord>, ConnectorError> {
        let stream = self.stream(stream)?;
        let wanted = wanted_rules(stream, wanted)?;
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        let listing = if let Some(filter) = &stream.key_filter {
            self.filtered(stream, filter, &keys).await?
        } else {
            let mut listing = self.listed(stream, &|_, _| {}).await?;
            let is_missing = keys.iter().any(|key| !listing.rows.contains_key(*key));
            if is_missing && !listing.proof.is_complete() {
                return Err(incomplete("the list that the selected records are taken from"));
            }
            listing.rows.retain(|key, _| keys.contains(key.as_str()));
            Listing { proof: ReadProof::Selected, declared_total: None, ..listing }
        };
        self.finish(stream, &wanted, listing, &|_, _| {}).await
    }
}
