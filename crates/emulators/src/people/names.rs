//! Word lists for synthetic people and the fixed catalogue of their company.
//!
//! Names come with a spelling for the e-mail address. Several are there to make careless code
//! stumble: letters outside ASCII, other scripts, combining marks (`Zoe` and `Rene` are written
//! with U+0308 and U+0301), apostrophes, hyphens and blanks.

use super::model::{Catalogue, Gender, Item};

/// Given name, its ASCII spelling and the gender it goes with.
pub const FIRST: [(&str, &str, Gender); 32] = [
    ("Ada", "ada", Gender::Female),
    ("Jürgen", "juergen", Gender::Male),
    ("Łucja", "lucja", Gender::Female),
    ("Wei", "wei", Gender::Male),
    ("Zoe\u{308}", "zoe", Gender::Female),
    ("Rene\u{301}", "rene", Gender::Male),
    ("Siân", "sian", Gender::Female),
    ("Björn", "bjoern", Gender::Male),
    ("Małgorzata", "malgorzata", Gender::Female),
    ("José Luis", "jose.luis", Gender::Male),
    ("D'Arcy", "darcy", Gender::Female),
    ("Øyvind", "oyvind", Gender::Male),
    ("Anne-Marie", "anne-marie", Gender::Female),
    ("Ibrahim", "ibrahim", Gender::Male),
    ("Yuki", "yuki", Gender::Female),
    ("Çağlar", "caglar", Gender::Male),
    ("Nadia", "nadia", Gender::Female),
    ("Tom", "tom", Gender::Male),
    ("Élodie", "elodie", Gender::Female),
    ("Kwame", "kwame", Gender::Male),
    ("Χρυσάνθη", "chrysanthi", Gender::Female),
    ("Олександр", "oleksandr", Gender::Male),
    ("Ngozi", "ngozi", Gender::Female),
    ("Þór", "thor", Gender::Male),
    ("Inês", "ines", Gender::Female),
    ("Lars", "lars", Gender::Male),
    ("芳", "fang", Gender::Female),
    ("Dmitri", "dmitri", Gender::Male),
    ("Aoife", "aoife", Gender::Female),
    ("Ravi", "ravi", Gender::Male),
    ("Șerban", "serban", Gender::Male),
    ("Jo", "jo", Gender::Female),
];

/// Family name and its ASCII spelling.
pub const LAST: [(&str, &str); 32] = [
    ("Moore", "moore"),
    ("Müller", "mueller"),
    ("Łukasiewicz", "lukasiewicz"),
    ("李", "li"),
    ("O'Brien", "obrien"),
    ("Núñez", "nunez"),
    ("Sørensen", "soerensen"),
    ("Nguyễn", "nguyen"),
    ("van der Berg", "vanderberg"),
    ("Weiß", "weiss"),
    ("D’Angelo", "dangelo"),
    ("Smith-Jones", "smith-jones"),
    ("Dvořák", "dvorak"),
    ("Yılmaz", "yilmaz"),
    ("Kowalczyk", "kowalczyk"),
    ("Παπαδόπουλος", "papadopoulos"),
    ("Шевченко", "shevchenko"),
    ("Jönsson", "joensson"),
    ("de la Cruz", "delacruz"),
    ("Ó Súilleabháin", "osuilleabhain"),
    ("Åberg", "aberg"),
    ("田中", "tanaka"),
    ("García", "garcia"),
    ("Okafor", "okafor"),
    ("Čapek", "capek"),
    ("Lee", "lee"),
    ("Grün-Łoś", "gruen-los"),
    ("Singh", "singh"),
    ("Žižek", "zizek"),
    ("Bąk", "bak"),
    ("Ferreira", "ferreira"),
    ("Null", "null"),
];

/// Job titles.
pub const POSITIONS: [&str; 10] = [
    "Engineer",
    "Senior Engineer",
    "Accountant",
    "Buyer",
    "Sales Manager",
    "Support Specialist",
    "Designer",
    "Recruiter",
    "Data Analyst",
    "Team Lead",
];

/// Reasons for an end that the vendor lists.
pub const ENDS: [&str; 4] = ["EMPLOYEE", "CONTRACT_EXPIRED", "AGREEMENT", "RETIREMENT"];

/// T-shirt sizes.
pub const SIZES: [&str; 4] = ["S", "M", "L", "XL"];

/// Legal entities. `Example Polska` is written otherwise in the travel system (see
/// `travelperk::DEFAULT_COMPANIES`), so its people fall to the default company there.
pub const LEGAL_ENTITIES: [&str; 4] =
    ["Example GmbH", "Example Ltd", "Example Ibérica S.L.", "Example Polska Sp. z o.o."];

const OFFICES: [&str; 8] = ["Berlin", "London", "Łódź", "Zürich", "São Paulo", "臺北", "Malmö", "Sant Cugat"];

const DEPARTMENTS: [&str; 9] =
    ["Engineering", "Finance", "People", "Sales", "Support", "Legal", "Marketing", "Operations", "R&D"];

const COST_CENTERS: [&str; 12] = [
    "Marketing",
    "Engineering",
    "Vertrieb Süd",
    "Finance, Tax & Audit",
    "Support EMEA",
    "R&D",
    "People/Culture",
    "Operations",
    "Legal",
    "Sales 100%",
    "Facilities \"North\"",
    "marketing",
];

/// First ids of the catalogue's lists.
pub const OFFICE_BASE: u64 = 300;
/// See [`OFFICE_BASE`].
pub const ENTITY_BASE: u64 = 400;
/// See [`OFFICE_BASE`].
pub const DEPARTMENT_BASE: u64 = 500;
/// See [`OFFICE_BASE`].
pub const TEAM_BASE: u64 = 600;
/// See [`OFFICE_BASE`].
pub const COST_CENTER_BASE: u64 = 900;

/// Teams in each department.
pub const TEAMS_EACH: usize = 3;

/// How many of each there are: offices, legal entities, departments, cost centres.
pub const SIZES_OF: (usize, usize, usize, usize) =
    (OFFICES.len(), LEGAL_ENTITIES.len(), DEPARTMENTS.len(), COST_CENTERS.len());

fn items(base: u64, names: &[&str]) -> Vec<Item> {
    let ids = base..;
    ids.zip(names).map(|(id, name)| Item { id, name: (*name).to_owned(), parent: None }).collect()
}

/// The company's offices, departments and so on.
pub fn catalogue() -> Catalogue {
    let departments = items(DEPARTMENT_BASE, &DEPARTMENTS);
    let teams = departments
        .iter()
        .flat_map(|department| (1..=TEAMS_EACH).map(move |n| (department.id, format!("{} {n}", department.name))));
    Catalogue {
        offices: items(OFFICE_BASE, &OFFICES),
        legal_entities: items(ENTITY_BASE, &LEGAL_ENTITIES),
        teams: (TEAM_BASE..).zip(teams).map(|(id, (parent, name))| Item { id, name, parent: Some(parent) }).collect(),
        cost_centers: items(COST_CENTER_BASE, &COST_CENTERS),
        departments,
    }
}
