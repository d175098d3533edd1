//! `GET /{stream}`: a page of a list.

use super::super::common::base_url;
use super::refusal::Refusal;
use super::rows::stream;
use super::{App, EmailFilter, GenericState, Paging, Stream};
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use std::sync::Arc;

/// A row in a list: its id, and which time it is delivered. A cursor is the place of the last row
/// of a page, so what comes and goes elsewhere does not move the next page.
type Place = (u64, u8);

#[derive(Debug, Default)]
struct Query {
    email: Option<String>,
    limit: Option<usize>,
    offset: usize,
    after: Option<Place>,
}

impl Query {
    fn read(text: Option<&str>, paging: Paging) -> Result<Self, Refusal> {
        let mut query = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            let number = || value.parse().map_err(|_| Refusal::invalid(format!("{name} must be a number")));
            match (name.as_ref(), paging) {
                ("email", _) => query.email = Some(value.into_owned()),
                ("limit", Paging::Offset | Paging::NextLink) => query.limit = Some(number()?),
                ("offset", Paging::Offset) => query.offset = number()?,
                ("cursor", Paging::NextLink) => query.after = Some(place(&value)?),
                ("limit" | "offset", Paging::OnePage) => {}
                _ => return Err(Refusal::invalid(format!("unknown parameter {name}"))),
            }
        }
        Ok(query)
    }
}

fn place(cursor: &str) -> Result<Place, Refusal> {
    let place = cursor.split_once('.').and_then(|(id, time)| Some((id.parse().ok()?, time.parse().ok()?)));
    place.ok_or_else(|| Refusal::invalid("cursor is not one of ours"))
}

/// The rows that a list has, in order.
fn listed<'a>(state: &'a GenericState, stream: Stream, query: &Query) -> Result<Vec<(Place, &'a Value)>, Refusal> {
    let rows = match (&query.email, state.options.email_filter) {
        (Some(_), EmailFilter::Refused) => return Err(Refusal::invalid("email cannot be looked for")),
        (Some(email), EmailFilter::Answered) => state.by_email(stream, email),
        (Some(_), EmailFilter::Ignored) | (None, _) => state.rows(stream).collect(),
    };
    let times = |id| 1 + u8::from(state.options.delivered_twice.contains(&(stream, id)));
    Ok(rows.into_iter().flat_map(|(id, row)| (0..times(id)).map(move |time| ((id, time), row))).collect())
}

fn page(state: &GenericState, stream: Stream, query: &Query, base: &str) -> Result<Value, Refusal> {
    let options = &state.options;
    let mut rows = listed(state, stream, query)?;
    let total = rows.len();
    rows.truncate(options.list_ends_after.unwrap_or(total));
    let limit = query.limit.unwrap_or(options.page_size).clamp(1, options.page_size.max(1));
    let (skipped, limit) = match options.paging {
        Paging::OnePage => (0, rows.len()),
        Paging::Offset => (query.offset, limit),
        Paging::NextLink => (rows.partition_point(|(place, _)| Some(*place) <= query.after), limit),
    };
    let rest = rows.get(skipped..).unwrap_or_default();
    let shown = &rest[..limit.min(rest.len())];
    let delivered: Vec<Value> = shown.iter().map(|(_, row)| state.delivered(row)).collect();
    let mut body = json!({ "rows": delivered });
    if options.declares_total {
        body["total"] = json!(total);
    }
    if options.paging == Paging::Offset {
        body["offset"] = json!(query.offset);
        body["limit"] = json!(limit);
    }
    // No link means no further page.
    if options.paging == Paging::NextLink
        && rest.len() > limit
        && let Some(((id, time), _)) = shown.last()
    {
        let mut next = url::form_urlencoded::Serializer::new(String::new());
        next.append_pair("limit", &limit.to_string()).append_pair("cursor", &format!("{id}.{time}"));
        if let Some(email) = &query.email {
            next.append_pair("email", email);
        }
        body["next"] = json!(format!("{base}/{}?{}", stream.name(), next.finish()));
    }
    Ok(body)
}

/// `GET /{stream}`
pub async fn list(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let mut state = app.opened(&headers)?;
    let stream = stream(&name)?;
    let query = Query::read(query.as_deref(), state.options.paging)?;
    let page = page(&state, stream, &query, &base_url(&headers))?;
    // A look-up is no page of the list.
    if query.email.is_none() {
        state.page_served(stream);
    }
    Ok(Json(page))
}
