//! Tables of times, the ones around clock changes above all.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The scheduled times between two instants.
fn times(expression: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let schedule = Schedule::parse(expression, zone).unwrap();
    let mut found = Vec::new();
    let mut after = at(from);
    while let Some(time) = schedule.next_time(after).filter(|time| *time < at(to)) {
        found.push(time.to_string());
        after = time;
    }
    found
}

#[test]
fn expressions_and_macros_mean_what_cron_says() {
    let table = [
        ("30 5 * * 1-5", "2026-03-06T06:00:00Z", "2026-03-09T05:30:00Z"),
        ("@daily", "2026-03-06T06:00:00Z", "2026-03-07T00:00:00Z"),
        ("@midnight", "2026-03-06T06:00:00Z", "2026-03-07T00:00:00Z"),
        ("@hourly", "2026-03-06T06:00:00Z", "2026-03-06T07:00:00Z"),
        ("@weekly", "2026-03-06T06:00:00Z", "2026-03-08T00:00:00Z"),
        ("@monthly", "2026-03-06T06:00:00Z", "2026-04-01T00:00:00Z"),
        ("@yearly", "2026-03-06T06:00:00Z", "2027-01-01T00:00:00Z"),
        ("@annually", "2026-03-06T06:00:00Z", "2027-01-01T00:00:00Z"),
        ("0 0 29 2 *", "2026-03-06T06:00:00Z", "2028-02-29T00:00:00Z"),
        // Day of month and day of week: either is enough (crontab(5)).
        ("0 0 13 * 5", "2026-03-06T06:00:00Z", "2026-03-13T00:00:00Z"),
        ("*/15 * * * *", "2026-03-06T06:00:00Z", "2026-03-06T06:15:00Z"),
    ];
    for (expression, after, expected) in table {
        let schedule = Schedule::parse(expression, "Etc/UTC").unwrap();
        assert_eq!(schedule.next_time(at(after)), Some(at(expected)), "{expression}");
    }
}

#[test]
fn errors_name_the_field_and_the_rule() {
    for expression in ["", "* * * *", "0 0 * * * *", "61 * * * *", "@sometimes", "@reboot", "0 0 30 2 *", "a b c d e"] {
        let error = Schedule::parse(expression, "Etc/UTC").unwrap_err();
        assert_eq!(error.reason(), "ScheduleInvalid", "{expression}");
        assert!(error.to_string().starts_with("spec.schedule"), "{error}");
    }
    let error = Schedule::parse("@daily", "Europe/Nowhere").unwrap_err();
    assert_eq!((error.reason(), error.to_string().starts_with("spec.timeZone")), ("TimeZoneUnknown", true));
}

#[test]
fn a_fixed_time_in_the_spring_gap_runs_once_at_the_next_valid_minute() {
    // Berlin: 29 March 2026, 02:00 becomes 03:00 (01:00 UTC).
    let found = times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
    assert_eq!(found, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn a_fixed_time_in_the_autumn_overlap_runs_once() {
    // Berlin: 25 October 2026, 03:00 becomes 02:00 (01:00 UTC).
    let found = times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z");
    assert_eq!(found, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    // New York: 1 November 2026, 02:00 becomes 01:00 (06:00 UTC).
    let found = times("15 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-02T12:00:00Z");
    assert_eq!(found, ["2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z"]);
}

#[test]
fn an_hourly_schedule_runs_every_hour_across_both_changes() {
    let spring = times("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T03:30:00Z");
    assert_eq!(spring.len(), 4);
    let autumn = times("0 * * * *", "Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25T03:30:00Z");
    assert_eq!(autumn.len(), 5);
}

#[test]
fn only_the_latest_missed_time_is_named_and_all_are_counted() {
    let schedule = Schedule::parse("0 * * * *", "Etc/UTC").unwrap();
    assert_eq!(schedule.missed(at("2026-03-06T06:00:00Z"), at("2026-03-06T06:59:59Z")), None);
    let missed = schedule.missed(at("2026-03-06T06:00:00Z"), at("2026-03-06T09:10:00Z")).unwrap();
    assert_eq!(missed, Missed { latest: at("2026-03-06T09:00:00Z"), count: 3 });
    let long = schedule.missed(at("2025-03-06T06:00:00Z"), at("2026-03-06T09:10:00Z")).unwrap();
    assert_eq!(long, Missed { latest: at("2026-03-06T09:00:00Z"), count: MAX_COUNTED });
}

#[test]
fn jitter_is_the_same_for_one_object_and_within_its_bound() {
    assert_eq!(start_jitter("a-uid", 600), start_jitter("a-uid", 600));
    assert_ne!(start_jitter("a-uid", 600), start_jitter("another", 600));
    for number in 0..200 {
        let jitter = start_jitter(&format!("uid-{number}"), 60).as_secs();
        assert!((0..60).contains(&jitter), "{jitter}");
    }
    assert_eq!(start_jitter("a-uid", 0).as_secs(), 0);
}

#[test]
fn a_start_is_due_only_after_its_jitter() {
    let schedule = Schedule::parse("0 6 * * *", "Etc/UTC").unwrap().with_jitter("a-uid", 3600);
    let time = at("2026-03-06T06:00:00Z");
    let start = schedule.start_of(time);
    assert!(start > time);
    let before = start.checked_sub(SignedDuration::from_secs(1)).unwrap();
    assert_eq!(schedule.missed(at("2026-03-05T07:30:00Z"), before), None);
    assert_eq!(schedule.missed(at("2026-03-05T07:30:00Z"), start).map(|missed| missed.latest), Some(time));
    assert_eq!(schedule.next_start(before), Some((start, time)));
    assert_eq!(schedule.interval_seconds(time), Some(86_400));
}
