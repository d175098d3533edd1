//! Writes one stream by the requests of its definition.

use serde_json::{Map, Value};

use super::connector::RestConnector;
use super::extract;
use crate::connectors::draft::{self, no_field};
use crate::connectors::http::{Body, Expect};
use crate::connectors::value::identifier;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{Request, RequestPurpose, ValueRule};
use rollcall_engine::model::{Fields, Row};
use rollcall_engine::names::{FieldName, RowId};
use rollcall_engine::redacted::Redacted;

impl RestConnector<'_> {
    pub(crate) async fn create(&self, fields: &Fields, parent: Option<&RowId>) -> Result<Row, ConnectorError> {
        let request = self.offered(self.stream.create.as_ref(), "created")?;
        let mut document = self.document(fields.iter().filter(|(_, value)| !value.is_null()))?;
        match (&self.stream.parent, parent) {
            (Some(path), Some(parent)) => path.put(&mut document, Value::from(parent.as_str())),
            (None, None) => {}
            (Some(_), None) => return Err(wrong("a record of this stream needs a parent to be created below")),
            (None, Some(_)) => return Err(wrong("records of this stream have no parent")),
        }
        let mut call = self.client.call(request, &[], RequestPurpose::Write)?;
        call.body = json(document);
        let answer = self.client.send(&call).await?;
        let id = self.stream.id.find(&answer.body).and_then(identifier).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::OutcomeUnknown,
                reasons::OUTCOME_UNKNOWN,
                format!("{}: the answer has no identifier of the new record", call.route),
            )
        })?;
        // What was sent is what is there as far as is known; the answer need not repeat it.
        let mut known: Fields = fields.clone();
        known.retain(|_, value| !value.is_null());
        let answered = self.answered(&id, &answer.body)?;
        known.extend(answered.fields.into_inner());
        Ok(Row { parent: parent.cloned(), fields: Redacted::new(known), fault: None, ..answered })
    }

    /// Disabling comes first and enabling last, so that nobody has access who should not.
    pub(crate) async fn update(
        &self,
        id: &RowId,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        let change = if changes.is_empty() {
            None
        } else {
            Some((self.offered(self.stream.update.as_ref(), "changed")?, json(self.document(changes.iter())?)))
        };
        let switch = match active {
            None => None,
            Some(true) => Some((self.offered(self.stream.enable.as_ref(), "enabled")?, Body::None)),
            Some(false) => Some((self.offered(self.stream.disable.as_ref(), "disabled")?, Body::None)),
        };
        let steps = if active == Some(false) { [switch, change] } else { [change, switch] };
        let mut is_begun = false;
        for (request, body) in steps.into_iter().flatten() {
            match self.send(request, id, body).await {
                Ok(()) => is_begun = true,
                Err(error) if is_begun => return Err(half_done(&error)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) async fn delete(&self, id: &RowId) -> Result<(), ConnectorError> {
        let request = self.offered(self.stream.delete.as_ref(), "deleted")?;
        match self.send(request, id, Body::None).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    async fn send(&self, request: &Request, id: &RowId, body: Body) -> Result<(), ConnectorError> {
        let mut call = self.client.call(request, &[("id", id)], RequestPurpose::Write)?;
        call.body = body;
        call.expect = Expect::Status;
        self.client.send(&call).await.map(|_| ())
    }

    fn offered<'a>(&self, request: Option<&'a Request>, what: &str) -> Result<&'a Request, ConnectorError> {
        request.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Unsupported,
                reasons::TARGET_REJECTED,
                format!("{}: records of this stream cannot be {what}", self.route()),
            )
        })
    }

    fn document<'a>(
        &self,
        fields: impl Iterator<Item = (&'a FieldName, &'a Value)>,
    ) -> Result<Map<String, Value>, ConnectorError> {
        let mut document = Map::new();
        for (name, value) in fields {
            let rule = self.stream.values.get(name).ok_or_else(|| no_field(name))?;
            let is_read_only = self.schema.fields.get(name).is_none_or(|field| field.read_only);
            if is_read_only || !rule.is_writable() {
                return Err(wrong(&format!("field {name} can only be read; correct the mapping")));
            }
            rule.path.put(&mut document, value.clone());
        }
        Ok(document)
    }

    /// What the answer to a create says about the record of its own accord.
    fn answered(&self, id: &str, body: &Value) -> Result<Row, ConnectorError> {
        let own = |rule: &ValueRule| rule.from.is_none() && rule.lookup.is_none();
        let names: Vec<FieldName> =
            self.stream.values.iter().filter(|(_, rule)| own(rule)).map(|(name, _)| name.clone()).collect();
        let wanted = draft::wanted(self.schema, &self.stream.values, &names)?;
        Ok(extract::draft(self.stream, &wanted, id.into(), body).finish())
    }
}

fn json(document: Map<String, Value>) -> Body {
    Body::Json { media_type: "application/json", value: Value::Object(document) }
}

fn wrong(message: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Configuration, reasons::MAPPING_INVALID, message)
}

/// One part of a change took effect and the next one failed: what the record is now has to be looked up.
fn half_done(failure: &ConnectorError) -> ConnectorError {
    let message = format!("only a part of the change was done: {failure}");
    ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, message)
}
