//! A port of a pod on this machine's loopback interface, by way of the API server.

use std::net::{Ipv4Addr, SocketAddr};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::net::{TcpListener, TcpStream};

use super::super::output;
use super::problem::{Problem, failed};

/// Listens on a free loopback port and relays each connection to a stream of its own. It lasts as long as the program.
/// What passes is TLS from end to end, so that other users of this machine gain nothing by connecting.
pub(super) async fn listen(pods: Api<Pod>, namespace: &str, pod: String, port: u16) -> Result<SocketAddr, Problem> {
    // One stream now, so that a missing right is reported as such and not as a broken connection later.
    open(&pods, namespace, &pod, port).await?.abort();
    let unavailable = |error: std::io::Error| Problem::RecordsService(format!("no loopback port is free: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let namespace = namespace.to_owned();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (pods, namespace, pod) = (pods.clone(), namespace.clone(), pod.clone());
            tokio::spawn(async move {
                if let Err(problem) = relay(&pods, &namespace, &pod, port, connection).await {
                    output::note(&format!("port-forward to pod {pod}: {problem}"));
                }
            });
        }
    });
    Ok(address)
}

async fn open(pods: &Api<Pod>, namespace: &str, pod: &str, port: u16) -> Result<kube::api::Portforwarder, Problem> {
    pods.portforward(pod, &[port]).await.map_err(|error| match failed::<Pod>("create", Some(namespace), &error) {
        // The right belongs to the subresource.
        Problem::Forbidden { verb, place, message, .. } => {
            Problem::Forbidden { verb, resource: "pods/portforward".into(), place, message }
        }
        Problem::Unreachable(message) => Problem::RecordsService(format!("no port-forward to pod {pod}: {message}")),
        other => other,
    })
}

async fn relay(
    pods: &Api<Pod>,
    namespace: &str,
    pod: &str,
    port: u16,
    mut connection: TcpStream,
) -> Result<(), Problem> {
    let mut forwarder = open(pods, namespace, pod, port).await?;
    let refused = forwarder.take_error(port);
    let Some(mut stream) = forwarder.take_stream(port) else { return Ok(()) };
    // Either side may close first; what the client then sees is its own to report.
    let _ = tokio::io::copy_bidirectional(&mut connection, &mut stream).await;
    drop(stream);
    forwarder.abort();
    match refused {
        Some(refused) => match refused.await {
            Some(message) => Err(Problem::RecordsService(message)),
            None => Ok(()),
        },
        None => Ok(()),
    }
}
