//! Changes to people: single ones for tests, seeded batches for the demo.

use super::super::common::rng::Rng;
use super::model::{Employment, EmploymentStatus, Person, Termination};
use super::{People, names};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

/// A change that was made to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Id of the person.
    pub id: u64,
    /// What was done.
    pub what: &'static str,
}

impl People {
    /// Changes fields of the person; moves the person's `updated_at`.
    pub fn update(&mut self, id: u64, change: impl FnOnce(&mut Person)) -> bool {
        let Some(person) = self.persons.get_mut(&id) else {
            return false;
        };
        change(person);
        person.updated_at = Timestamp::now();
        true
    }

    /// Changes fields of the newest employment. Only the employment's `updated_at` moves: it is
    /// not documented that the person's does as well.
    pub fn update_employment(&mut self, id: u64, change: impl FnOnce(&mut Employment)) -> bool {
        let employment = self.persons.get_mut(&id).and_then(|p| p.employments.first_mut());
        let Some(employment) = employment else {
            return false;
        };
        change(employment);
        employment.updated_at = Timestamp::now();
        true
    }

    /// Lets somebody leave on a day, today unless given. Before that day they stay active.
    pub fn leave(&mut self, id: u64, day: Option<Date>) -> bool {
        let today = self.today();
        let day = day.unwrap_or(today);
        self.update_employment(id, |employment| {
            employment.termination = Some(Termination { date: day, last_working_day: day, kind: "EMPLOYEE" });
            if day <= today {
                employment.status = EmploymentStatus::Inactive;
                employment.end = Some(day);
            }
        })
    }

    /// Takes back a leaving.
    pub fn return_to_work(&mut self, id: u64) -> bool {
        self.update_employment(id, |employment| {
            employment.termination = None;
            employment.end = None;
            employment.status = EmploymentStatus::Active;
        })
    }

    /// Adds the next person of the sequence; gives the id.
    pub fn join(&mut self) -> u64 {
        let id = self.append();
        self.update(id, |person| person.created_at = Timestamp::now());
        id
    }

    /// Adds somebody with an id of the caller's choice in place of whoever has that id.
    pub fn insert(&mut self, person: Person) {
        self.persons.insert(person.id, person);
    }

    /// Exchanges the e-mail addresses of two people.
    pub fn swap_emails(&mut self, one: u64, other: u64) -> bool {
        let email = |id| self.get(id).map(|person| person.email.clone());
        let (Some(first), Some(second)) = (email(one), email(other)) else {
            return false;
        };
        self.update(one, |person| person.email = second) && self.update(other, |person| person.email = first)
    }

    /// Gives somebody another id, which nobody may have yet; those they lead follow.
    pub fn change_id(&mut self, from: u64, to: u64) -> bool {
        if self.get(to).is_some() {
            return false;
        }
        let Some(person) = self.persons.remove(&from) else {
            return false;
        };
        self.persons.insert(to, Person { id: to, updated_at: Timestamp::now(), ..person });
        for employment in self.persons.values_mut().flat_map(|person| &mut person.employments) {
            if employment.supervisor == Some(from) {
                employment.supervisor = Some(to);
            }
        }
        true
    }

    /// Takes somebody on again under a new id, as some systems do: the old record stays as it is,
    /// the new one has the same names, address and day of birth, and begins today. Gives the new id.
    pub fn rehire(&mut self, id: u64) -> Option<u64> {
        let before = self.get(id)?.clone();
        let today = self.today();
        let new = self.join();
        self.update(new, |person| {
            let Person { id, number, created_at, employments, .. } = person.clone();
            *person = Person { id, number, created_at, employments, listed: true, ..before.clone() };
            person.employments.truncate(1);
        });
        self.update_employment(new, |employment| {
            employment.status = EmploymentStatus::Active;
            employment.start = Some(today);
            (employment.end, employment.termination) = (None, None);
            employment.supervisor = before.current().supervisor;
        });
        Some(new)
    }

    /// Removes somebody from the lists, which is not the same as leaving.
    pub fn remove(&mut self, id: u64) -> bool {
        self.persons.get_mut(&id).is_some_and(|person| std::mem::take(&mut person.listed))
    }

    /// Takes back all removals.
    pub fn restore_removed(&mut self) {
        self.persons.values_mut().for_each(|person| person.listed = true);
    }

    /// Ids of people who are listed and work here (active, on leave or about to begin).
    fn working(&self) -> Vec<u64> {
        let working = self.iter().filter(|person| person.listed && person.is_active());
        working.map(|person| person.id).collect()
    }

    /// Changes something about `count` people, in turn: family name, team, office, cost centre,
    /// job title.
    pub fn change_some(&mut self, count: usize, seed: u64) -> Vec<Change> {
        let mut rng = Rng::of(seed, 1);
        let ids = rng.sample(&self.working(), count);
        let turns = ids.into_iter().zip((0..5).cycle());
        turns
            .map(|(id, turn)| {
                let what = self.change_one(id, turn, &mut rng);
                Change { id, what }
            })
            .collect()
    }

    fn change_one(&mut self, id: u64, turn: u8, rng: &mut Rng) -> &'static str {
        let (offices, cost_centers) = (self.catalogue.offices.clone(), self.catalogue.cost_centers.clone());
        let team = rng.pick(&self.catalogue.teams).clone();
        match turn {
            0 => {
                let (name, _) = *rng.pick(&names::LAST);
                self.update(id, |person| {
                    person.last_name = format!("{name}-{}", person.last_name);
                });
                "last_name"
            }
            1 => {
                self.update_employment(id, |employment| {
                    employment.department = team.parent.unwrap_or(employment.department);
                    employment.team = team.id;
                });
                "team"
            }
            2 => {
                self.update_employment(id, |employment| {
                    employment.office = other(rng, &offices, employment.office);
                });
                "office"
            }
            3 => {
                self.update_employment(id, |employment| {
                    let now = employment.cost_centers.first().map_or(0, |(id, _)| *id);
                    employment.cost_centers = vec![(other(rng, &cost_centers, now), 100)];
                });
                "cost_center"
            }
            _ => {
                self.update_employment(id, |employment| {
                    employment.position = format!("Lead {}", employment.position);
                });
                "position"
            }
        }
    }

    /// Lets `count` people leave who lead nobody.
    pub fn leave_some(&mut self, count: usize, seed: u64, day: Option<Date>) -> Vec<Change> {
        let leads: std::collections::BTreeSet<u64> =
            self.iter().filter_map(|person| person.current().supervisor).collect();
        let pool: Vec<u64> = self.working().into_iter().filter(|id| !leads.contains(id)).collect();
        let ids = Rng::of(seed, 2).sample(&pool, count);
        for id in &ids {
            self.leave(*id, day);
        }
        ids.into_iter().map(|id| Change { id, what: "leave" }).collect()
    }

    /// Adds `count` people.
    pub fn join_some(&mut self, count: usize) -> Vec<Change> {
        (0..count).map(|_| Change { id: self.join(), what: "join" }).collect()
    }

    /// Removes `count` people from the lists.
    pub fn remove_some(&mut self, count: usize, seed: u64) -> Vec<Change> {
        let ids = Rng::of(seed, 3).sample(&self.working(), count);
        for id in &ids {
            self.remove(*id);
        }
        ids.into_iter().map(|id| Change { id, what: "remove" }).collect()
    }
}

/// An item other than the one at hand.
fn other(rng: &mut Rng, items: &[super::Item], now: u64) -> u64 {
    let others: Vec<u64> = items.iter().map(|item| item.id).filter(|id| *id != now).collect();
    *rng.pick(&others)
}
