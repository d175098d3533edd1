//! TravelPerk over HTTP.

use super::{client, send};
use reqwest::{Client, Method};
use rollcall_emulators::travelperk::{ENTERPRISE, TRAVELPERK};
use rollcall_emulators::{People, TravelPerkEmulator, TravelPerkOptions};
use serde_json::{Value, json};

struct Session {
    emulator: TravelPerkEmulator,
    client: Client,
}

impl Session {
    async fn start() -> Self {
        Self::with(TravelPerkOptions::default()).await
    }

    async fn with(options: TravelPerkOptions) -> Self {
        Self { emulator: TravelPerkEmulator::start(options).await, client: client() }
    }

    async fn scim(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.emulator.scim_url());
        let request = self.client.request(method, url).bearer_auth("demo-key");
        send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn rest(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.emulator.base_url());
        let request = self.client.request(method, url).header("Api-Version", "1");
        send(request.header("Authorization", "ApiKey demo-key").json(&body)).await
    }

    async fn create(&self, name: &str, more: Value) -> (u16, Value) {
        let mut user = json!({
            "userName": format!("{name}@example.test"),
            "externalId": name,
            "name": { "givenName": name, "familyName": "Moore" },
        });
        let more = more.as_object().cloned().unwrap_or_default();
        user.as_object_mut().unwrap().extend(more);
        self.scim(Method::POST, "/Users", Some(user)).await
    }

    async fn patch(&self, id: u64, operations: Value) -> (u16, Value) {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        });
        self.scim(Method::PATCH, &format!("/Users/{id}"), Some(body)).await
    }
}

#[tokio::test]
async fn creates_and_lookups() {
    let session = Session::start().await;
    let (status, ada) = session.create("Ada", json!({})).await;
    assert_eq!((status, &ada["id"], &ada["active"]), (201, &json!("1"), &json!(true)));
    assert!(ada["meta"]["location"].as_str().unwrap().starts_with("https://app.travelperk."));
    let (status, error) = session.create("ADA", json!({})).await;
    assert_eq!((status, &error["scimType"]), (409, &json!("uniqueness")));
    let lookup = |filter: &str| {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        format!("/Users?filter={query}")
    };
    let get = |path: String| {
        let session = &session;
        async move { session.scim(Method::GET, &path, None).await }
    };
    assert_eq!(get(lookup("userName eq \"ADA@example.test\"")).await.1["totalResults"], 1);
    assert_eq!(
        get(lookup("userName eq \"x\"")).await,
        (
            200,
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": 0, "itemsPerPage": 0, "startIndex": 1, "Resources": [],
            })
        )
    );
    assert_eq!(get(lookup("externalId eq \"Ada\"")).await.1["totalResults"], 1);
    assert_eq!(get(lookup("externalId eq \"ada\"")).await.1["totalResults"], 0);
    session.emulator.state().options.filter_external_id = false;
    let (status, error) = get(lookup("externalId eq \"Ada\"")).await;
    assert_eq!((status, &error["scimType"]), (400, &json!("invalidFilter")));
    assert_eq!(get(lookup("title eq \"x\"")).await.0, 400);
    assert_eq!(get("/Bulk".to_owned()).await.0, 404);
    let url = format!("{}/Users", session.emulator.scim_url());
    assert_eq!(send(session.client.get(url)).await.0, 401);
}

#[tokio::test]
async fn values_are_checked() {
    let session = Session::start().await;
    let travel = |fields: Value| json!({ TRAVELPERK: fields });
    for (name, fields) in [
        ("a", travel(json!({ "gender": "X" }))),
        ("b", travel(json!({ "dateOfBirth": "1990-13-01" }))),
        ("c", json!({ "preferredLanguage": "pl" })),
        ("d", json!({ ENTERPRISE: { "manager": { "value": "77" } } })),
        ("e", json!({ "active": "maybe" })),
        ("f", json!({ "name": { "givenName": "A" } })),
    ] {
        let (status, error) = session.create(name, fields).await;
        assert_eq!((status, &error["scimType"]), (400, &json!("invalidValue")), "{name}");
    }
    let fields = json!({
        "dateOfBirth": "1990/02/11",
        "gender": "F",
        "invoiceProfiles": [{ "value": "example ltd" }],
    });
    let (status, user) = session.create("g", travel(fields)).await;
    assert_eq!(status, 201);
    assert_eq!(user[TRAVELPERK]["dateOfBirth"], "1990-02-11");
    assert_eq!(user[TRAVELPERK]["invoiceProfiles"][0]["value"], "Example GmbH", "default");
}

#[tokio::test]
async fn patches() {
    let session = Session::start().await;
    session.create("Ada", json!({})).await;
    session.create("Bo", json!({ "title": "Buyer" })).await;
    let manager = format!("{ENTERPRISE}:manager");
    let (status, bo) = session
        .patch(
            2,
            json!([
                { "op": "replace", "path": "active", "value": false },
                { "op": "Replace", "path": manager, "value": { "value": "1" } },
                { "op": "add", "value": {
                    "name.familyName": "Zhu",
                    TRAVELPERK: { "gender": "M" },
                    "phoneNumbers": [{ "type": "work", "value": "1" }],
                } },
                { "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "2" },
                { "op": "remove", "path": "title" },
            ]),
        )
        .await;
    assert_eq!((status, &bo["active"], bo.get("title")), (200, &json!(false), None));
    assert_eq!(bo[ENTERPRISE]["manager"]["displayName"], "Ada Moore");
    assert_eq!(bo["name"], json!({ "givenName": "Bo", "familyName": "Zhu" }));
    assert_eq!(bo["phoneNumbers"], json!([{ "value": "2", "type": "work" }]));
    assert_eq!(bo[TRAVELPERK]["gender"], "M");
    for (kind, operation) in [
        ("invalidPath", json!({ "op": "replace", "path": "shoeSize", "value": 1 })),
        ("mutability", json!({ "op": "remove", "path": "userName" })),
        ("mutability", json!({ "op": "add", "path": "groups", "value": [] })),
        ("noTarget", json!({ "op": "remove" })),
        ("invalidValue", json!({ "op": "replace", "path": "title", "value": 3 })),
        ("uniqueness", json!({ "op": "replace", "path": "userName", "value": "ada@example.test" })),
    ] {
        let first = json!({ "op": "replace", "path": "title", "value": "changed" });
        let (_, error) = session.patch(2, json!([first, operation])).await;
        assert_eq!(error["scimType"], kind);
        assert_eq!(session.emulator.state().account(2).unwrap().fields.get("title"), None);
    }
    session.emulator.state().options.patch_no_content = true;
    let operation = json!([{ "op": "remove", "path": manager }]);
    assert_eq!(session.patch(2, operation).await, (204, Value::Null));
    assert_eq!(session.emulator.state().account(2).unwrap().manager(), None);
    assert_eq!(session.scim(Method::DELETE, "/Users/2", None).await.0, 204);
    assert_eq!(session.scim(Method::GET, "/Users/2", None).await.0, 404);
}

#[tokio::test]
async fn replaces_and_pages() {
    let session = Session::start().await;
    session.create("Ada", json!({ "title": "Engineer", "active": false })).await;
    let user = json!({
        "userName": "ada@example.test",
        "name": { "givenName": "Ada", "familyName": "Moore" },
    });
    let (status, ada) = session.scim(Method::PUT, "/Users/1", Some(user)).await;
    assert_eq!((status, ada.get("title"), &ada["active"]), (200, None, &json!(true)));
    session.emulator.state().adopt(&People::generate(7, 60), 60);
    let (_, all) = session.scim(Method::GET, "/Users?count=500", None).await;
    assert_eq!((&all["itemsPerPage"], &all["totalResults"]), (&json!(50), &json!(61)));
    let (_, rest) = session.scim(Method::GET, "/Users?startIndex=51&attributes=userName", None).await;
    assert_eq!(rest["itemsPerPage"], 11);
    assert_eq!(rest["Resources"][0].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn cost_centers() {
    let session = Session::start().await;
    let url = format!("{}/cost_centers", session.emulator.base_url());
    let request = session.client.get(&url).header("Authorization", "ApiKey demo-key");
    assert_eq!(send(request).await.0, 400, "no Api-Version");
    let request = session.client.get(&url).bearer_auth("demo-key").header("Api-Version", "1");
    assert_eq!(send(request).await.0, 401, "no bearer tokens here");
    let name = json!({ "name": "Marketing" });
    let (status, made) = session.rest(Method::POST, "/cost_centers", name.clone()).await;
    assert_eq!((status, &made["id"]), (201, &json!(1)));
    assert_eq!(session.rest(Method::POST, "/cost_centers", name).await.0, 409);
    session.create("a", json!({ ENTERPRISE: { "costCenter": "Marketing" } })).await;
    session.create("b", json!({})).await;
    let (_, list) = session.rest(Method::GET, "/cost_centers", json!({})).await;
    assert_eq!(list["cost_centers"][0]["count_users"], 1);
    let users = json!({ "user_ids": [2] });
    let (_, center) = session.rest(Method::PUT, "/cost_centers/1/users", users).await;
    assert_eq!((&center["count_users"], &center["users"][0]["id"]), (&json!(1), &json!(2)));
    assert_eq!(session.emulator.state().account(1).unwrap().cost_center(), None);
    let bulk = json!({ "id_list": [1, 9], "archive": true });
    let (_, updated) = session.rest(Method::PATCH, "/cost_centers/bulk_update", bulk).await;
    assert_eq!(updated["updated_count"], 1);
    let rename = json!({ "name": "Brand", "archive": false });
    let (_, center) = session.rest(Method::PATCH, "/cost_centers/1", rename).await;
    assert_eq!((&center["archived"], &center["count_users"]), (&json!(false), &json!(1)));
}

#[tokio::test]
async fn changes_by_hand() {
    let session = Session::start().await;
    session.create("Ada", json!({})).await;
    let url = format!("{}/_emulator/users", session.emulator.base_url());
    let edit = json!({ "op": "edit", "id": 1, "set": { "title": "Boss" } });
    assert_eq!(send(session.client.post(&url).json(&edit)).await.0, 200);
    let (_, dump) = send(session.client.get(&url)).await;
    assert_eq!(dump["users"][0]["title"], "Boss");
}

#[tokio::test]
async fn a_server_that_ignores_filters_gives_everybody() {
    let session = Session::with(TravelPerkOptions { ignore_filters: true, ..TravelPerkOptions::default() }).await;
    session.create("Ada", json!({})).await;
    session.create("Ben", json!({})).await;
    for filter in ["userName%20eq%20%22nobody%22", "title%20eq%20%22x%22", "nonsense"] {
        let (status, all) = session.scim(Method::GET, &format!("/Users?filter={filter}"), None).await;
        assert_eq!((status, &all["totalResults"]), (200, &json!(2)));
    }
}

#[tokio::test]
async fn ids_begin_where_the_tenant_wants_them_to() {
    let session = Session::with(TravelPerkOptions { first_id: 100_001, ..TravelPerkOptions::default() }).await;
    assert_eq!(session.create("Ada", json!({})).await.1["id"], People::id_of(1).to_string());
    assert_eq!(session.rest(Method::POST, "/cost_centers", json!({ "name": "A" })).await.1["id"], 100_001);
}

#[tokio::test]
async fn an_attribute_of_a_wrong_type_is_delivered_and_the_account_stays_writable() {
    let session = Session::start().await;
    session.create("Ada", json!({ "title": "Engineer" })).await;
    let wrong = json!({ "title": 3, "active": "true", "name": null, ENTERPRISE: ["x"] });
    session.emulator.state().misdeliver(1, wrong.as_object().cloned().unwrap());
    let (_, ada) = session.scim(Method::GET, "/Users/1", None).await;
    assert_eq!((&ada["title"], &ada["active"], ada.get("name")), (&json!(3), &json!("true"), None));
    assert_eq!(ada[ENTERPRISE], json!(["x"]));
    let (_, list) = session.scim(Method::GET, "/Users", None).await;
    assert_eq!(list["Resources"][0]["title"], 3);
    assert_eq!(session.patch(1, json!([{ "op": "replace", "path": "active", "value": false }])).await.0, 200);
    session.emulator.state().misdeliver(1, Default::default());
    let (_, ada) = session.scim(Method::GET, "/Users/1", None).await;
    assert_eq!((&ada["title"], &ada["active"]), (&json!("Engineer"), &json!(false)));
}

#[tokio::test]
async fn an_administrator_suspends_an_account_and_exchanges_two_logins() {
    let session = Session::start().await;
    session.create("Ada", json!({ "title": "Engineer" })).await;
    session.create("Ben", json!({})).await;
    {
        let mut state = session.emulator.state();
        assert!(state.suspend(1) && state.swap_user_names(1, 2));
        assert!(!state.suspend(3) && !state.swap_user_names(1, 3));
    }
    let (_, ada) = session.scim(Method::GET, "/Users/1", None).await;
    assert_eq!((&ada["active"], &ada["title"]), (&json!(false), &json!("Engineer")));
    assert_eq!((&ada["userName"], &ada["externalId"]), (&json!("Ben@example.test"), &json!("Ada")));
    assert_eq!(session.scim(Method::GET, "/Users/2", None).await.1["userName"], "Ada@example.test");
}
