//! HTTP to a port of a pod, forwarded by the API server: it works on every cluster, whatever its network is.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The longest an answer may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Pods that match, are running and are not being deleted.
pub(crate) async fn running_pods(client: &Client, namespace: &str, selector: &str) -> Vec<Pod> {
    let pods = Api::<Pod>::namespaced(client.clone(), namespace);
    let found = pods.list(&ListParams::default().labels(selector)).await.map(|list| list.items).unwrap_or_default();
    let running = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
    found.into_iter().filter(|pod| running(pod) && pod.metadata.deletion_timestamp.is_none()).collect()
}

/// One request to a pod's port; gives the body of a successful answer.
pub(crate) async fn request(
    client: &Client,
    pod: &Pod,
    port: u16,
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Result<String, String> {
    let exchange = Box::pin(exchange(client, pod, port, (method, path), body));
    let answer = tokio::time::timeout(LIMIT, exchange).await.map_err(|_| format!("{method} {path}: no answer"))??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{method} {path}: {answer}"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status.starts_with('2') { Ok(body.to_owned()) } else { Err(format!("{method} {path}: {status} {body}")) }
}

async fn exchange(
    client: &Client,
    pod: &Pod,
    port: u16,
    (method, path): (&str, &str),
    body: Option<&Value>,
) -> Result<String, String> {
    let text = |error: &dyn std::fmt::Display| format!("{method} {path}: {error}");
    let pods = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let mut forward = pods.portforward(&pod.name_any(), &[port]).await.map_err(|error| text(&error))?;
    let mut stream = forward.take_stream(port).ok_or_else(|| text(&"no stream"))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.map_err(|error| text(&error))?;
    stream.flush().await.map_err(|error| text(&error))?;
    let mut received = Vec::new();
    while !is_whole(&received) {
        let mut part = vec![0; 65_536];
        match stream.read(&mut part).await {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&part[..count]),
            Err(error) => return Err(text(&error)),
        }
    }
    Ok(String::from_utf8_lossy(&received).into_owned())
}

/// Whether all that the answer's head announces is there.
fn is_whole(received: &[u8]) -> bool {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let empty = head.starts_with("http/1.1 204");
    length.or(empty.then_some(0)).is_some_and(|length| received.len() >= end + 4 + length)
}
