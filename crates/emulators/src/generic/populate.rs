//! Fills the invented system with synthetic people.

use super::super::people::{EmploymentType, People, Person};
use super::{GenericState, Stream};
use serde_json::{Value, json};

/// Officers that people are shared out to in turn.
const OFFICERS: [&str; 3] = ["Office North", "Office South", "Office West"];

impl GenericState {
    /// Adds the people with their employments as placements, the earliest first, and the officers
    /// who look after them. Gives the ids of the people in order.
    pub fn populate(&mut self, people: &People) -> Vec<u64> {
        let officers = OFFICERS.map(|name| self.insert(Stream::Officers, json!({ "name": name })));
        let mut ids = Vec::new();
        for (person, officer) in people.iter().zip(officers.into_iter().cycle()) {
            let id = self.insert(Stream::People, row(person, officer));
            for employment in person.employments.iter().rev() {
                let kind = match employment.kind {
                    EmploymentType::Internal => "INTERNAL",
                    EmploymentType::External => "EXTERNAL",
                };
                let placement = json!({
                    "personId": id.to_string(),
                    "type": kind,
                    "startDate": employment.start,
                    "endDate": employment.end,
                });
                self.insert(Stream::Placements, placement);
            }
            ids.push(id);
        }
        ids
    }
}

fn row(person: &Person, officer: u64) -> Value {
    json!({
        "name": format!("{} {}", person.first_name, person.last_name),
        "email": person.email,
        "number": format!("N{:05}", person.number),
        "birthDate": person.birth_date,
        "startDate": person.current().start,
        "lastDay": person.leaves_on(),
        "officerId": officer.to_string(),
        "active": person.is_active(),
    })
}
