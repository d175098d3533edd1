//! Reads one stream from a SCIM server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::sync::OnceCell;

use super::features::ServerFeatures;
use super::resource::{self, Wanted};
use crate::connectors::by_identifier;
use crate::connectors::draft::{self, Field};
use crate::connectors::http::{Answer, Call, Client};
use crate::connectors::listing::{self, Listing};
use crate::connectors::pages::{Query, invalid};
use crate::connectors::value::{has_text, is_same};
use crate::connectors::{ConnectorError, ErrorKind, Found, Known, Progress, Thoroughness};
use rollcall_api::reasons;
use rollcall_engine::definitions::schema::StreamSchema;
use rollcall_engine::definitions::{HttpMethod, ListSpec, Paging, Request, RequestPurpose, ScimStream, ScimValue};
use rollcall_engine::model::{Read, Row};
use rollcall_engine::names::{FieldName, RowId};

/// RFC 7644 section 3.1.
pub(super) const MEDIA_TYPE: &str = "application/scim+json";

/// One stream of a system.
pub(crate) struct ScimConnector<'a> {
    pub(crate) client: &'a Client,
    pub(crate) schema: &'a StreamSchema,
    pub(crate) stream: &'a ScimStream,
    pub(crate) features: &'a OnceCell<ServerFeatures>,
}

impl ScimConnector<'_> {
    pub(crate) async fn read(
        &self,
        wanted: &[FieldName],
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Read, ConnectorError> {
        let wanted = draft::wanted(self.schema, &self.stream.values, wanted)?;
        let listing = self.list(&wanted, &[], thoroughness, progress).await.map_err(ConnectorError::of_a_list)?;
        let Listing { rows, pages, declared_total, proof } = listing;
        Ok(Read { rows: rows.into_values().collect(), pages, declared_total, proof })
    }

    pub(crate) async fn get(
        &self,
        ids: &[RowId],
        wanted: &[FieldName],
    ) -> Result<BTreeMap<RowId, Known>, ConnectorError> {
        let wanted = draft::wanted(self.schema, &self.stream.values, wanted)?;
        let (wanted, ids): (_, BTreeSet<RowId>) = (&wanted, ids.iter().cloned().collect());
        let ask = |id: RowId| async move {
            let answer = self.one(&id).await?;
            Ok(answer.map(|answer| resource::row(wanted, id, &answer.body)))
        };
        let answers = by_identifier::each(ids.into_iter().collect(), ask).await?;
        let known = |answer: by_identifier::Answer<Row>| match answer {
            Ok(Some(row)) => Known::Present(row),
            Ok(None) => Known::Absent,
            Err(fault) => Known::Unknown(fault),
        };
        Ok(answers.into_iter().map(|(id, answer)| (id, known(answer))).collect())
    }

    /// Looks rows up by a filter, and checks that the server really filtered: one that ignores the filter would
    /// otherwise make everybody a match.
    pub(crate) async fn find(
        &self,
        field: &FieldName,
        value: &str,
        wanted: &[FieldName],
    ) -> Result<Found, ConnectorError> {
        let schema = self.schema.fields.get(field).filter(|schema| schema.lookup);
        let (Some(schema), Some(rule)) = (schema, self.stream.values.get(field)) else {
            return Ok(Found::NotAnswered);
        };
        let wanted = [wanted, std::slice::from_ref(field)].concat();
        let wanted = draft::wanted(self.schema, &self.stream.values, &wanted)?;
        if !self.features().await?.filter {
            return Ok(Found::NotAnswered);
        }
        let filter = format!("{} eq {}", rule.path.text(), Value::from(value));
        let listing = match self.list(&wanted, &[("filter", &filter)], Thoroughness::Once, &|_, _| {}).await {
            Ok(listing) => listing,
            // A filter that is refused is not offered; a list that does not exist is a wrong endpoint.
            Err(error) if matches!(error.kind, ErrorKind::Unsupported | ErrorKind::Rejected) => {
                return Ok(Found::NotAnswered);
            }
            Err(error) => return Err(error.of_a_list()),
        };
        let is_other = |row: &Row| {
            !row.is_unknown(field) && row.values().get(field).is_none_or(|found| !has_text(found, value, false))
        };
        if listing.rows.values().any(is_other) {
            tracing::debug!(route = self.route(), %field, "the server does not filter");
            return Ok(Found::NotAnswered);
        }
        if !listing.proof.is_complete() || listing.rows.values().any(|row| row.is_unknown(field)) {
            return Err(ConnectorError::new(
                ErrorKind::Transient,
                reasons::READ_INCOMPLETE,
                format!("{}: the answer to the filter by {field} was not complete", self.route()),
            ));
        }
        let is_it = |row: &Row| is_same(schema, row.values().get(field), value);
        Ok(Found::Rows(listing.rows.into_values().filter(is_it).collect()))
    }

    /// One resource; None when the server says that it does not exist.
    pub(super) async fn one(&self, id: &RowId) -> Result<Option<Answer>, ConnectorError> {
        let call = self.call(HttpMethod::Get, Some(id), RequestPurpose::Read)?;
        match self.client.send(&call).await {
            Ok(answer) if resource::id(&answer.body).as_ref() == Some(id) => Ok(Some(answer)),
            Ok(_) => Err(invalid(format!("{}: the answer is not the record that was asked for", call.route))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All fields of the stream.
    pub(super) fn everything(&self) -> Result<Vec<Field<'_, ScimValue>>, ConnectorError> {
        let names: Vec<FieldName> = self.stream.values.keys().cloned().collect();
        draft::wanted(self.schema, &self.stream.values, &names)
    }

    async fn list(
        &self,
        wanted: &Wanted<'_>,
        parameters: &[(&str, &str)],
        thoroughness: Thoroughness,
        progress: Progress<'_>,
    ) -> Result<Listing<Row>, ConnectorError> {
        let most = self.features().await?.max_results.unwrap_or(self.stream.page_size);
        let spec = ListSpec {
            request: self.request(HttpMethod::Get, false),
            rows: "Resources".into(),
            paging: Paging::Offset {
                offset: "startIndex".to_owned(),
                first: 1,
                size: "count".to_owned(),
                page_size: self.stream.page_size.min(most),
            },
            total: Some("totalResults".into()),
        };
        let query = Query { parameters, rows_optional: true, ..Query::all(&spec) };
        let parse = |id, resource: &Value| resource::row(wanted, id, resource);
        listing::read(self.client, &query, &"id".into(), thoroughness, parse, progress).await
    }

    pub(super) async fn features(&self) -> Result<&ServerFeatures, ConnectorError> {
        self.features
            .get_or_try_init(|| ServerFeatures::ask(self.client, &self.stream.endpoint, &self.stream.rate_class))
            .await
    }

    fn request(&self, method: HttpMethod, one: bool) -> Request {
        let suffix = if one { "/{id}" } else { "" };
        Request {
            endpoint: self.stream.endpoint.clone(),
            method,
            path: format!("{}{suffix}", self.route()).into(),
            rate_class: self.stream.rate_class.clone(),
            headers: [("Accept".to_owned(), format!("{MEDIA_TYPE}, application/json"))].into(),
            ..Request::default()
        }
    }

    pub(super) fn call(
        &self,
        method: HttpMethod,
        id: Option<&str>,
        purpose: RequestPurpose,
    ) -> Result<Call, ConnectorError> {
        let variables: Vec<(&str, &str)> = id.map(|id| ("id", id)).into_iter().collect();
        self.client.call(&self.request(method, id.is_some()), &variables, purpose)
    }

    pub(super) fn route(&self) -> String {
        format!("/{}", self.stream.resource)
    }
}
