//! The two emulated vendors of a test: starting them, and their control API.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;
use serde_json::{Value, json};

use super::forward;
use super::tenant::{kubectl_apply, setting_of_environment};

const PERSONIO: (&str, u16) = ("app.kubernetes.io/name=personio-emulator", 18080);
const TRAVELPERK: (&str, u16) = ("app.kubernetes.io/name=travelperk-emulator", 18081);

/// Personio and TravelPerk, in a namespace of their own.
pub(crate) struct Vendors {
    client: Client,
    pub(crate) namespace: String,
}

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Vendor {
    Personio,
    TravelPerk,
}

impl Vendors {
    /// Starts both with so many people; `credentials` replace the emulators' own.
    pub(crate) async fn start(client: &Client, namespace: &str, people: u64, credentials: Option<[&str; 2]>) -> Self {
        let image = setting_of_environment("ROLLCALL_TEST_EMULATOR_IMAGE");
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/emulators.yaml");
        let mut manifest = std::fs::read_to_string(file).unwrap();
        manifest = manifest.replace("IMAGE", &image).replace("PEOPLE", &people.to_string());
        if let Some([secret, key]) = credentials {
            manifest = manifest
                .replace("args: [personio,", &format!("args: [personio, --client-secret, {secret},"))
                .replace("args: [travelperk,", &format!("args: [travelperk, --api-key, {key},"));
        }
        kubectl_apply(namespace, &manifest);
        let vendors = Self { client: client.clone(), namespace: namespace.to_owned() };
        vendors.state(Vendor::Personio).await;
        vendors.state(Vendor::TravelPerk).await;
        vendors
    }

    /// `GET /_emulator/state`.
    pub(crate) async fn state(&self, vendor: Vendor) -> Value {
        self.ask(vendor, ("GET", "/_emulator/state"), None).await
    }

    /// People in Personio who work there.
    pub(crate) async fn active_people(&self) -> i64 {
        self.state(Vendor::Personio).await["people"]["active"].as_i64().unwrap()
    }

    /// An operation on people; gives the ids and what was done to them.
    pub(crate) async fn people(&self, operation: Value) -> Vec<(String, String)> {
        let answer = self.ask(Vendor::Personio, ("POST", "/_emulator/people"), Some(&operation)).await;
        let changes = answer["changes"].as_array().cloned().unwrap_or_default();
        changes.iter().map(|one| (one["id"].to_string(), one["what"].as_str().unwrap().to_owned())).collect()
    }

    /// So many people who work there join; gives their ids. (Some of the emulator's sequence have left before they come.)
    pub(crate) async fn join(&self, count: usize) -> BTreeSet<String> {
        let mut joined = BTreeSet::new();
        while joined.len() < count {
            let before = self.active_people().await;
            let (id, _) = self.people(json!({ "op": "join", "count": 1 })).await.remove(0);
            if self.active_people().await > before {
                joined.insert(id);
            }
        }
        joined
    }

    /// All accounts in TravelPerk.
    pub(crate) async fn accounts(&self) -> Vec<Value> {
        let answer = self.ask(Vendor::TravelPerk, ("GET", "/_emulator/users"), None).await;
        answer["users"].as_array().unwrap().clone()
    }

    /// Accounts that are open, by the person's id; fails when two accounts claim one person.
    pub(crate) async fn open_accounts(&self) -> BTreeSet<String> {
        let accounts = self.accounts().await;
        let ids: Vec<_> = accounts.iter().filter_map(|one| one["externalId"].as_str().map(str::to_owned)).collect();
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        assert_eq!((ids.len(), distinct.len()), (accounts.len(), ids.len()), "one account for each person");
        let open = accounts.iter().filter(|one| one["active"] != json!(false));
        open.filter_map(|one| one["externalId"].as_str().map(str::to_owned)).collect()
    }

    /// How many writes TravelPerk has seen since the last reset.
    pub(crate) async fn writes_seen(&self) -> u64 {
        self.state(Vendor::TravelPerk).await["writes_total"].as_u64().unwrap()
    }

    /// Those writes as method and the person they are about (or the route, where it is no person).
    pub(crate) async fn writes(&self) -> BTreeMap<(String, String), u64> {
        let accounts = self.accounts().await;
        let person = |id: &str| accounts.iter().find(|one| one["id"] == id)?["externalId"].as_str().map(str::to_owned);
        let state = self.state(Vendor::TravelPerk).await;
        let mut all = BTreeMap::new();
        for write in state["writes"].as_array().unwrap() {
            let target = write["target"].as_str().unwrap();
            let of_target = target.split_once("/Users/").and_then(|(_, id)| person(id));
            let of_body = write["body"]["externalId"].as_str().map(str::to_owned);
            let about = of_target.or(of_body).unwrap_or_else(|| target.to_owned());
            *all.entry((write["method"].as_str().unwrap().to_owned(), about)).or_default() += 1;
        }
        all
    }

    /// Forgets the writes seen so far.
    pub(crate) async fn reset(&self) {
        self.ask(Vendor::TravelPerk, ("POST", "/_emulator/reset-counters"), None).await;
    }

    /// Lets something go wrong.
    pub(crate) async fn fault(&self, vendor: Vendor, fault: Value) {
        self.ask(vendor, ("POST", "/_emulator/faults"), Some(&fault)).await;
    }

    /// Every request to TravelPerk takes so long.
    pub(crate) async fn slow_down(&self, milliseconds: u64) {
        let fault = json!({ "method": "POST", "kind": { "delay": { "ms": milliseconds } } });
        self.fault(Vendor::TravelPerk, fault).await;
    }

    async fn ask(&self, vendor: Vendor, (method, path): (&str, &str), body: Option<&Value>) -> Value {
        let (selector, port) = match vendor {
            Vendor::Personio => PERSONIO,
            Vendor::TravelPerk => TRAVELPERK,
        };
        let what = format!("{method} {path} of {vendor:?} in {}", self.namespace);
        // Only a forward that was never made is repeated: a change must not happen twice.
        let pod = Box::pin(super::eventually(60, &what, async || {
            let pod = forward::running_pods(&self.client, &self.namespace, selector).await.into_iter().next()?;
            let state = forward::request(&self.client, &pod, port, ("GET", "/_emulator/state"), None).await;
            state.ok().map(|_| pod)
        }))
        .await;
        let answer = Box::pin(forward::request(&self.client, &pod, port, (method, path), body)).await;
        let answer = answer.unwrap_or_else(|error| panic!("{what}: {error}"));
        if answer.is_empty() { Value::Null } else { serde_json::from_str(&answer).unwrap() }
    }
}
