//! The connectors and the definitions against emulators of the vendors, which share no code with them.

use std::sync::Arc;

use rollcall_emulators::{
    People, PeopleOptions, PersonioEmulator, PersonioOptions, TravelPerkEmulator, TravelPerkOptions,
};
use serde_json::json;

use super::testing::{Server, fields, names};
use super::{Found, Known, System, Thoroughness, factory};
use rollcall_engine::definitions::catalogue;
use rollcall_engine::model::ReadProof;
use rollcall_engine::names::{FieldName, RowId, StreamName};

fn system(server: &Server, vendor: &str, endpoints: &[(&str, String)], secret: &[(&str, &str)]) -> Arc<dyn System> {
    let mut config = server.config(vendor);
    config.endpoints = endpoints.iter().map(|(name, url)| ((*name).to_owned(), url.clone())).collect();
    config.credentials = secret.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into())).collect();
    factory::system(config).unwrap()
}

/// Names of all fields of a stream that can be read.
fn everything(vendor: &str, stream: &str) -> Vec<FieldName> {
    let schema = &catalogue::find(vendor).unwrap().streams()[stream];
    let fields = schema.fields.iter().filter(|(_, field)| field.unsupported.is_none());
    fields.map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn everybody_in_personio_is_read_whole_with_every_field_and_found_again_by_identifier() {
    let options = PeopleOptions { seed: 7, count: 120, ..PeopleOptions::default() };
    let personio = PersonioEmulator::start(People::with(options), PersonioOptions::default()).await;
    let server = Server::start().await;
    let secret = [("clientId", "demo-client"), ("clientSecret", "demo-secret")];
    let system = system(&server, "personio-v2", &[("api", personio.base_url())], &secret);
    let (people, wanted) = (StreamName::from("people"), everything("personio-v2", "people"));
    let read = system.read(&people, &wanted, Thoroughness::Proven, &|_, _| {}).await.unwrap();
    assert_eq!((read.rows.len(), read.proof, read.pages), (120, ReadProof::TwoAgreeingReads, 6));
    for row in &read.rows {
        assert_eq!(row.fault, None);
        assert!(["status", "employment.status", "employment.office"].iter().all(|name| row.values().contains(name)));
    }
    assert!(read.rows.iter().any(|row| !row.values().contains("employment.supervisorId")), "somebody leads everybody");

    let ids: Vec<RowId> = read.rows.iter().map(|row| row.id.clone()).chain([RowId::from("999999")]).collect();
    let mut known = system.get(&people, &ids, &wanted).await.unwrap();
    assert_eq!(known.remove("999999"), Some(Known::Absent));
    assert_eq!(known.len(), 120);
    assert!(known.values().all(|known| matches!(known, Known::Present(row) if read.rows.contains(row))));
}

#[tokio::test]
async fn people_and_cost_centres_of_travelperk_are_written_and_read_back() {
    let travelperk = TravelPerkEmulator::start(TravelPerkOptions::default()).await;
    let server = Server::start().await;
    let endpoints = [("scim", travelperk.scim_url()), ("rest", travelperk.base_url())];
    let system = system(&server, "travelperk", &endpoints, &[("apiKey", "demo-key")]);
    let (people, centres) = (StreamName::from("people"), StreamName::from("costCentres"));
    let sales = system.create(&centres, &fields(&[("name", json!("Sales"))]), None).await.unwrap();
    assert_eq!(system.find(&centres, &"name".into(), "Sales", &[]).await.unwrap(), Found::Rows(vec![sales]));

    let ada = fields(&[
        ("userName", json!("ada@example.test")),
        ("givenName", json!("Ada")),
        ("familyName", json!("Moore")),
        ("costCenter", json!("Sales")),
    ]);
    let created = system.create(&people, &ada, None).await.unwrap();
    for active in [false, true] {
        system.update(&people, &created.id, &fields(&[("title", json!("Engineer"))]), Some(active)).await.unwrap();
        let wanted = names(&["userName", "title", "costCenter"]);
        let read = system.read(&people, &wanted, Thoroughness::Proven, &|_, _| {}).await.unwrap();
        assert_eq!((read.rows.len(), read.proof), (1, ReadProof::DeclaredTotal));
        let row = &read.rows[0];
        let expected = fields(&[
            ("userName", json!("ada@example.test")),
            ("title", json!("Engineer")),
            ("costCenter", json!("Sales")),
        ]);
        assert_eq!((row.active, row.values(), &row.fault), (active, &expected, &None));
        let found = system.find(&people, &"userName".into(), "ADA@example.test", &wanted).await.unwrap();
        assert_eq!(found, Found::Rows(read.rows));
    }
    system.delete(&people, &created.id).await.unwrap();
    let known = system.get(&people, std::slice::from_ref(&created.id), &[]).await.unwrap();
    assert_eq!(known[&created.id], Known::Absent);
}
