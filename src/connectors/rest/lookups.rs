//! Lists that give names to identifiers.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::extract::Wanted;
use crate::connectors::by_identifier::{CONCURRENCY, concerns_all};
use crate::connectors::draft::Draft;
use crate::connectors::http::Client;
use crate::connectors::pages::{self, Query};
use crate::connectors::value::identifier;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{JsonPath, Lookup, is_text};

/// The lookups that wanted fields need, by name.
pub(super) struct Lookups(BTreeMap<String, Names>);

/// Names by identifier, or why there are none.
type Names = Result<BTreeMap<String, String>, String>;

impl Lookups {
    /// Reads the lists. One that fails makes the fields unknown that refer to it; the read goes on.
    pub(super) async fn read(client: &Client, wanted: &Wanted<'_>) -> Result<Self, ConnectorError> {
        let names: BTreeSet<String> = wanted.iter().filter_map(|field| field.rule.lookup.clone()).collect();
        let lookups = stream::iter(names)
            .map(|name| async move {
                let entries = read(client, &name).await?;
                Ok::<_, ConnectorError>((name, entries))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(Self(lookups))
    }

    /// Puts names in the place of identifiers. One that has no name is unknown: an empty value would clear the field
    /// in the other system.
    pub(super) fn apply(&self, draft: &mut Draft, wanted: &Wanted<'_>) {
        for field in wanted {
            let Some(lookup) = &field.rule.lookup else { continue };
            draft.rename(field.name, |id| match self.0.get(lookup) {
                Some(Ok(names)) => names
                    .get(id)
                    .cloned()
                    .ok_or_else(|| format!("refers to an entry that the list {lookup} does not have")),
                Some(Err(why)) => Err(why.clone()),
                None => Err(format!("the list {lookup} was not read")),
            });
        }
    }
}

async fn read(client: &Client, name: &str) -> Result<Names, ConnectorError> {
    let lookup = client.definition().lookups.get(name).ok_or_else(|| {
        ConnectorError::new(
            ErrorKind::Configuration,
            reasons::DEFINITION_INVALID,
            format!("the definition names the lookup {name} but does not describe it"),
        )
    })?;
    match pages::all(client, &Query::all(&lookup.list)).await.map_err(ConnectorError::of_a_list) {
        Ok(Some(rows)) => {
            Ok(Ok(rows.iter().filter(|row| counts(lookup, row)).filter_map(|row| entry(lookup, row)).collect()))
        }
        Ok(None) => Ok(Err(format!("the list {name} did not come to its end"))),
        Err(error) if concerns_all(&error) => Err(error),
        Err(error) => Ok(Err(format!("the list {name} could not be read: {error}"))),
    }
}

fn counts(lookup: &Lookup, row: &Value) -> bool {
    let is = |(path, wanted): (&JsonPath, &String)| path.find(row).is_some_and(|value| is_text(value, wanted));
    lookup.only.iter().all(is)
}

/// An entry without identifier or name is left out: whoever refers to it finds none.
fn entry(lookup: &Lookup, row: &Value) -> Option<(String, String)> {
    lookup.key.find(row).and_then(identifier).zip(lookup.value.find(row).and_then(identifier))
}
