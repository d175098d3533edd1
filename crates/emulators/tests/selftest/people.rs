//! The synthetic people.

use rollcall_emulators::people::{EmploymentStatus, People, PeopleOptions};
use std::collections::BTreeSet;

fn depth(people: &People, id: u64) -> usize {
    let mut depth = 1;
    let mut at = id;
    while let Some(manager) = people.get(at).unwrap().current().supervisor {
        assert!(manager < at, "a manager comes first");
        at = manager;
        depth += 1;
    }
    depth
}

#[test]
fn a_person_does_not_depend_on_the_total() {
    let (few, many) = (People::generate(7, 60), People::generate(7, 2_000));
    few.iter().for_each(|person| assert_eq!(Some(person), many.get(person.id)));
    assert_ne!(few.get(People::id_of(9)), People::generate(8, 60).get(People::id_of(9)));
}

#[test]
fn the_tree_is_five_deep_and_managers_work() {
    let people = People::generate(7, 2_000);
    let deepest = people.iter().map(|person| depth(&people, person.id)).max();
    assert_eq!(deepest, Some(5));
    for person in people.iter() {
        let Some(manager) = person.current().supervisor else {
            continue;
        };
        let status = people.get(manager).unwrap().current().status;
        assert_eq!(status, EmploymentStatus::Active, "manager of {}", person.number);
    }
    let emails: BTreeSet<_> = people.iter().filter_map(|person| person.email.clone()).collect();
    assert_eq!(emails.len(), 2_000);
    let cycle = People::with(PeopleOptions { count: 9, cycle: true, ..PeopleOptions::default() });
    let manager = |number| cycle.get(People::id_of(number)).unwrap().current().supervisor;
    assert_eq!((manager(2), manager(5)), (Some(People::id_of(5)), Some(People::id_of(2))));
}

#[test]
fn the_rare_cases_are_there() {
    let people = People::generate(7, 200);
    let has = |what: fn(&rollcall_emulators::people::Person) -> bool| people.iter().any(what);
    assert!(has(|p| p.current().status == EmploymentStatus::Inactive));
    assert!(has(|p| p.current().status == EmploymentStatus::Onboarding));
    assert!(has(|p| p.current().status == EmploymentStatus::Leave));
    assert!(has(|p| p.is_active() && p.current().termination.is_some()));
    assert!(has(|p| p.current().cost_centers.is_empty()));
    assert!(has(|p| p.current().cost_centers.len() == 3));
    assert!(has(|p| p.employments.len() == 3));
    assert!(has(|p| p.birth_date.is_none()));
    assert!(has(|p| !p.last_name.is_ascii()));
    for person in people.iter() {
        let weights: u32 = person.current().cost_centers.iter().map(|(_, weight)| u32::from(*weight)).sum();
        assert!(weights == 100 || weights == 0);
        let starts: Vec<_> = person.employments.iter().map(|one| one.start).collect();
        assert!(starts.is_sorted_by(|newer, older| newer >= older));
    }
}

#[test]
fn batches_are_repeatable() {
    let (mut one, mut two) = (People::generate(7, 100), People::generate(7, 100));
    assert_eq!(one.change_some(10, 3), two.change_some(10, 3));
    let left = one.leave_some(4, 3, None);
    assert_eq!(left, two.leave_some(4, 3, None));
    assert!(left.iter().all(|change| !one.get(change.id).unwrap().is_active()));
    let joined = one.join_some(2);
    assert_eq!(joined[0].id, People::id_of(101));
    let later = one.today().saturating_add(jiff::ToSpan::days(30));
    let leaver = one.leave_some(1, 9, Some(later))[0].id;
    assert!(one.get(leaver).unwrap().is_active(), "not before the day has come");
    one.set_today(later);
    assert!(!one.get(leaver).unwrap().is_active());
}

#[test]
fn two_people_exchange_their_addresses() {
    let mut people = People::generate(7, 9);
    let (one, other) = (People::id_of(3), People::id_of(4));
    let email = |people: &People, id| people.get(id).unwrap().email.clone();
    let before = (email(&people, one), email(&people, other));
    assert!(people.swap_emails(one, other));
    assert_eq!((email(&people, other), email(&people, one)), before);
    assert!(!people.swap_emails(one, 1));
}

#[test]
fn somebody_gets_another_id_and_those_they_lead_follow() {
    let mut people = People::generate(7, 9);
    let (old, new) = (People::id_of(2), People::id_of(10));
    let led = |people: &People, id| people.iter().filter(|one| one.current().supervisor == Some(id)).count();
    let before = (people.get(old).unwrap().email.clone(), led(&people, old));
    assert!(people.change_id(old, new));
    assert_eq!((people.get(new).unwrap().email.clone(), led(&people, new)), before);
    assert_eq!((people.get(old), led(&people, old), people.len()), (None, 0, 9));
    assert!(!people.change_id(old, 1) && !people.change_id(new, People::id_of(1)), "gone, taken");
    assert_eq!(people.join(), People::id_of(11), "an id in use is not given again");
}

#[test]
fn a_rehire_is_a_new_record_of_the_same_person() {
    let mut people = People::generate(7, 40);
    let old = People::id_of(20);
    people.leave(old, None);
    let new = people.rehire(old).unwrap();
    let (before, after) = (people.get(old).unwrap(), people.get(new).unwrap());
    assert_eq!(
        (&before.email, &before.last_name, before.birth_date),
        (&after.email, &after.last_name, after.birth_date)
    );
    assert_eq!((before.is_active(), after.is_active(), new), (false, true, People::id_of(41)));
    assert_eq!((after.current().start, after.employments.len()), (Some(people.today()), 1));
    assert_eq!(before.current().supervisor, after.current().supervisor);
    assert_ne!(before.current().id, after.current().id);
    assert_eq!(people.rehire(1), None);
}

#[test]
fn ids_may_begin_where_those_of_a_target_do() {
    let options = PeopleOptions { count: 9, ..PeopleOptions::default() };
    let mut people = People::with_id_base(options, 0);
    assert_eq!(people.iter().map(|person| person.id).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    assert_eq!(people.get(9).unwrap().current().supervisor, Some(3));
    assert_eq!(people.join(), 10);
}
