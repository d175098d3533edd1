//! Makes person number N from the seed and N alone.

use super::super::common::rng::Rng;
use super::model::{Employment, EmploymentStatus, EmploymentType, Gender, Person, Termination};
use super::{PeopleOptions, names};
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan, tz::TimeZone};

/// Nothing that is generated changed after this moment.
const LAST_CHANGE: Date = date(2025, 6, 1);

/// Team leads below this number are fixed so that small companies have them too.
const FIRST_STAFF: u64 = 41;
/// From [`FIRST_STAFF`] on, every so many-th person leads a team.
const TEAM: u64 = 15;

/// The number of the manager of person number N.
pub fn manager(number: u64) -> Option<u64> {
    Some(match number {
        0 | 1 => return None,
        2..=4 => 1,
        5..=13 => 2 + (number - 5) % 3,
        14..FIRST_STAFF => 5 + (number - 14) % 9,
        _ if is_lead(number) => 5 + (number / TEAM) % 9,
        // Up to 44 there is no team lead of the second kind yet.
        41..=44 => 14 + (number - FIRST_STAFF),
        _ => number - number % TEAM,
    })
}

fn is_lead(number: u64) -> bool {
    number < FIRST_STAFF || number.is_multiple_of(TEAM)
}

/// Numbers 14 to 17 lead 41 to 44; the other early leads have nobody and may leave.
fn has_reports(number: u64) -> bool {
    number <= 17 || (number >= FIRST_STAFF && is_lead(number))
}

fn status(number: u64) -> EmploymentStatus {
    if has_reports(number) {
        return EmploymentStatus::Active;
    }
    match number % 20 {
        11 => EmploymentStatus::Inactive,
        17 => EmploymentStatus::Onboarding,
        19 => EmploymentStatus::Leave,
        _ => EmploymentStatus::Active,
    }
}

fn days(n: usize) -> jiff::Span {
    i64::try_from(n).unwrap_or(0).days()
}

fn at(day: Date, minutes: usize) -> Timestamp {
    let moment = day.at(9, 0, 0, 0).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let moment = moment.unwrap_or(Timestamp::UNIX_EPOCH);
    let minutes = i64::try_from(minutes).unwrap_or(0);
    moment.checked_add(minutes.minutes()).unwrap_or(moment)
}

fn uuid(rng: &mut Rng) -> String {
    let (a, b) = (rng.next(), rng.next());
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}

fn id_at(base: u64, index: usize) -> u64 {
    base + u64::try_from(index).unwrap_or(0)
}

fn cost_centers(rng: &mut Rng, number: u64) -> Vec<(u64, u8)> {
    let all: Vec<usize> = (0..names::SIZES_OF.3).collect();
    let weights: &[u8] = match number {
        n if n.is_multiple_of(97) => &[],
        // A tie, for the rule that picks one.
        n if n.is_multiple_of(49) => &[50, 50],
        n if n.is_multiple_of(14) => &[50, 30, 20],
        n if n.is_multiple_of(7) => &[40, 60],
        _ => &[100],
    };
    let drawn = rng.sample(&all, weights.len().max(1));
    let ids = drawn.into_iter().map(|index| id_at(names::COST_CENTER_BASE, index));
    ids.zip(weights.iter().copied()).collect()
}

/// Person number N.
pub fn person(options: &PeopleOptions, id_base: u64, number: u64) -> Person {
    let mut rng = Rng::of(options.seed, number);
    let (first, first_ascii, usual) = *rng.pick(&names::FIRST);
    let (last, last_ascii) = *rng.pick(&names::LAST);
    let gender = match rng.below(25) {
        0 => Gender::Diverse,
        1 => Gender::Unspecified,
        _ => usual,
    };
    let born = date(1958, 1, 1).saturating_add(days(rng.below(46 * 365)));
    let mut employments = employments(&mut rng, options, number);
    for employment in &mut employments {
        employment.supervisor = employment.supervisor.map(|manager| id_base + manager);
    }
    let oldest = employments.last().and_then(|oldest| oldest.start).unwrap_or(LAST_CHANGE);
    let created = at(oldest.min(LAST_CHANGE).saturating_sub(14.days()), 0);
    let updated = at(LAST_CHANGE.saturating_sub(days(rng.below(300))), rng.below(480));
    let no_email = options.gaps && number.is_multiple_of(211);
    Person {
        id: id_base + number,
        number,
        email: (!no_email).then(|| format!("{first_ascii}.{last_ascii}.{number}@example.test")),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        preferred_name: if number.is_multiple_of(13) { "Sam" } else { first }.to_owned(),
        gender,
        birth_date: (!number.is_multiple_of(23)).then_some(born),
        shirt_size: rng.pick::<&str>(&names::SIZES),
        created_at: created,
        updated_at: updated.max(created),
        employments,
        listed: true,
    }
}

/// The current employment and, for every fifth person, one or two before it.
fn employments(rng: &mut Rng, options: &PeopleOptions, number: u64) -> Vec<Employment> {
    let mut current = employment(rng, options, number);
    let status = status(number);
    current.status = status;
    let hired = date(2012, 1, 1).saturating_add(days(rng.below(12 * 365)));
    let coming = options.today.saturating_add(days(1 + rng.below(60)));
    let left = hired.saturating_add(days(90 + rng.below(500)));
    let kind = *rng.pick(&names::ENDS);
    let end = |day: Date| Termination {
        date: day,
        last_working_day: day.saturating_sub(days(usize::from(number.is_multiple_of(2)) * 10)),
        kind,
    };
    match status {
        EmploymentStatus::Inactive => {
            current.end = Some(left);
            current.termination = Some(end(left));
        }
        // Somebody who has given notice but still works.
        EmploymentStatus::Active if number % 20 == 3 && !has_reports(number) => {
            current.termination = Some(end(coming.saturating_add(30.days())));
        }
        _ => {}
    }
    let start = if status == EmploymentStatus::Onboarding { coming } else { hired };
    let rescinded = options.gaps && number.is_multiple_of(223);
    current.start = (!rescinded).then_some(start);
    let mut all = vec![current];
    let mut before = hired.saturating_sub(200.days());
    for _ in 0..past_employments(number) {
        let mut past = employment(rng, options, number);
        past.status = EmploymentStatus::Inactive;
        past.start = Some(before.saturating_sub(400.days()));
        past.end = Some(before);
        past.termination = Some(end(before));
        all.push(past);
        before = before.saturating_sub(600.days());
    }
    all
}

fn past_employments(number: u64) -> usize {
    match number {
        n if n.is_multiple_of(25) => 2,
        n if n.is_multiple_of(5) => 1,
        _ => 0,
    }
}

/// An employment without its dates, and with the manager's number in place of the id.
fn employment(rng: &mut Rng, options: &PeopleOptions, number: u64) -> Employment {
    let (offices, entities, departments, _) = names::SIZES_OF;
    let department = rng.below(departments);
    let team = department * names::TEAMS_EACH + rng.below(names::TEAMS_EACH);
    let manager = match (options.cycle, number) {
        (true, 2) => Some(5),
        _ => manager(number),
    };
    let created = at(date(2024, 1, 1).saturating_add(days(rng.below(300))), 0);
    let external = number % 10 == 8 && !has_reports(number);
    Employment {
        id: uuid(rng),
        status: EmploymentStatus::Active,
        start: None,
        end: None,
        kind: if external { EmploymentType::External } else { EmploymentType::Internal },
        weekly_hours: *rng.pick(&[20, 32, 40, 40, 40]),
        position: (*rng.pick(&names::POSITIONS)).to_owned(),
        supervisor: manager,
        office: id_at(names::OFFICE_BASE, rng.below(offices)),
        legal_entity: id_at(names::ENTITY_BASE, rng.below(entities)),
        department: id_at(names::DEPARTMENT_BASE, department),
        team: id_at(names::TEAM_BASE, team),
        cost_centers: cost_centers(rng, number),
        termination: None,
        created_at: created,
        updated_at: at(LAST_CHANGE.saturating_sub(days(rng.below(200))), rng.below(480)),
    }
}
