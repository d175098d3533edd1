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
