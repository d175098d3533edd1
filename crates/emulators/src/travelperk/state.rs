//! State of the emulated tenant: accounts, cost centres, settings.

use super::TravelPerkOptions;
use super::normal::{Rules, normalise};
use super::schema::{CORE, ENTERPRISE, TRAVELPERK};
use super::scim_error::ScimError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

type Fields = Map<String, Value>;

/// An account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Id, a number for this vendor.
    pub id: u64,
    /// SCIM attributes in stored form.
    pub fields: Fields,
    created: Timestamp,
    modified: Timestamp,
}

impl Account {
    /// The login.
    pub fn user_name(&self) -> &str {
        self.fields.get("userName").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether the account is open, as it is unless it was closed.
    pub fn active(&self) -> bool {
        self.fields.get("active") != Some(&json!(false))
    }

    /// The client's own id of the user.
    pub fn external_id(&self) -> Option<&str> {
        self.fields.get("externalId").and_then(Value::as_str)
    }

    /// Name of the cost centre.
    pub fn cost_center(&self) -> Option<&str> {
        self.fields.get(ENTERPRISE)?.get("costCenter")?.as_str()
    }

    /// Id of the manager's account.
    pub fn manager(&self) -> Option<u64> {
        self.fields.get(ENTERPRISE)?.get("manager")?.get("value")?.as_str()?.parse().ok()
    }

    /// Given and family name.
    pub fn display_name(&self) -> String {
        let part = |name| self.fields.get("name").and_then(|n| n[name].as_str()).unwrap_or("");
        format!("{} {}", part("givenName"), part("familyName"))
    }
}

/// A cost centre.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostCenter {
    /// Id.
    pub id: u64,
    /// Name, which accounts refer to.
    pub name: String,
    /// Whether it is out of use.
    pub archived: bool,
}

/// Accounts, cost centres, settings.
#[derive(Debug)]
pub struct TravelPerkState {
    /// The settings; a change takes effect at the next request.
    pub options: TravelPerkOptions,
    accounts: BTreeMap<u64, Account>,
    misdelivered: BTreeMap<u64, Fields>,
    cost_centers: BTreeMap<u64, CostCenter>,
    next_id: u64,
    next_cost_center: u64,
}

impl TravelPerkState {
    pub(super) fn new(options: TravelPerkOptions) -> Self {
        Self {
            accounts: BTreeMap::new(),
            misdelivered: BTreeMap::new(),
            cost_centers: BTreeMap::new(),
            next_id: options.first_id,
            next_cost_center: options.first_id,
            options,
        }
    }

    /// All accounts by ascending id.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// The account with this id.
    pub fn account(&self, id: u64) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// The account with this login, whatever its case.
    pub fn by_user_name(&self, name: &str) -> Option<&Account> {
        let name = name.to_lowercase();
        self.accounts().find(|account| account.user_name().to_lowercase() == name)
    }

    /// Creates an account from SCIM attributes, as the API would, and gives its id.
    pub fn insert(&mut self, fields: Fields) -> Result<u64, ScimError> {
        let mut fields = self.checked(fields, None)?;
        fields.entry("active").or_insert(json!(true));
        let (id, now) = (self.next_id, Timestamp::now());
        self.next_id += 1;
        self.accounts.insert(id, Account { id, fields, created: now, modified: now });
        Ok(id)
    }

    /// Replaces the attributes of an account.
    pub fn replace(&mut self, id: u64, fields: Fields) -> Result<(), ScimError> {
        let fields = self.checked(fields, Some(id))?;
        let account = self.accounts.get_mut(&id).ok_or_else(|| gone(id))?;
        account.fields = fields;
        account.modified = Timestamp::now();
        Ok(())
    }

    /// Changes attributes by hand, without the checks of the API: for drift.
    pub fn edit(&mut self, id: u64, change: impl FnOnce(&mut Fields)) -> bool {
        let Some(account) = self.accounts.get_mut(&id) else {
            return false;
        };
        change(&mut account.fields);
        account.modified = Timestamp::now();
        true
    }

    /// Closes an account as an administrator does, who leaves everything else as it is.
    pub fn suspend(&mut self, id: u64) -> bool {
        self.edit(id, |fields| {
            fields.insert("active".to_owned(), json!(false));
        })
    }

    /// Exchanges the logins, which are the e-mail addresses, of two accounts.
    pub fn swap_user_names(&mut self, one: u64, other: u64) -> bool {
        let name = |id| self.account(id).map(|account| json!(account.user_name()));
        let (Some(first), Some(second)) = (name(one), name(other)) else {
            return false;
        };
        let mut set = |id, name| {
            self.edit(id, |fields| {
                fields.insert("userName".to_owned(), name);
            })
        };
        set(one, second) && set(other, first)
    }

    /// Delivers these attributes of an account in place of its own ones, whatever their type: null
    /// leaves an attribute out, objects are merged. The account itself stays as it is and can be
    /// written; no attributes end this.
    pub fn misdeliver(&mut self, id: u64, attributes: Fields) {
        self.misdelivered.insert(id, attributes);
    }

    /// Deletes an account. What happens to those whose manager it was is not documented; here
    /// they are left without one.
    pub fn delete(&mut self, id: u64) -> Result<(), ScimError> {
        self.accounts.remove(&id).ok_or_else(|| gone(id))?;
        for account in self.accounts.values_mut().filter(|account| account.manager() == Some(id)) {
            if let Some(Value::Object(fields)) = account.fields.get_mut(ENTERPRISE) {
                fields.remove("manager");
            }
        }
        Ok(())
    }

    fn checked(&self, fields: Fields, own: Option<u64>) -> Result<Fields, ScimError> {
        let rules = Rules { companies: &self.options.companies, default_company: &self.options.default_company };
        let mut fields = normalise(fields, rules)?;
        let name = fields.get("userName").and_then(Value::as_str).unwrap_or_default();
        if self.by_user_name(name).is_some_and(|other| Some(other.id) != own) {
            return Err(ScimError::taken(format!("userName {name} is taken")));
        }
        let cost_center = fields.get(ENTERPRISE).and_then(|fields| fields["costCenter"].as_str());
        if let Some(name) = cost_center.filter(|_| self.options.reject_unknown_cost_centers)
            && !self.cost_centers().any(|known| known.name == name)
        {
            return Err(ScimError::bad("invalidValue", format!("no cost centre {name}")));
        }
        self.check_manager(&mut fields)?;
        Ok(fields)
    }

    /// A manager must have an account already; only the id is kept of what was sent.
    fn check_manager(&self, fields: &mut Fields) -> Result<(), ScimError> {
        let manager = fields.get_mut(ENTERPRISE).and_then(|fields| fields.get_mut("manager"));
        let Some(manager) = manager else {
            return Ok(());
        };
        let value = manager["value"].as_str().unwrap_or_default().to_owned();
        let known = value.parse().ok().and_then(|id| self.account(id)).is_some();
        if !known {
            return Err(ScimError::bad("invalidValue", format!("no user {value} as a manager")));
        }
        *manager = json!({ "value": value });
        Ok(())
    }

    /// URL of an account. The vendor gives one on a host of its own, whatever host was called.
    pub fn location(&self, id: u64) -> String {
        format!("{}/Users/{id}", self.options.location_base)
    }

    /// The account as SCIM shows it.
    pub fn render(&self, account: &Account) -> Value {
        let mut user = Fields::new();
        let extensions = [ENTERPRISE, TRAVELPERK];
        let present = extensions.into_iter().filter(|urn| account.fields.contains_key(*urn));
        let schemas: Vec<&str> = std::iter::once(CORE).chain(present).collect();
        user.insert("schemas".to_owned(), json!(schemas));
        user.insert("id".to_owned(), json!(account.id.to_string()));
        user.extend(account.fields.clone());
        user.insert("groups".to_owned(), json!([]));
        let manager = account.manager().and_then(|id| self.account(id));
        let stored = user.get_mut(ENTERPRISE).and_then(|fields| fields.get_mut("manager"));
        if let (Some(manager), Some(stored)) = (manager, stored) {
            stored["$ref"] = json!(self.location(manager.id));
            if self.options.manager_display_name {
                stored["displayName"] = json!(manager.display_name());
            }
        }
        user.insert(
            "meta".to_owned(),
            json!({
                "resourceType": "User",
                "created": account.created,
                "lastModified": account.modified,
                "location": self.location(account.id),
            }),
        );
        merge(&mut user, self.misdelivered.get(&account.id).cloned().unwrap_or_default());
        Value::Object(user)
    }

    /// All cost centres by ascending id.
    pub fn cost_centers(&self) -> impl Iterator<Item = &CostCenter> {
        self.cost_centers.values()
    }

    /// The cost centre with this id.
    pub fn cost_center_mut(&mut self, id: u64) -> Option<&mut CostCenter> {
        self.cost_centers.get_mut(&id)
    }

    /// Creates a cost centre unless one of that name exists; gives its id.
    pub fn add_cost_center(&mut self, name: &str) -> Option<u64> {
        if self.cost_centers().any(|known| known.name == name) {
            return None;
        }
        let id = self.next_cost_center;
        self.next_cost_center += 1;
        self.cost_centers.insert(id, CostCenter { id, name: name.to_owned(), archived: false });
        Some(id)
    }

    /// Renames a cost centre and those who belong to it.
    pub(super) fn rename_cost_center(&mut self, id: u64, name: &str) -> bool {
        if self.cost_centers().any(|other| other.id != id && other.name == name) {
            return false;
        }
        let Some(center) = self.cost_centers.get_mut(&id) else {
            return false;
        };
        let before = std::mem::replace(&mut center.name, name.to_owned());
        let members: Vec<u64> = self.members(&before).map(|account| account.id).collect();
        for member in members {
            self.assign(member, Some(name));
        }
        true
    }

    /// Accounts whose cost centre has this name.
    pub fn members<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Account> {
        self.accounts().filter(move |account| account.cost_center() == Some(name))
    }

    /// Puts an account into a cost centre, or takes it out of any.
    pub(super) fn assign(&mut self, id: u64, name: Option<&str>) {
        self.edit(id, |fields| {
            let entry = fields.entry(ENTERPRISE).or_insert_with(|| json!({}));
            if let (Some(entry), None) = (entry.as_object_mut(), name) {
                entry.remove("costCenter");
            } else {
                entry["costCenter"] = json!(name);
            }
        });
    }
}

/// Objects are merged, everything else is replaced; null takes away.
pub(super) fn merge(fields: &mut Fields, set: Fields) {
    for (name, value) in set {
        match (fields.get_mut(&name), value) {
            (_, Value::Null) => {
                fields.remove(&name);
            }
            (Some(Value::Object(inner)), Value::Object(set)) => merge(inner, set),
            (_, value) => {
                fields.insert(name, value);
            }
        }
    }
}

fn gone(id: u64) -> ScimError {
    ScimError::not_found(format!("no user {id}"))
}
