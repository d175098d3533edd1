//! Synthetic people: seeded, deterministic, and obviously not real (`example.test`).
//!
//! Person number N is the same whatever the total is, so a test may let the company grow. The
//! tree of managers is five levels deep from 45 people on: 1 head, 3 directors, 9 department
//! heads, then team leads (numbers 14 to 40 and every fifteenth after that), then everybody
//! else. A manager's number is always smaller than that of the people who report to them,
//! unless [`PeopleOptions::cycle`] asks for a cycle of two.

mod change;
mod generate;
mod model;
mod names;

pub use change::Change;
pub use model::{Catalogue, Employment, EmploymentStatus, EmploymentType, Gender, Item, Person, Termination};

use jiff::civil::{Date, date};
use std::collections::BTreeMap;

/// Added to a person's number to give the id, so that ids and numbers are not mixed up, unless
/// [`People::with_id_base`] says otherwise.
pub const ID_BASE: u64 = 100_000;

/// The day that data is generated for unless another one is asked for.
pub const DEFAULT_TODAY: Date = date(2026, 1, 15);

/// What people to generate.
#[derive(Clone, Debug)]
pub struct PeopleOptions {
    /// Same seed, same people.
    pub seed: u64,
    /// How many.
    pub count: u64,
    /// Decides who has not started yet and who has already left.
    pub today: Date,
    /// The managers of numbers 2 and 5 are made each other.
    pub cycle: bool,
    /// Some people lack an e-mail address (every 211th) or a start date (every 223rd).
    pub gaps: bool,
}

impl Default for PeopleOptions {
    fn default() -> Self {
        Self { seed: 7, count: 50, today: DEFAULT_TODAY, cycle: false, gaps: false }
    }
}

/// All people of the company.
#[derive(Clone, Debug)]
pub struct People {
    options: PeopleOptions,
    id_base: u64,
    persons: BTreeMap<u64, Person>,
    next_number: u64,
    /// Offices, departments and so on.
    pub catalogue: Catalogue,
}

impl People {
    /// People with the default options but for seed and count.
    pub fn generate(seed: u64, count: u64) -> Self {
        Self::with(PeopleOptions { seed, count, ..PeopleOptions::default() })
    }

    /// People as asked for.
    pub fn with(options: PeopleOptions) -> Self {
        Self::with_id_base(options, ID_BASE)
    }

    /// People whose ids are their numbers plus a base of the caller's choice. With 0 they have the
    /// ids that a target gives to its own people.
    pub fn with_id_base(options: PeopleOptions, id_base: u64) -> Self {
        let count = options.count;
        let catalogue = names::catalogue();
        let mut people = Self { options, id_base, persons: BTreeMap::new(), next_number: 1, catalogue };
        for _ in 0..count {
            people.append();
        }
        people
    }

    /// The id of person number N, from 1, with the default base.
    pub fn id_of(number: u64) -> u64 {
        ID_BASE + number
    }

    /// Adds the next person of the sequence as they would have been generated.
    fn append(&mut self) -> u64 {
        // An id may have been given by hand.
        while self.persons.contains_key(&(self.id_base + self.next_number)) {
            self.next_number += 1;
        }
        let person = generate::person(&self.options, self.id_base, self.next_number);
        self.next_number += 1;
        let id = person.id;
        self.persons.insert(id, person);
        id
    }

    /// The person with this id, listed or not.
    pub fn get(&self, id: u64) -> Option<&Person> {
        self.persons.get(&id)
    }

    /// All people by ascending id, listed or not.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Person> {
        self.persons.values()
    }

    /// How many there are, listed or not.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// The day that counts as today.
    pub fn today(&self) -> Date {
        self.options.today
    }

    /// Moves today, for instance past somebody's last day.
    pub fn set_today(&mut self, today: Date) {
        self.options.today = today;
        let due: Vec<u64> = self
            .iter()
            .filter(|person| person.leaves_on().is_some_and(|day| day <= today))
            .filter(|person| person.is_active())
            .map(|person| person.id)
            .collect();
        for id in due {
            self.update_employment(id, |employment| {
                employment.status = EmploymentStatus::Inactive;
            });
        }
    }
}
