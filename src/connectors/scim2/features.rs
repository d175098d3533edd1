//! What a SCIM server says it offers (RFC 7643 section 5).

use serde_json::Value;

use crate::connectors::http::Client;
use crate::connectors::{ConnectorError, ErrorKind};
use rollcall_engine::definitions::{JsonPath, Request, RequestPurpose};

/// The features that a provisioning client needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerFeatures {
    /// Single attributes can be changed; else whole resources are replaced.
    pub(super) patch: bool,
    /// Resources can be looked up.
    pub(super) filter: bool,
    /// Most resources in one answer.
    pub(super) max_results: Option<u64>,
    /// Changes can be made dependent on the version that was read.
    pub(super) etag: bool,
}

impl ServerFeatures {
    /// What is assumed of a server that does not say: the endpoint is optional in practice.
    const ASSUMED: Self = Self { patch: true, filter: true, max_results: None, etag: false };

    /// Asks the server.
    pub(super) async fn ask(client: &Client, endpoint: &str, rate_class: &str) -> Result<Self, ConnectorError> {
        let request = Request {
            endpoint: endpoint.to_owned(),
            path: "/ServiceProviderConfig".into(),
            rate_class: rate_class.to_owned(),
            ..Request::default()
        };
        let call = client.call(&request, &[], RequestPurpose::Read)?;
        match client.send(&call).await {
            Ok(answer) => Ok(Self::of(&answer.body)),
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Unsupported) => Ok(Self::ASSUMED),
            Err(error) => Err(error.of_a_list()),
        }
    }

    fn of(document: &Value) -> Self {
        let flag =
            |path: &str, assumed: bool| JsonPath::from(path).find(document).and_then(Value::as_bool).unwrap_or(assumed);
        Self {
            patch: flag("patch.supported", Self::ASSUMED.patch),
            filter: flag("filter.supported", Self::ASSUMED.filter),
            max_results: JsonPath::from("filter.maxResults")
                .find(document)
                .and_then(Value::as_u64)
                .filter(|most| *most > 0),
            etag: flag("etag.supported", Self::ASSUMED.etag),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_server_does_not_say_is_assumed() {
        assert_eq!(ServerFeatures::of(&json!({})), ServerFeatures::ASSUMED);
        let said = json!({"patch": {"supported": false}, "filter": {"supported": true, "maxResults": 50},
            "etag": {"supported": true}});
        let expected = ServerFeatures { patch: false, filter: true, max_results: Some(50), etag: true };
        assert_eq!(ServerFeatures::of(&said), expected);
    }
}
