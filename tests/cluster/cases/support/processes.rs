//! Ends a container as a node in trouble would: without a word.

use std::process::Command;

use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use kube::{Api, Client, ResourceExt};

/// SIGKILL to the processes of the pod's first container where they run on this machine; elsewhere the pod is deleted
/// without grace.
pub(crate) async fn kill(client: &Client, pod: &Pod) {
    if !std::env::var("ROLLCALL_TEST_OWN_CLUSTER").is_ok_and(|own| !own.is_empty()) {
        return remove(client, pod).await;
    }
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone()).unwrap_or_default();
    let id = statuses.first().and_then(|status| status.container_id.clone()).unwrap_or_default();
    let id = id.rsplit('/').next().filter(|id| !id.is_empty()).expect("the container has an id").to_owned();
    let processes = processes_of(&id);
    assert!(!processes.is_empty(), "no process of container {id} of pod {} on this machine", pod.name_any());
    for process in processes {
        assert!(Command::new("kill").args(["-9", &process]).status().unwrap().success(), "kill -9 {process}");
    }
}

/// Deletes the pod without grace.
pub(crate) async fn remove(client: &Client, pod: &Pod) {
    let pods = Api::<Pod>::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    pods.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await.unwrap();
}

/// Ids of processes whose control group is named after the container.
fn processes_of(container: &str) -> Vec<String> {
    let folders = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let numbers = folders.filter_map(|folder| folder.file_name().into_string().ok());
    numbers
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|name| {
            std::fs::read_to_string(format!("/proc/{name}/cgroup")).is_ok_and(|groups| groups.contains(container))
        })
        .collect()
}
