//! The records of a setting, read from the service in the cluster. The only file that knows its client.

use std::time::Duration;

use super::cluster::Cluster;
use super::port_forward;
use super::problem::Problem;
use super::records_service::{self, RecordsArguments};
use crate::records::client::{RemoteRecords, TokenSource};
use crate::records::{Records, Scope};

/// How long a request is tried again: a person waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to the records of one setting. The connection lasts as long as the program.
pub(super) async fn open(
    cluster: &Cluster,
    arguments: &RecordsArguments,
    scope: Scope,
) -> Result<impl Records + use<>, Problem> {
    let access = records_service::find(cluster, arguments).await?;
    let pods = cluster.api_in(&access.namespace);
    let address = port_forward::listen(pods, &access.namespace, access.pod, access.port).await?;
    let url = format!("https://{}", access.server_name);
    let token = TokenSource::Static(access.token);
    let records = RemoteRecords::via(address, &url, token, access.ca_pem.as_bytes(), scope)?;
    Ok(records.with_patience(PATIENCE))
}
