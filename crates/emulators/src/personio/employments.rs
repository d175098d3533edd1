//! `GET /v2/persons/{id}/employments` and one of them.

use super::super::common::base_url;
use super::super::people::{Employment, EmploymentStatus, EmploymentType, Person};
use super::paging::Page;
use super::persons::{find, time};
use super::problem::Problem;
use super::{App, PersonioOptions, SCOPE_PERSONS, TerminationKey, without};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

const FILTERS: [&str; 4] = ["id", "updated_at", "updated_at.gt", "updated_at.lt"];

/// A person's employments, the newest first, past ones included.
pub async fn list(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let state = app.state();
    state.authorize(&headers, SCOPE_PERSONS)?;
    let page = Page::read(query.as_deref(), &FILTERS)?;
    let person = find(&state.people, &id)?;
    let mut wanted = Vec::new();
    for employment in &person.employments {
        if accepts(employment, &page.filters)? {
            wanted.push(employment);
        }
    }
    let path = format!("/v2/persons/{id}/employments");
    let rows = (1..).zip(wanted);
    Ok(Json(page.cut(&headers, &path, rows, |row| render(person, row, &state.options, &headers))))
}

/// One employment of a person.
pub async fn one(
    State(app): State<Arc<App>>,
    Path((id, employment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let state = app.state();
    state.authorize(&headers, SCOPE_PERSONS)?;
    let person = find(&state.people, &id)?;
    let found = person.employments.iter().find(|candidate| candidate.id == employment);
    let found = found.ok_or_else(|| Problem::not_found("no such employment"))?;
    Ok(Json(render(person, found, &state.options, &headers)))
}

fn accepts(employment: &Employment, filters: &[(String, String)]) -> Result<bool, Problem> {
    for (name, value) in filters {
        let fits = match name.as_str() {
            "id" => value.split(',').any(|id| id == employment.id),
            "updated_at.gt" => employment.updated_at > time(value)?,
            "updated_at.lt" => employment.updated_at < time(value)?,
            _ => employment.updated_at == time(value)?,
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

fn reference(id: u64) -> Value {
    json!({ "id": id.to_string() })
}

fn status(status: EmploymentStatus) -> &'static str {
    match status {
        EmploymentStatus::Active => "ACTIVE",
        EmploymentStatus::Inactive => "INACTIVE",
        EmploymentStatus::Onboarding => "ONBOARDING",
        EmploymentStatus::Leave => "LEAVE",
    }
}

fn termination(person: &Person, employment: &Employment, key: TerminationKey) -> Value {
    let Some(end) = &employment.termination else {
        return Value::Null;
    };
    let mut rendered = json!({
        "termination_date": end.date,
        "terminated_at": employment.updated_at,
        "type": end.kind,
        "reason": null,
    });
    rendered[key.key(person.id)] = json!(end.last_working_day);
    rendered
}

fn render(person: &Person, employment: &Employment, options: &PersonioOptions, headers: &HeaderMap) -> Value {
    let cost_centers: Vec<Value> =
        employment.cost_centers.iter().map(|(id, weight)| json!({ "id": id.to_string(), "weight": weight })).collect();
    let kind = match employment.kind {
        EmploymentType::Internal => "INTERNAL",
        EmploymentType::External => "EXTERNAL",
    };
    let own = format!("{}/v2/persons/{}", base_url(headers), person.id);
    let rendered = json!({
        "id": employment.id,
        "status": status(employment.status),
        "weekly_working_hours": employment.weekly_hours,
        "full_time_weekly_working_hours": 40,
        "probation_end_date": null,
        "employment_start_date": employment.start,
        "employment_end_date": employment.end,
        "type": kind,
        "contract_end_date": null,
        "created_at": employment.created_at,
        "updated_at": employment.updated_at,
        "position": { "title": employment.position },
        "supervisor": employment.supervisor.map(reference),
        // Everything below is ids only; the names come from the lists of their own.
        "office": reference(employment.office),
        "legal_entity": reference(employment.legal_entity),
        "sub_company": reference(employment.legal_entity),
        "org_units": [
            { "type": "department", "id": employment.department.to_string() },
            { "type": "team", "id": employment.team.to_string() },
        ],
        "cost_centers": cost_centers,
        "person": reference(person.id),
        "termination": termination(person, employment, options.termination_key),
        "_meta": { "links": {
            "self": { "href": format!("{own}/employments/{}", employment.id) },
            "person": { "href": own },
        } },
    });
    without(rendered, &options.omit_from_employments)
}
