//! Writes streams by requests that their definition describes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::connectors::http::{Body, Call, Client, Expect};
use crate::connectors::listing::{self, Plan, invalid};
use crate::connectors::value::{identifier, is_same, normalise};
use crate::connectors::{ConnectorError, ErrorKind, Progress};
use rollcall_api::reasons;
use rollcall_engine::definitions::{Request, RequestPurpose, RestStream};
use rollcall_engine::model::{Fields, Read, TargetRecord, Unreadable};

/// One stream of a target.
pub(crate) struct RestTarget<'a> {
    pub(crate) client: &'a Client,
    pub(crate) stream: &'a RestStream,
}

impl RestTarget<'_> {
    pub(crate) async fn read(&self, progress: Progress<'_>) -> Result<Read<TargetRecord>, ConnectorError> {
        let plan = Plan {
            spec: &self.stream.list,
            variables: &[],
            query: &[],
            key: Some(&self.stream.id),
            rows_optional: false,
        };
        let listing = listing::read(self.client, &plan, progress).await.map_err(ConnectorError::of_a_list)?;
        let mut read = Read {
            records: Vec::with_capacity(listing.rows.len()),
            unreadable: Vec::new(),
            pages: listing.pages,
            declared_total: listing.declared_total,
            proof: listing.proof,
        };
        for (id, row) in &listing.rows {
            match self.record(id, row) {
                Ok(record) => read.records.push(record),
                Err(unreadable) => read.unreadable.push(unreadable),
            }
        }
        Ok(read)
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Option<TargetRecord>, ConnectorError> {
        let call = self.call(&self.stream.get, &[("id", id)], RequestPurpose::Read)?;
        match self.client.send(&call).await {
            Ok(answer) => self.whole(id, &answer.body).map(Some),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Such systems have no filter: the list is read and searched.
    pub(crate) async fn find(&self, field: &str, value: &str) -> Result<Vec<TargetRecord>, ConnectorError> {
        let Some(schema) = self.stream.schema.fields.get(field).filter(|schema| schema.lookup) else {
            return Err(unsupported(format!("records cannot be looked up by {field}")));
        };
        let read = self.read(&|_, _| {}).await?;
        let is_whole = read.proof.is_complete() && read.unreadable.is_empty();
        let found: Vec<TargetRecord> =
            read.records.into_iter().filter(|record| is_same(schema, record.fields.0.get(field), value)).collect();
        if found.is_empty() && !is_whole {
            return Err(ConnectorError::new(
                ErrorKind::Transient,
                reasons::READ_INCOMPLETE,
                format!("{}: the list was not complete, so nothing can be said to be absent", self.route()),
            ));
        }
        Ok(found)
    }

    pub(crate) async fn create(&self, fields: &Fields) -> Result<TargetRecord, ConnectorError> {
        let mut call = self.call(&self.stream.create, &[], RequestPurpose::Write)?;
        call.body = self.body(fields, false)?;
        let answer = self.client.send(&call).await?;
        let id = self.stream.id.find(&answer.body).and_then(identifier).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::OutcomeUnknown,
                reasons::OUTCOME_UNKNOWN,
                format!("{}: the answer has no identifier of the new record", call.route),
            )
        })?;
        // What was sent is what is there as far as is known; the answer need not repeat it.
        let mut record = TargetRecord { id: id.clone(), active: true, fields: without_nulls(fields) };
        if let Ok(answered) = self.record(&id, &answer.body) {
            record.fields.0.extend(answered.fields.0);
        }
        Ok(record)
    }

    pub(crate) async fn update(&self, id: &str, changes: &Fields, active: Option<bool>) -> Result<(), ConnectorError> {
        if active.is_some() {
            return Err(unsupported("records of this stream cannot be switched on or off".to_owned()));
        }
        let mut call = self.call(&self.stream.update, &[("id", id)], RequestPurpose::Write)?;
        call.body = self.body(changes, true)?;
        call.expect = Expect::Status;
        self.client.send(&call).await.map(|_| ())
    }

    fn call(
        &self,
        request: &Request,
        variables: &[(&str, &str)],
        purpose: RequestPurpose,
    ) -> Result<Call, ConnectorError> {
        self.client.call(request, variables, purpose)
    }

    fn body(&self, fields: &Fields, with_nulls: bool) -> Result<Body, ConnectorError> {
        let mut document = Map::new();
        for (name, value) in fields.0.iter().filter(|(_, value)| with_nulls || !value.is_null()) {
            let rule = self.stream.values.get(name).ok_or_else(|| {
                ConnectorError::new(
                    ErrorKind::Configuration,
                    reasons::MAPPING_INVALID,
                    format!("the target has no field {name}; correct the mapping"),
                )
            })?;
            rule.path.put(&mut document, value.clone());
        }
        Ok(Body::Json { media_type: "application/json", value: Value::Object(document) })
    }

    fn record(&self, id: &str, row: &Value) -> Result<TargetRecord, Unreadable> {
        let mut fields = BTreeMap::new();
        for (name, rule) in &self.stream.values {
            let (Some(found), Some(schema)) = (rule.path.find(row), self.stream.schema.fields.get(name)) else {
                continue;
            };
            let value = normalise(schema.type_, found).ok_or_else(|| Unreadable {
                key: id.to_owned(),
                reason: reasons::ANSWER_INVALID,
                message: format!("field {name} came with a value of another type than its definition says"),
            })?;
            if !value.is_null() {
                fields.insert(name.clone(), value);
            }
        }
        Ok(TargetRecord { id: id.to_owned(), active: true, fields: Fields(fields) })
    }

    fn whole(&self, id: &str, row: &Value) -> Result<TargetRecord, ConnectorError> {
        self.record(id, row).map_err(|unreadable| invalid(format!("{}: {}", self.route(), unreadable.message)))
    }

    fn route(&self) -> &str {
        self.stream.list.request.path.text()
    }
}

fn without_nulls(fields: &Fields) -> Fields {
    Fields(
        fields
            .0
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

fn unsupported(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unsupported, reasons::TARGET_REJECTED, message)
}
