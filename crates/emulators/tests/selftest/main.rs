//! Tests of the emulators themselves: that they behave, and misbehave, as the vendors do.
#![allow(missing_docs, unreachable_pub, clippy::pedantic, reason = "tests: names are sentences")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::doc_markdown, reason = "TravelPerk is a name, not code")]

mod faults;
mod generic;
mod pauses;
mod people;
mod personio;
mod travelperk;

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

/// A client without a connection pool that would retry on its own.
pub(crate) fn client() -> Client {
    // A second installation in the same process is refused, which is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap()
}

/// Status and JSON body; `Null` when there is none.
pub(crate) async fn send(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}
