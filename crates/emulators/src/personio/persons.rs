//! `GET /v2/persons` and `GET /v2/persons/{id}`.

use super::super::common::base_url;
use super::super::people::{Gender, Person};
use super::paging::Page;
use super::problem::Problem;
use super::{App, PersonioOptions, SCOPE_PERSONS, without};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const FILTERS: [&str; 12] = [
    "id",
    "email",
    "first_name",
    "last_name",
    "preferred_name",
    "created_at",
    "created_at.gt",
    "created_at.lt",
    "updated_at",
    "updated_at.gt",
    "updated_at.lt",
    "status",
];

/// A page of people, leavers included.
pub async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let state = app.state();
    state.authorize(&headers, SCOPE_PERSONS)?;
    let page = Page::read(query.as_deref(), &FILTERS)?;
    let filters = Filter::read_all(&page.filters)?;
    let rows = state
        .people
        .iter()
        .filter(|person| person.listed && filters.iter().all(|filter| filter.accepts(person)))
        .map(|person| (person.id, person));
    Ok(Json(page.cut(&headers, "/v2/persons", rows, |person| render(person, &state.options, &headers))))
}

/// One person.
pub async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let state = app.state();
    state.authorize(&headers, SCOPE_PERSONS)?;
    Ok(Json(render(find(&state.people, &id)?, &state.options, &headers)))
}

/// The person with this id, unless removed.
pub fn find<'a>(people: &'a super::super::people::People, id: &str) -> Result<&'a Person, Problem> {
    let person = id.parse().ok().and_then(|id| people.get(id));
    person.filter(|person| person.listed).ok_or_else(|| Problem::not_found(format!("no person with id {id}")))
}

enum Filter {
    Texts(fn(&Person) -> Option<String>, Vec<String>),
    Time(fn(&Person) -> Timestamp, std::cmp::Ordering, Timestamp),
    Active(bool),
}

impl Filter {
    fn read_all(given: &[(String, String)]) -> Result<Vec<Self>, Problem> {
        given.iter().map(|(name, value)| Self::read(name, value)).collect()
    }

    fn read(name: &str, value: &str) -> Result<Self, Problem> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let list = || value.split(',').map(|item| item.trim().to_owned()).collect();
        let created: fn(&Person) -> Timestamp = |person| person.created_at;
        let updated: fn(&Person) -> Timestamp = |person| person.updated_at;
        Ok(match name {
            "id" => Self::Texts(|person| Some(person.id.to_string()), list()),
            "email" => Self::Texts(|person| person.email.clone(), list()),
            "first_name" => Self::Texts(|p| Some(p.first_name.clone()), vec![value.to_owned()]),
            "last_name" => Self::Texts(|p| Some(p.last_name.clone()), vec![value.to_owned()]),
            "preferred_name" => Self::Texts(|p| Some(p.preferred_name.clone()), vec![value.to_owned()]),
            "created_at" => Self::Time(created, Equal, time(value)?),
            "created_at.gt" => Self::Time(created, Greater, time(value)?),
            "created_at.lt" => Self::Time(created, Less, time(value)?),
            "updated_at" => Self::Time(updated, Equal, time(value)?),
            "updated_at.gt" => Self::Time(updated, Greater, time(value)?),
            "updated_at.lt" => Self::Time(updated, Less, time(value)?),
            "status" if value == "ACTIVE" => Self::Active(true),
            "status" if value == "INACTIVE" => Self::Active(false),
            _ => return Err(Problem::bad_request(format!("bad value for {name}"))),
        })
    }

    fn accepts(&self, person: &Person) -> bool {
        match self {
            Self::Texts(field, wanted) => field(person).is_some_and(|value| wanted.contains(&value)),
            Self::Time(field, order, bound) => field(person).cmp(bound) == *order,
            Self::Active(wanted) => person.is_active() == *wanted,
        }
    }
}

/// A moment, or a day in UTC. A `+` of an offset that was not encoded has become a blank.
pub fn time(value: &str) -> Result<Timestamp, Problem> {
    let day = || {
        let day: jiff::civil::Date = value.parse().ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let moment = if value.len() == 10 { day() } else { value.parse().ok() };
    moment.ok_or_else(|| Problem::bad_request(format!("{value} is not a moment")))
}

fn gender(gender: Gender) -> &'static str {
    match gender {
        Gender::Male => "MALE",
        Gender::Female => "FEMALE",
        Gender::Diverse => "DIVERSE",
        Gender::Unspecified => "UNSPECIFIED",
    }
}

fn render(person: &Person, options: &PersonioOptions, headers: &HeaderMap) -> Value {
    let employments: Vec<Value> = person.employments.iter().map(|employment| json!({ "id": employment.id })).collect();
    let href = format!("{}/v2/persons/{}/employments", base_url(headers), person.id);
    let rendered = json!({
        "id": person.id.to_string(),
        "email": person.email,
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "preferred_name": person.preferred_name,
        "gender": gender(person.gender),
        "profile_picture": { "url": null },
        // Active as long as the newest employment is active, on leave or about to begin.
        "status": if person.is_active() { "ACTIVE" } else { "INACTIVE" },
        // The specification has the types in capitals, the wire has not.
        "custom_attributes": [
            {
                "id": "dynamic_305",
                "type": "date",
                "global_id": "date_of_birth",
                "label": "Birthday",
                "value": person.birth_date,
            },
            {
                "id": "dynamic_311",
                "type": "list",
                "global_id": null,
                "label": "T-shirt size",
                "value": person.shirt_size,
            },
        ],
        "employments": employments,
        "_meta": { "links": { "employments": { "href": href } } },
    });
    without(rendered, &options.omit_from_persons)
}
