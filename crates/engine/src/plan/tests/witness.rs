//! Rule 6: who is who is checked, not assumed.

use serde_json::json;

use super::World;
use super::rows::{link, person, row, source_row, target_row};
use super::world::InForce;
use crate::names::SourceKey;

/// So many people in step, all of them remembered.
fn known(count: usize) -> World {
    World::new().staff(count).remembered()
}

fn key(number: usize) -> String {
    format!("p{number:03}")
}

/// Other people under the keys of some that are linked.
fn strangers(world: World, keys: impl IntoIterator<Item = usize>) -> World {
    keys.into_iter().fold(world, |world, number| {
        let other = json!({"name": format!("Else {number}"), "email": format!("else{number}@elsewhere.org")});
        world.with(|world| *source_row(world, &key(number)) = person(&key(number), other))
    })
}

#[test]
fn what_is_remembered_of_a_person_is_hashes_and_the_same_for_every_run() {
    let world = World::new().in_step("a");
    let memory = world.entry("a").memory.unwrap();
    let fields: Vec<&str> = memory.witness.keys().map(crate::names::FieldName::as_str).collect();
    assert_eq!(fields, ["externalId", "name", "userName"]);
    assert_eq!(world.remembered().entry("a").memory, None, "there is nothing new to remember");
}

#[test]
fn a_single_stranger_is_a_conflict_and_the_others_go_on() {
    let world = strangers(known(30), [0]).now_has("p001", "name", json!("New"));
    assert_eq!(world.verdict("p000"), ("conflict", "SomebodyElse"));
    assert_eq!((world.verdict("p001"), world.held("p001")), (("update", "Changed"), None));
}

#[test]
fn a_stranger_that_has_left_removes_nobody() {
    let world = strangers(known(30), [0]).now_has("p000", "status", json!("LEFT"));
    assert_eq!(world.verdict("p000"), ("conflict", "SomebodyElse"));
}

#[test]
fn another_tenant_with_overlapping_identifiers_holds_everything() {
    let world = strangers(known(30), 0..25).person("joiner", json!({})).now_has("p026", "name", json!("New")).now_has(
        "p027",
        "status",
        json!("LEFT"),
    );
    for number in 0..25 {
        assert_eq!(world.verdict(&key(number)), ("conflict", "SomebodyElse"));
    }
    for key in ["joiner", "p026", "p027"] {
        assert_eq!(world.held(key), Some("IdentityDoubtful"), "{key}");
    }
    assert_eq!(world.plan().counts().created + world.plan().counts().disabled, 0);
}

#[test]
fn another_tenant_of_the_target_holds_everything_too() {
    let world = (0..30).fold(known(30), |world, number| {
        let key = key(number);
        world.target_has(&key, "name", json!("Else")).target_has(&key, "externalId", json!(null)).target_has(
            &key,
            "userName",
            json!(format!("else{number}@elsewhere.org")),
        )
    });
    let world = world.person("joiner", json!({}));
    assert_eq!(world.verdict("p000"), ("conflict", "SomebodyElse"));
    assert_eq!(world.held("joiner"), Some("IdentityDoubtful"));
}

#[test]
fn many_rows_that_the_target_no_longer_has_hold_everything() {
    let world = |gone: usize| {
        known(30).with(|world| {
            world.people.target.drain(0..gone);
        })
    };
    assert_eq!((world(3).verdict("p000"), world(3).held("p000")), (("create", "New"), None));
    assert_eq!(world(4).held("p000"), Some("IdentityDoubtful"));
}

#[test]
fn many_people_who_are_gone_from_both_systems_are_not_forgotten() {
    let world = |gone: usize| {
        known(30).person("joiner", json!({})).with(|world| {
            world.people.source.drain(0..gone);
            world.people.target.drain(0..gone);
        })
    };
    assert!(world(3).entry("p000").drops_link);
    assert_eq!((world(4).entry("p000").drops_link, world(4).held("joiner")), (false, Some("IdentityDoubtful")));
    let approved = world(4).releasing(&world(4).proposal());
    assert!(approved.entry("p000").drops_link, "who approves everything says that they are gone");
}

#[test]
fn while_it_is_in_doubt_who_is_who_nothing_is_linked_remembered_or_forgotten() {
    // Both tenants were exchanged, and there is but one thing by which people can be told apart.
    let by_email = |world: &mut World| {
        world.people.spec["fields"].as_array_mut().unwrap().remove(2);
    };
    let mut world = World::new().with(by_email).staff(30).remembered();
    for number in 0..30 {
        let email = format!("else{number}@elsewhere.org");
        world = world.now_has(&key(number), "email", json!(email)).target_has(&key(number), "userName", json!(email));
    }
    let world = world.person("found", json!({})).existing("found").link("both-gone").person("new", json!({}));
    assert_eq!(world.held("new"), Some("IdentityDoubtful"));
    assert_eq!(world.entry("p000").memory, None, "or the next run would take the others for the same people");
    assert!(!world.entry("found").links && world.entry("found").memory.is_none());
    assert!(!world.entry("both-gone").drops_link);
    assert_eq!(world.remembered().held("new"), Some("IdentityDoubtful"), "a second run says the same");
}

#[test]
fn what_changes_about_a_person_is_no_stranger_as_long_as_something_stays() {
    let world = known(30).now_has("p000", "name", json!("Married")).now_has("p001", "email", json!("new@example.org"));
    assert_eq!(world.verdict("p000"), ("update", "Changed"));
    assert_eq!(world.verdict("p001"), ("update", "Changed"));
}

#[test]
fn people_who_swap_their_email_addresses_are_themselves() {
    let world = known(30).now_has("p000", "email", json!("p001@example.org")).now_has(
        "p001",
        "email",
        json!("p000@example.org"),
    );
    for key in ["p000", "p001"] {
        assert_eq!((world.verdict(key), world.held(key)), (("update", "Changed"), None), "{key}");
    }
}

#[test]
fn a_change_that_was_written_before_the_run_could_remember_it_is_no_stranger() {
    let world = known(3).now_has("p000", "email", json!("new@example.org")).target_has(
        "p000",
        "userName",
        json!("new@example.org"),
    );
    assert_eq!(world.verdict("p000"), ("unchanged", "Unchanged"));
}

#[test]
fn where_people_are_known_by_their_email_alone_a_change_that_reached_both_sides_is_no_stranger() {
    let world = World::new().with(|world| {
        world.people.spec["match"] = json!([{"field": "userName"}]);
        world.people.spec["fields"] = json!([{"to": "userName", "from": "email"}]);
    });
    let world = world.staff(3).remembered().now_has("p000", "email", json!("new@example.org"));
    assert_eq!(world.verdict("p000"), ("update", "Changed"));
    let written = world.target_has("p000", "userName", json!("new@example.org"));
    assert_eq!(written.verdict("p000"), ("unchanged", "Unchanged"));
}

#[test]
fn a_row_of_the_target_that_is_somebody_else_now_is_not_removed_for_an_absent_person() {
    let world = known(30).with(|world| {
        world.people.source.remove(0);
        *target_row(world, "p000") = row("t-p000", json!({"userName": "else@elsewhere.org", "name": "Else"}));
    });
    assert_eq!(world.verdict("p000"), ("conflict", "SomebodyElse"));
    let same = known(30).with(|world| {
        world.people.source.remove(0);
    });
    assert_eq!(same.verdict("p000"), ("disable", "LeaverAbsent"));
}

/// Gives a person another key in the source.
fn renumbered(world: World, from: &str, to: &str) -> World {
    world.with(|world| {
        let row = source_row(world, from);
        row.id = to.into();
        super::rows::set(row, "id", json!(to));
    })
}

#[test]
fn a_person_whose_key_changed_is_proposed_as_the_same_and_neither_removed_nor_created() {
    let world = renumbered(known(30), "p000", "q000");
    assert_eq!(world.verdict("p000"), ("skip", "KeyChanged"));
    let entry = world.entry("q000");
    assert_eq!((world.verdict("q000"), entry.held), (("update", "KeyChanged"), Some("KeyChanged")));
    assert_eq!(entry.target_id, Some("t-p000".into()));
    assert_eq!(entry.replaces, Some(SourceKey::from("p000")));
    let released = world.clone().releasing(&world.proposal());
    assert_eq!((released.held("q000"), released.entry("q000").links), (None, true));
    assert_eq!(released.verdict("p000"), ("skip", "KeyChanged"));
}

#[test]
fn a_relink_alone_has_to_be_approved_too() {
    let world = renumbered(known(30), "p000", "q000").with(|world| {
        world.people.spec["match"] = json!([{"field": "userName"}]);
        world.people.spec["fields"][0]["apply"] = json!("OnCreate");
    });
    assert_eq!((world.verdict("q000"), world.held("q000")), (("update", "KeyChanged"), Some("KeyChanged")));
    assert!(world.entry("q000").lines()[0].is_silent());
    assert_eq!(world.proposal().lines.len(), 1);
}

/// People who are matched by their key alone, and have a day of birth.
fn by_key(count: usize) -> World {
    let world = World::new()
        .with(|world| world.people.spec["match"] = json!([{"field": "externalId"}]))
        .field(json!({"to": "born", "from": "born"}))
        .staff(count);
    let born = |number: usize| json!(format!("1990-01-{:02}", number + 1));
    let dated = |world: World, number: usize| {
        world.now_has(&key(number), "born", born(number)).target_has(&key(number), "born", born(number))
    };
    (0..count).fold(world, dated).remembered()
}

#[test]
fn a_person_whose_key_changed_is_recognised_by_what_is_remembered_where_no_rule_finds_the_row() {
    let world = renumbered(by_key(30), "p000", "q000");
    assert_eq!(world.verdict("p000"), ("skip", "KeyChanged"));
    assert_eq!((world.verdict("q000"), world.held("q000")), (("update", "KeyChanged"), Some("KeyChanged")));
    let another = world.clone().now_has("q000", "born", json!("1970-05-05"));
    assert_eq!(another.verdict("q000"), ("create", "New"), "a name alone is too little");
    assert_eq!(another.verdict("p000"), ("disable", "LeaverAbsent"));
    let twins = world.person("q001", json!({"name": "Name p000", "born": "1990-01-01"}));
    for key in ["q000", "q001"] {
        assert_eq!(twins.verdict(key), ("conflict", "MatchedTwice"), "{key}");
    }
    let all = (0..30).fold(by_key(30), |world, number| renumbered(world, &key(number), &format!("q{number:03}")));
    let counts = all.plan().counts();
    assert_eq!((counts.created, counts.disabled, counts.held), (0, 0, 30));
}

#[test]
fn a_renumbered_source_creates_and_removes_nobody() {
    let world = (0..30).fold(known(30), |world, number| renumbered(world, &key(number), &format!("q{number:03}")));
    let counts = world.plan().counts();
    assert_eq!((counts.created, counts.disabled, counts.updated), (0, 0, 0));
    assert_eq!((counts.held, counts.skipped), (30, 30));
    for line in world.proposal().lines {
        assert_eq!(line.action, rollcall_api::v1alpha1::Action::Update);
    }
}

#[test]
fn a_person_who_returns_under_another_key_is_proposed_and_enabled_with_the_approval() {
    let world = renumbered(known(30), "p000", "q000").with(|world| {
        target_row(world, "p000").active = false;
        world.people.links[0].disabled_at = Some("2026-05-01T00:00:00Z".parse().unwrap());
    });
    assert_eq!((world.verdict("q000"), world.held("q000")), (("enable", "KeyChanged"), Some("KeyChanged")));
    let suspended = world.with(|world| world.people.links[0].disabled_at = None);
    assert_eq!(suspended.verdict("q000"), ("update", "KeyChanged"), "an administrator's suspension stands");
}

#[test]
fn a_leaver_is_disabled_although_a_joiner_took_the_email_over() {
    let world =
        known(30).now_has("p000", "status", json!("LEFT")).person("joiner", json!({"email": "p000@example.org"}));
    assert_eq!((world.verdict("p000"), world.held("p000")), (("disable", "LeaverStatus"), None));
    assert_eq!(world.held("joiner"), Some("KeyChanged"));
}

#[test]
fn an_absent_person_is_disabled_although_somebody_else_was_given_the_email() {
    let dated = World::new().with(|world| {
        let fields = world.people.spec["fields"].as_array_mut().unwrap();
        fields.push(json!({"to": "born", "from": "born"}));
    });
    let world = dated.staff(30).now_has("p000", "born", json!("1980-01-01"));
    let world = world.target_has("p000", "born", json!("1980-01-01")).remembered();
    let heir = json!({"email": "p000@example.org", "name": "Erin", "born": "1999-09-09"});
    let world = world.with(|world| world.people.source.retain(|row| row.id.as_str() != "p000")).person("heir", heir);
    assert_eq!((world.verdict("p000"), world.held("p000")), (("disable", "LeaverAbsent"), None));
    assert_eq!(world.verdict("heir"), ("conflict", "ClaimedByAnother"));
}

#[test]
fn an_approved_relink_outweighs_an_approved_removal_of_the_former_record() {
    let world = known(30)
        .with(|world| world.in_force = InForce::Nothing)
        .now_has("p000", "status", json!("LEFT"))
        .person("q000", json!({"email": "p000@example.org"}));
    let proposal = world.proposal();
    assert_eq!(proposal.lines.len(), 2);
    let released = world.releasing(&proposal);
    assert_eq!((released.verdict("q000"), released.held("q000")), (("update", "KeyChanged"), None));
    assert_eq!(released.verdict("p000"), ("skip", "KeyChanged"));
}

#[test]
fn a_person_whose_key_changed_and_who_has_left_under_the_new_one_keeps_no_access() {
    let world = renumbered(known(30), "p000", "q000").now_has("q000", "status", json!("LEFT"));
    assert_eq!((world.verdict("p000"), world.held("p000")), (("disable", "LeaverAbsent"), None));
    assert_eq!(world.verdict("q000"), ("skip", "NotInTarget"));
}

#[test]
fn links_of_the_first_edition_remember_nothing_and_go_on() {
    let world = World::new().in_step("a").now_has("a", "name", json!("New")).with(|world| {
        world.people.links = vec![link("people", "a", "t-a")];
    });
    assert_eq!(world.verdict("a"), ("update", "Changed"));
}
