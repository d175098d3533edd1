//! The lists that give names to the ids in employments.

use super::super::people::Item;
use super::paging::Page;
use super::problem::Problem;
use super::{App, SCOPE_COST_CENTERS, SCOPE_LEGAL_ENTITIES, SCOPE_ORG_UNITS, SCOPE_WORKPLACES};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

type Answer = Result<Json<Value>, Problem>;

/// Cost centres and workplaces are beta: without the header they do not seem to exist.
fn beta(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get("beta").and_then(|value| value.to_str().ok());
    if value.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        Ok(())
    } else {
        Err(Problem::not_found("no such path"))
    }
}

fn named(item: &Item) -> Value {
    json!({ "id": item.id.to_string(), "name": item.name })
}

fn unit(item: &Item) -> Value {
    json!({
        "id": item.id.to_string(),
        "type": if item.parent.is_some() { "team" } else { "department" },
        "name": item.name,
        "parent": item.parent.map(|id| json!({ "id": id.to_string() })),
    })
}

fn list(headers: &HeaderMap, query: Option<&str>, path: &str, items: &[Item], render: fn(&Item) -> Value) -> Answer {
    let page = Page::read(query, &["id"])?;
    let wanted = page.filters.iter().flat_map(|(_, ids)| ids.split(',')).collect::<Vec<_>>();
    let rows = items
        .iter()
        .filter(|item| wanted.is_empty() || wanted.contains(&item.id.to_string().as_str()))
        .map(|item| (item.id, item));
    Ok(Json(page.cut(headers, path, rows, render)))
}

fn one(id: &str, items: &[Item], render: fn(&Item) -> Value) -> Answer {
    let item = items.iter().find(|item| item.id.to_string() == id);
    item.map(|item| Json(render(item))).ok_or_else(|| Problem::not_found(format!("no id {id}")))
}

/// `GET /v2/cost-centers`
pub async fn cost_centers(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    beta(&headers)?;
    let state = app.state();
    state.authorize(&headers, SCOPE_COST_CENTERS)?;
    let items = &state.people.catalogue.cost_centers;
    list(&headers, query.as_deref(), "/v2/cost-centers", items, named)
}

/// `GET /v2/workplaces`
pub async fn workplaces(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    beta(&headers)?;
    let state = app.state();
    state.authorize(&headers, SCOPE_WORKPLACES)?;
    list(&headers, query.as_deref(), "/v2/workplaces", &state.people.catalogue.offices, named)
}

/// Departments and teams in one list, by ascending id.
fn units(catalogue: &super::super::people::Catalogue) -> Vec<Item> {
    catalogue.departments.iter().chain(&catalogue.teams).cloned().collect()
}

/// `GET /v2/org-units`
pub async fn org_units(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize(&headers, SCOPE_ORG_UNITS)?;
    let units = units(&state.people.catalogue);
    list(&headers, query.as_deref(), "/v2/org-units", &units, unit)
}

/// `GET /v2/org-units/{id}`
pub async fn org_unit(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize(&headers, SCOPE_ORG_UNITS)?;
    one(&id, &units(&state.people.catalogue), unit)
}

/// `GET /v2/legal-entities`
pub async fn legal_entities(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize(&headers, SCOPE_LEGAL_ENTITIES)?;
    let items = &state.people.catalogue.legal_entities;
    list(&headers, query.as_deref(), "/v2/legal-entities", items, named)
}

/// `GET /v2/legal-entities/{id}`
pub async fn legal_entity(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let state = app.state();
    state.authorize(&headers, SCOPE_LEGAL_ENTITIES)?;
    one(&id, &state.people.catalogue.legal_entities, named)
}
