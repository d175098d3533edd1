//! Writes a stream to a SCIM server.

use http::header;
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

use super::features::ServerFeatures;
use super::resource;
use crate::connectors::http::{Body, Call, Client, Expect};
use crate::connectors::listing::{self, Listing, Plan, invalid};
use crate::connectors::value::is_same;
use crate::connectors::{ConnectorError, ErrorKind, Progress};
use rollcall_api::reasons;
use rollcall_engine::definitions::{
    HttpMethod, JsonPath, ListSpec, Paging, Request, RequestPurpose, ScimStream, ScimValue,
};
use rollcall_engine::model::{Fields, Read, TargetRecord};

/// RFC 7644 section 3.1.
const MEDIA_TYPE: &str = "application/scim+json";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// How often a whole resource is read and replaced anew when it changed meanwhile.
const REPLACE_ATTEMPTS: usize = 3;

/// One stream of a target.
pub(crate) struct ScimTarget<'a> {
    pub(crate) client: &'a Client,
    pub(crate) stream: &'a ScimStream,
    pub(crate) features: &'a OnceCell<ServerFeatures>,
}

/// A resource as it was read, with its version.
struct Current {
    resource: Value,
    version: Option<String>,
}

impl ScimTarget<'_> {
    pub(crate) async fn read(&self, progress: Progress<'_>) -> Result<Read<TargetRecord>, ConnectorError> {
        let listing = self.list(&[], progress).await.map_err(ConnectorError::of_a_list)?;
        let mut read = Read {
            records: Vec::with_capacity(listing.rows.len()),
            unreadable: Vec::new(),
            pages: listing.pages,
            declared_total: listing.declared_total,
            proof: listing.proof,
        };
        for (id, row) in &listing.rows {
            match resource::record(self.stream, id, row) {
                Ok(record) => read.records.push(record),
                Err(unreadable) => read.unreadable.push(unreadable),
            }
        }
        Ok(read)
    }

    pub(crate) async fn get(&self, id: &str) -> Result<Option<TargetRecord>, ConnectorError> {
        let current = self.current(id).await?;
        current.map(|current| self.record(id, &current.resource)).transpose()
    }

    /// Looks records up by a filter, and checks that the server really filtered: one that ignores the filter would
    /// otherwise make everybody a match.
    pub(crate) async fn find(&self, field: &str, value: &str) -> Result<Vec<TargetRecord>, ConnectorError> {
        let schema = self.stream.schema.fields.get(field).filter(|schema| schema.lookup);
        let (Some(schema), Some(rule)) = (schema, self.stream.values.get(field)) else {
            return Err(unsupported(format!("records cannot be looked up by {field}")));
        };
        if !self.features().await?.filter {
            return Err(unsupported(format!("{}: the server has no filters", self.route())));
        }
        let filter = format!("{} eq {}", rule.path.text(), Value::from(value));
        let listing = self.list(&[("filter", &filter)], &|_, _| {}).await.map_err(|error| self.of_a_filter(error))?;
        let mut found = Vec::new();
        for (id, row) in &listing.rows {
            let record = self.record(id, row)?;
            let value_found = record.fields.0.get(field);
            if is_same(schema, value_found, value) {
                found.push(record);
            } else if value_found
                .and_then(Value::as_str)
                .is_none_or(|found| found.to_lowercase() != value.to_lowercase())
            {
                return Err(unsupported(format!("{}: the server does not filter by {field}", self.route())));
            }
        }
        if !listing.proof.is_complete() {
            return Err(ConnectorError::new(
                ErrorKind::Transient,
                reasons::READ_INCOMPLETE,
                format!("{}: the answer to the filter was not complete", self.route()),
            ));
        }
        Ok(found)
    }

    pub(crate) async fn create(&self, fields: &Fields) -> Result<TargetRecord, ConnectorError> {
        let mut document = Map::new();
        for (name, value) in fields.0.iter().filter(|(_, value)| !value.is_null()) {
            resource::write(self.rule(name)?, &mut document, value);
        }
        document.insert("active".to_owned(), Value::Bool(true));
        document.insert("schemas".to_owned(), Value::Array(resource::schemas(self.stream, &document)));
        let mut call = self.call(HttpMethod::Post, None, RequestPurpose::Write)?;
        call.body = body(Value::Object(document));
        call.expect = Expect::Status;
        let answer = self.client.send(&call).await?;
        if let Some(id) = resource::id(&answer.body) {
            return self.record(&id, &answer.body).map_err(|error| unknown(&call, &error.message));
        }
        // The body may be left out (RFC 7644 section 3.3); the location may not.
        let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
        let id = location.and_then(last_segment).ok_or_else(|| unknown(&call, "the answer names no new record"))?;
        Ok(TargetRecord {
            id,
            active: true,
            fields: Fields(fields.0.clone().into_iter().filter(|(_, value)| !value.is_null()).collect()),
        })
    }

    pub(crate) async fn update(&self, id: &str, changes: &Fields, active: Option<bool>) -> Result<(), ConnectorError> {
        if changes.0.is_empty() && active.is_none() {
            return Ok(());
        }
        let mut rules = Vec::with_capacity(changes.0.len());
        for (name, value) in &changes.0 {
            rules.push((self.rule(name)?, value));
        }
        if self.features().await?.patch {
            self.patch(id, &rules, active).await
        } else {
            self.replace(id, &rules, active).await
        }
    }

    pub(crate) async fn delete(&self, id: &str) -> Result<(), ConnectorError> {
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
        id: &str,
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
        id: &str,
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

    async fn existing(&self, id: &str) -> Result<Current, ConnectorError> {
        self.current(id).await?.ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::NotFound,
                reasons::TARGET_REJECTED,
                format!("{}/{{id}}: the record does not exist", self.route()),
            )
        })
    }

    async fn current(&self, id: &str) -> Result<Option<Current>, ConnectorError> {
        let call = self.call(HttpMethod::Get, Some(id), RequestPurpose::Read)?;
        let answer = match self.client.send(&call).await {
            Ok(answer) => answer,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let version = if self.features().await?.etag {
            let header = answer.headers.get(header::ETAG).and_then(|value| value.to_str().ok());
            let meta = JsonPath::from("meta.version");
            header.or_else(|| meta.find(&answer.body)?.as_str()).map(str::to_owned)
        } else {
            None
        };
        Ok(Some(Current { resource: answer.body, version }))
    }

    async fn list(&self, query: &[(&str, &str)], progress: Progress<'_>) -> Result<Listing, ConnectorError> {
        let most = self.features().await?.max_results.unwrap_or(self.stream.page_size);
        let spec = ListSpec {
            request: self.request(HttpMethod::Get, false),
            rows: "Resources".into(),
            paging: Paging::Offset {
                offset: "startIndex".to_owned(),
                first: 1,
                size: "count".to_owned(),
                page_size: self.stream.page_size.min(most),
                used_size: None,
            },
            total: Some("totalResults".into()),
        };
        let key = "id".into();
        let plan = Plan { spec: &spec, variables: &[], query, key: Some(&key), rows_optional: true };
        listing::read(self.client, &plan, progress).await
    }

    async fn features(&self) -> Result<&ServerFeatures, ConnectorError> {
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

    fn call(&self, method: HttpMethod, id: Option<&str>, purpose: RequestPurpose) -> Result<Call, ConnectorError> {
        let variables: Vec<(&str, &str)> = id.map(|id| ("id", id)).into_iter().collect();
        self.client.call(&self.request(method, id.is_some()), &variables, purpose)
    }

    fn record(&self, id: &str, document: &Value) -> Result<TargetRecord, ConnectorError> {
        resource::record(self.stream, id, document)
            .map_err(|unreadable| invalid(format!("{}: {}", self.route(), unreadable.message)))
    }

    fn rule(&self, field: &str) -> Result<&ScimValue, ConnectorError> {
        self.stream.values.get(field).ok_or_else(|| {
            ConnectorError::new(
                ErrorKind::Configuration,
                reasons::MAPPING_INVALID,
                format!("the target has no field {field}; correct the mapping"),
            )
        })
    }

    /// A filter that is refused is not offered; a list that does not exist is a wrong endpoint.
    fn of_a_filter(&self, error: ConnectorError) -> ConnectorError {
        match error.kind {
            ErrorKind::Unsupported => error,
            ErrorKind::Rejected => unsupported(format!("{}: the server refused the filter", self.route())),
            _ => error.of_a_list(),
        }
    }

    fn route(&self) -> String {
        format!("/{}", self.stream.resource)
    }
}

const fn body(value: Value) -> Body {
    Body::Json { media_type: MEDIA_TYPE, value }
}

fn unknown(call: &Call, what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::OutcomeUnknown, reasons::OUTCOME_UNKNOWN, format!("{}: {what}", call.route))
}

fn unsupported(message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unsupported, reasons::TARGET_REJECTED, message)
}

/// The identifier at the end of a location. The location itself is never requested: it may lead to another host.
fn last_segment(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?;
    let segment = path.trim_end_matches('/').rsplit('/').next().filter(|segment| !segment.is_empty())?;
    percent_encoding::percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
