//! Writes one stream to a SCIM server.

use http::header;
use serde_json::{Map, Value, json};

use super::connector::{MEDIA_TYPE, ScimConnector};
use super::resource;
use crate::connectors::draft::no_field;
use crate::connectors::http::{Body, Call, Expect};
use crate::connectors::pages::invalid;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_api::reasons;
use rollcall_engine::definitions::{HttpMethod, JsonPath, RequestPurpose, ScimValue};
use rollcall_engine::model::{Fields, Row};
use rollcall_engine::names::{FieldName, RowId};
use rollcall_engine::redacted::Redacted;

const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// How often a whole resource is read and replaced anew when it changed meanwhile.
const REPLACE_ATTEMPTS: usize = 3;

/// A resource as it was read, with its version.
struct Current {
    resource: Value,
    version: Option<String>,
}

impl ScimConnector<'_> {
    pub(crate) async fn create(&self, fields: &Fields) -> Result<Row, ConnectorError> {
        let mut document = Map::new();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
            resource::write(self.rule(name)?, &mut document, value);
        }
        document.insert("active".to_owned(), Value::Bool(true));
        document.insert("schemas".to_owned(), Value::Array(resource::schemas(self.stream, &document)));
        let mut call = self.call(HttpMethod::Post, None, RequestPurpose::Write)?;
        call.body = body(Value::Object(document));
        call.expect = Expect::Status;
        let answer = self.client.send(&call).await?;
        if let Some(id) = resource::id(&answer.body) {
            return Ok(resource::row(&self.everything()?, id, &answer.body));
        }
        // The body may be left out (RFC 7644 section 3.3); the location may not.
        let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let id = location.and_then(last_segment).ok_or_else(|| unknown(&call, "the answer names no new record"))?;
        let mut sent = fields.clone();
        sent.retain(|_, value| !value.is_null());
        Ok(Row { id: id.into(), parent: None, active: true, fields: Redacted::new(sent), fault: None })
    }

    pub(crate) async fn update(
        &self,
        id: &RowId,
        changes: &Fields,
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        if changes.is_empty() && active.is_none() {
            return Ok(());
        }
        let mut rules = Vec::with_capacity(changes.len());
        for (name, value) in changes.iter() {
            rules.push((self.rule(name)?, value));
        }
        if self.features().await?.patch {
            self.patch(id, &rules, active).await
        } else {
            self.replace(id, &rules, active).await
        }
    }

    pub(crate) async fn delete(&self, id: &RowId) -> Result<(), ConnectorError> {
        let mut call = self.call(HttpMethod::Delete, Some(id), RequestPurpose::Write)?;
        call.expect = Expect::Status;
        match self.client.send(&call).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn patch(
        &self,
        id: &RowId,
        rules: &[(&ScimValue, &Value)],
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        let current = if resource::needs_current(rules.iter().map(|(rule, _)| *rule)) {
            Some(self.existing(id).await?)
        } else {
            None
        };
        let now = current.as_ref().map(|current| &current.resource);
        let mut operations: Vec<Value> =
            rules.iter().filter_map(|(rule, value)| resource::operation(rule, value, now)).collect();
        operations.extend(active.map(|active| json!({"op": "replace", "path": "active", "value": active})));
        if operations.is_empty() {
            return Ok(());
        }
        let mut call = self.call(HttpMethod::Patch, Some(id), RequestPurpose::Write)?;
        call.body = body(json!({"schemas": [PATCH_SCHEMA], "Operations": operations}));
        call.expect = Expect::Status;
        if let Some(version) = current.and_then(|current| current.version) {
            call.add_header("if-match", &version)?;
        }
        self.client.send(&call).await.map(|_| ())
    }

    /// Attributes that a PUT leaves out may be cleared (RFC 7644 section 3.5.1), so it starts from what is there.
    async fn replace(
        &self,
        id: &RowId,
        rules: &[(&ScimValue, &Value)],
        active: Option<bool>,
    ) -> Result<(), ConnectorError> {
        let mut left = REPLACE_ATTEMPTS;
        loop {
            left -= 1;
            let current = self.existing(id).await?;
            let Value::Object(mut document) = current.resource else {
                return Err(invalid(format!("{}/{{id}}: the answer is not an object", self.route())));
            };
            for (rule, value) in rules {
                resource::write(rule, &mut document, value);
            }
            if let Some(active) = active {
                document.insert("active".to_owned(), Value::Bool(active));
            }
            document.remove("meta");
            let mut call = self.call(HttpMethod::Put, Some(id), RequestPurpose::Write)?;
            call.body = body(Value::Object(document));
            call.expect = Expect::Status;
            let has_version = current.version.is_some();
            if let Some(version) = current.version {
                call.add_header("if-match", &version)?;
            }
            match self.client.send(&call).await {
                Err(error) if error.kind == ErrorKind::Conflict && has_version && left > 0 => {}
                result => return result.map(|_| ()),
            }
        }
    }

    async fn existing(&self, id: &RowId) -> Result<Current, ConnectorError> {
        self.current(id).await?.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::NotFound,
                reasons::TARGET_REJECTED,
                format!("{}/{{id}}: the record does not exist", self.route()),
            )
        })
    }

    async fn current(&self, id: &RowId) -> Result<Option<Current>, ConnectorError> {
        let Some(answer) = self.one(id).await? else { return Ok(None) };
        let version = if self.features().await?.etag {
            let header = answer.headers.get(header::ETAG).and_then(|value| value.to_str().ok());
            let meta = JsonPath::from("meta.version");
            header.or_else(|| meta.find(&answer.body)?.as_str()).map(str::to_owned)
        } else {
            None
        };
        Ok(Some(Current { resource: answer.body, version }))
    }

    fn rule(&self, field: &FieldName) -> Result<&ScimValue, ConnectorError> {
        self.stream.values.get(field).ok_or_else(|| no_field(field))
    }
}

const fn body(value: Value) -> Body {
    Body::Json { media_type: MEDIA_TYPE, value }
}

fn unknown(call: &Call, what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, format!("{}: {what}", call.route))
}

/// The identifier at the end of a location. The location itself is never requested: it may lead to another host.
fn last_segment(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let segment = path.trim_end_matches('/').rsplit('/').next().filter(|segment| !segment.is_empty())?;
    percent_encoding::percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
