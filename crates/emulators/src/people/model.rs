//! The types of a person's record, independent of any vendor's wire format.

use jiff::Timestamp;
use jiff::civil::Date;

/// A person.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// Id in the HR system.
    pub id: u64,
    /// Number in the sequence of generated people, from 1.
    pub number: u64,
    /// E-mail address; missing only when gaps were asked for.
    pub email: Option<String>,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Name they go by, mostly the given name.
    pub preferred_name: String,
    /// Gender.
    pub gender: Gender,
    /// Date of birth, which about one in 23 has not given.
    pub birth_date: Option<Date>,
    /// T-shirt size, an attribute of no interest to any target.
    pub shirt_size: &'static str,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When the person (not an employment) was last changed.
    pub updated_at: Timestamp,
    /// Employments, newest first; never empty.
    pub employments: Vec<Employment>,
    /// False when the person has been removed from the system.
    pub listed: bool,
}

impl Person {
    /// The newest employment.
    pub fn current(&self) -> &Employment {
        &self.employments[0]
    }

    /// Whether the newest employment is active, on leave or about to begin.
    pub fn is_active(&self) -> bool {
        self.current().status != EmploymentStatus::Inactive
    }

    /// Last day under the newest employment.
    pub fn leaves_on(&self) -> Option<Date> {
        self.current().termination.as_ref().map(|end| end.last_working_day)
    }
}

/// An employment, current or past.
#[derive(Clone, Debug, PartialEq)]
pub struct Employment {
    /// UUID.
    pub id: String,
    /// Status.
    pub status: EmploymentStatus,
    /// First day; missing only when gaps were asked for.
    pub start: Option<Date>,
    /// Last day of a past employment.
    pub end: Option<Date>,
    /// Own staff or not.
    pub kind: EmploymentType,
    /// Hours a week.
    pub weekly_hours: u8,
    /// Job title.
    pub position: String,
    /// Id of the manager's person.
    pub supervisor: Option<u64>,
    /// Id of the office.
    pub office: u64,
    /// Id of the legal entity.
    pub legal_entity: u64,
    /// Id of the department.
    pub department: u64,
    /// Id of the team.
    pub team: u64,
    /// Ids and weights in percent; none for about one in 97 people.
    pub cost_centers: Vec<(u64, u8)>,
    /// Set for leavers, also for those who have not left yet.
    pub termination: Option<Termination>,
    /// When the employment was made.
    pub created_at: Timestamp,
    /// When the employment was last changed.
    pub updated_at: Timestamp,
}

/// How an employment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// Day of the end of the contract.
    pub date: Date,
    /// Last day at work, the same or earlier.
    pub last_working_day: Date,
    /// `EMPLOYEE`, `CONTRACT_EXPIRED` and so on.
    pub kind: &'static str,
}

/// Gender as HR systems keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Gender {
    Male,
    Female,
    Diverse,
    Unspecified,
}

/// Status of an employment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EmploymentStatus {
    Active,
    Inactive,
    Onboarding,
    Leave,
}

/// Own staff or somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum EmploymentType {
    Internal,
    External,
}

/// Something with an id and a name: an office, a team, a cost centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// For a team, the id of its department.
    pub parent: Option<u64>,
}

/// The things that employments refer to by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// Offices.
    pub offices: Vec<Item>,
    /// Legal entities.
    pub legal_entities: Vec<Item>,
    /// Departments.
    pub departments: Vec<Item>,
    /// Teams.
    pub teams: Vec<Item>,
    /// Cost centres.
    pub cost_centers: Vec<Item>,
}

impl Catalogue {
    /// Name of the item with this id.
    pub fn name(items: &[Item], id: u64) -> Option<&str> {
        items.iter().find(|item| item.id == id).map(|item| item.name.as_str())
    }
}
