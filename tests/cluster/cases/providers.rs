//! Systems on their way to Ready.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use rollcall_api::labels::PROBE_REQUESTED_AT;
use rollcall_api::reasons;
use rollcall_api::v1alpha1::ProviderPhase;
use serde_json::json;

use super::support::tenant::{Setup, with_tenant};
use super::support::{holds, manifests, yaml};

#[tokio::test]
async fn a_provider_without_its_secret_names_the_key_and_is_ready_once_it_is_there() {
    with_tenant("secret", Setup::default(), async |tenant| {
        let personio = manifests::providers(&tenant.vendors.namespace).remove(0);
        tenant.providers().create(&PostParams::default(), &personio).await.unwrap();
        let broken = tenant.await_provider("personio", ProviderPhase::Error).await;
        let conditions = &broken.status.as_ref().unwrap().conditions;
        let (reason, message) = holds(conditions, "Stalled").unwrap_or_else(|| panic!("{}", yaml(&broken)));
        assert_eq!(reason, reasons::CREDENTIALS_MISSING);
        assert!(message.contains("clientId"), "{message}");

        let secrets = Api::<Secret>::namespaced(tenant.client.clone(), &tenant.namespace);
        let secret = manifests::secrets(manifests::DEMO_CREDENTIALS).remove(0);
        secrets.create(&PostParams::default(), &secret).await.unwrap();
        let ask = json!({ "metadata": { "annotations": { PROBE_REQUESTED_AT: "the secret is there" } } });
        tenant.providers().patch("personio", &PatchParams::default(), &Patch::Merge(&ask)).await.unwrap();
        let ready = tenant.await_provider("personio", ProviderPhase::Ready).await;
        let status = ready.status.unwrap();
        assert!(holds(&status.conditions, "Stalled").is_none());
        assert_eq!(status.last_handled_probe_request.as_deref(), Some("the secret is there"));
    })
    .await;
}
