//! Reads one stream as its definition describes.

use std::collections::{BTreeMap, BTreeSet};

use super::extract::{self, Wanted};
use super::parts::complete;
use crate::connectors::by_identifier::{self, Answer, Failures, concerns_all, unknown};
use crate::connectors::draft::{self, Draft};
use crate::connectors::http::Client;
use crate::connectors::listing::{self, Listing};
use crate::connectors::pages::{Query, invalid};
use crate::connectors::value::{identifier, is_same};
use crate::connectors::{ConnectorError, ErrorKind, Found, Known, Progress, Thoroughness};
use rollcall_api::reasons;
use rollcall_engine::definitions::schema::StreamSchema;
use rollcall_engine::definitions::{KeyFilter, Request, RequestPurpose, RestStream};
use rollcall_engine::model::{Read, ReadProof, Row};
use rollcall_engine::names::{FieldName, RowId};

/// One stream of a system.
pub(crate) struct RestConnector<'a> {
    pub(crate) client: &'a Client,
    pub(crate) schema: &'a StreamSchema,
    pub(crate) stream: &'a RestStream,
}

/// What is known about identifiers before the rows are completed.
type Answers = BTreeMap<RowId, Answer<Draft>>;

impl RestConnector<'_> {
    pub(crate) async fn read(
        &self,
        wanted: &[FieldName],
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Read, ConnectorError> {
        let wanted = draft::wanted(self.schema, &self.stream.values, wanted)?;
        let Listing { rows, pages, declared_total, proof } = self.list(&wanted, thoroughness, progress).await?;
        let rows = complete(self.client, self.stream, &wanted, rows.into_values().collect(), progress).await?;
        Ok(Read { rows, pages, declared_total, proof })
    }

    pub(crate) const fn asks_by_id(&self) -> bool {
        self.stream.key_filter.is_some() || self.stream.get.is_some()
    }

    pub(crate) async fn get(
        &self,
        ids: &[RowId],
        wanted: &[FieldName],
    ) -> Result<BTreeMap<RowId, Known>, ConnectorError> {
        let wanted = draft::wanted(self.schema, &self.stream.values, wanted)?;
        let ids: BTreeSet<RowId> = ids.iter().cloned().collect();
        let answers = match (&self.stream.key_filter, &self.stream.get) {
            (Some(filter), get) => {
                let mut answers = self.filtered(filter, &ids, &wanted).await?;
                // What the filter does not deliver is asked for by itself, where that is possible.
                if let Some(get) = get {
                    let left = answers.iter().filter(|(_, answer)| !matches!(answer, Ok(Some(_))));
                    let left = left.map(|(id, _)| id.clone()).collect();
                    answers.extend(self.each(get, left, &wanted).await?);
                }
                answers
            }
            (None, Some(get)) => self.each(get, ids.into_iter().collect(), &wanted).await?,
            (None, None) => self.searched(&ids, &wanted).await?,
        };
        let (mut known, mut drafts) = (BTreeMap::new(), Vec::new());
        for (id, answer) in answers {
            match answer {
                Ok(Some(draft)) => drafts.push(draft),
                Ok(None) => drop(known.insert(id, Known::Absent)),
                Err(fault) => drop(known.insert(id, Known::Unknown(fault))),
            }
        }
        let found: Vec<RowId> = drafts.iter().map(|draft| draft.id().clone()).collect();
        match complete(self.client, self.stream, &wanted, drafts, &|_, _| {}).await {
            Ok(rows) => known.extend(rows.into_iter().map(|row| (row.id.clone(), Known::Present(row)))),
            Err(error) if concerns_all(&error) => return Err(error),
            Err(error) => {
                let fault = unknown(error.reason, error.message);
                known.extend(found.into_iter().map(|id| (id, Known::Unknown(fault.clone()))));
            }
        }
        Ok(known)
    }

    /// The list is read and searched. A row whose value is unknown may be the one, so then there is no answer.
    pub(crate) async fn find(
        &self,
        field: &FieldName,
        value: &str,
        wanted: &[FieldName],
    ) -> Result<Found, ConnectorError> {
        let Some(schema) = self.schema.fields.get(field).filter(|schema| schema.lookup) else {
            return Ok(Found::NotAnswered);
        };
        let wanted = [wanted, std::slice::from_ref(field)].concat();
        let wanted = draft::wanted(self.schema, &self.stream.values, &wanted)?;
        let Listing { rows, proof, .. } = self.list(&wanted, Thoroughness::Proven, &|_, _| {}).await?;
        // Where the list itself has the value, only rows that can be the one are completed.
        let is_own = self.stream.values.get(field).is_some_and(|rule| rule.from.is_none() && rule.lookup.is_none());
        let may_be = |draft: &Draft| !is_own || draft.is_unknown(field) || is_same(schema, draft.value(field), value);
        let drafts = rows.into_values().filter(may_be).collect();
        let rows = complete(self.client, self.stream, &wanted, drafts, &|_, _| {}).await?;
        if !proof.is_complete() || rows.iter().any(|row| row.is_unknown(field)) {
            return Err(ConnectorError::new(
                ErrorKind::Transient,
                reasons::READ_INCOMPLETE,
                format!("{}: the list that was searched by {field} was not read whole", self.route()),
            ));
        }
        let is_it = |row: &Row| is_same(schema, row.values().get(field), value);
        Ok(Found::Rows(rows.into_iter().filter(is_it).collect()))
    }

    async fn list(
        &self,
        wanted: &Wanted<'_>,
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Listing<Draft>, ConnectorError> {
        let parse = |id, row: &serde_json::Value| extract::draft(self.stream, wanted, id, row);
        let query = Query::all(&self.stream.list);
        listing::read(self.client, &query, &self.stream.id, thoroughness, parse, progress)
            .await
            .map_err(ConnectorError::of_a_list)
    }

    /// Rows by the definition's filter, batch by batch.
    async fn filtered(
        &self,
        filter: &KeyFilter,
        ids: &BTreeSet<RowId>,
        wanted: &Wanted<'_>,
    ) -> Result<Answers, ConnectorError> {
        // An identifier that has the separator in it cannot be asked for.
        let (askable, other): (Vec<&RowId>, Vec<&RowId>) =
            ids.iter().partition(|id| !id.is_empty() && !id.contains(&filter.separator));
        let cannot =
            || unknown(reasons::VALUE_INVALID, "the identifier cannot be asked for: it is empty or a list of several");
        let mut answers: Answers = other.into_iter().map(|id| (id.clone(), Err(cannot()))).collect();
        let failures = Failures::default();
        for batch in askable.chunks(filter.batch.max(1)) {
            let result = if failures.are_too_many() {
                Err(incomplete(self.route()))
            } else {
                self.batch(filter, batch, wanted).await
            };
            match result {
                Ok(batch) => {
                    failures.answered();
                    answers.extend(batch);
                }
                Err(error) if concerns_all(&error) => return Err(error),
                Err(error) => {
                    failures.failed(&error);
                    let fault = unknown(error.reason, error.message);
                    answers.extend(batch.iter().map(|id| ((*id).clone(), Err(fault.clone()))));
                }
            }
        }
        Ok(answers)
    }

    /// Rows of one batch. What a complete answer does not have does not exist, if the answer shows that the filter
    /// was applied: it has nothing else.
    async fn batch(
        &self,
        filter: &KeyFilter,
        batch: &[&RowId],
        wanted: &Wanted<'_>,
    ) -> Result<Answers, ConnectorError> {
        let value = batch.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(&filter.separator);
        let parameters = [(filter.query.as_str(), value.as_str())];
        let query = Query { parameters: &parameters, ..Query::all(&self.stream.list) };
        let parse = |id, row: &serde_json::Value| extract::draft(self.stream, wanted, id, row);
        let read = listing::read_once(self.client, &query, &self.stream.id, parse).await;
        // A refused filter says that one of the identifiers cannot be, not that the list is wrong.
        let refused = |error: ConnectorError| if error.kind == ErrorKind::Rejected { error } else { error.of_a_list() };
        let (mut rows, proof) = read.map_err(refused)?;
        let is_filtered = rows.keys().all(|id| batch.contains(&id));
        // Without a total, one pass to the end of a list that is followed by links is all there is.
        let is_whole = proof.is_complete() || proof == ReadProof::ReadsDisagree && !query.is_by_position();
        let answer = |id: &RowId| match rows.remove(id) {
            Some(draft) => Ok(Some(draft)),
            None if is_filtered && is_whole => Ok(None),
            None => Err(unknown(reasons::READ_INCOMPLETE, incomplete(self.route()).message)),
        };
        Ok(batch.iter().map(|id| (*id).clone()).map(answer_of(answer)).collect())
    }

    /// Rows one by one.
    async fn each(&self, get: &Request, ids: Vec<RowId>, wanted: &Wanted<'_>) -> Result<Answers, ConnectorError> {
        by_identifier::each(ids, |id| async move {
            let call = self.client.call(get, &[("id", &id)], RequestPurpose::Read)?;
            match self.client.send(&call).await {
                Ok(answer) if self.stream.id.find(&answer.body).and_then(identifier).as_deref() == Some(&*id) => {
                    Ok(Some(extract::draft(self.stream, wanted, id, &answer.body)))
                }
                Ok(_) => Err(invalid(format!("{}: the answer is not the record that was asked for", call.route))),
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Rows out of the whole list.
    async fn searched(&self, ids: &BTreeSet<RowId>, wanted: &Wanted<'_>) -> Result<Answers, ConnectorError> {
        if ids.is_empty() {
            return Ok(Answers::new());
        }
        match self.list(wanted, Thoroughness::Proven, &|_, _| {}).await {
            Ok(mut listing) => {
                let is_whole = listing.proof.is_complete();
                let answer = |id: &RowId| match listing.rows.remove(id) {
                    Some(draft) => Ok(Some(draft)),
                    None if is_whole => Ok(None),
                    None => Err(unknown(reasons::READ_INCOMPLETE, incomplete(self.route()).message)),
                };
                Ok(ids.iter().cloned().map(answer_of(answer)).collect())
            }
            Err(error) if concerns_all(&error) => Err(error),
            Err(error) => {
                let fault = unknown(error.reason, error.message);
                Ok(ids.iter().map(|id| (id.clone(), Err(fault.clone()))).collect())
            }
        }
    }

    pub(super) fn route(&self) -> &str {
        self.stream.list.request.path.text()
    }
}

/// Puts an identifier beside its answer.
fn answer_of(mut answer: impl FnMut(&RowId) -> Answer<Draft>) -> impl FnMut(RowId) -> (RowId, Answer<Draft>) {
    move |id| {
        let answer = answer(&id);
        (id, answer)
    }
}

fn incomplete(route: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Transient,
        reasons::READ_INCOMPLETE,
        format!("{route}: the list of the selected records was not complete; the next run tries again"),
    )
}
