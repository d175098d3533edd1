//! One stream of a setting: which records, how they are matched, which fields are sent, what may happen.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of record that is kept in step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stream {
    /// Kind of record, as the two vendor definitions call it. Example: `people`, `costCentres`.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z][A-Za-z0-9]*$"))]
    pub name: String,
    /// Whether the stream takes part in runs. Switching one stream off touches no other. Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Which way records flow. `Push` (default): from source to target. `Pull`: from target to source; scope and
    /// leaver rules then look at the target's record (`target`). `Both`: records are created and removed as with Push,
    /// and each field goes its own way, see `fields[].rule`. `MatchOnly`: records are linked and nothing is written.
    /// `Ignore`: nothing is read; links stay as they are.
    #[serde(default)]
    pub mode: StreamMode,
    /// CEL expression over the source record (`source`) that must be true for a record to be sent. Unset: all.
    /// Example: `source.employment.type == "INTERNAL"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub scope: Option<String>,
    /// Which of several records of one parent counts: the first rule that a record fits decides. Unset: all of them.
    /// Only for streams whose records have a parent. Example: the latest placement of a type, else the latest one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub pick: Vec<PickRule>,
    /// How a record is found in the target when no link is stored, in this order. A rule with no hit passes on to
    /// the next, one hit links the two, several are a conflict.
    #[serde(default, rename = "match", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub match_rules: Vec<MatchRule>,
    /// What is sent to which field of the target. Fields that are not named are never touched.
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["to".into()]))]
    pub fields: Vec<FieldMapping>,
    /// What a run may do in the target.
    #[serde(default)]
    pub actions: Actions,
    /// What happens to a record that no rule finds in the target: `Create` (default), `Hold` for an approval, or `Skip`.
    #[serde(default)]
    pub on_no_match: OnNoMatch,
    /// Who counts as a leaver and what happens then.
    #[serde(default)]
    pub leaver: Leaver,
}

const fn yes() -> bool {
    true
}

/// Which way records of a stream flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum StreamMode {
    #[default]
    Push,
    Pull,
    Both,
    MatchOnly,
    Ignore,
}

/// One step of a choice among the records of one parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PickRule {
    /// CEL expression over the record (`source`) that must be true for this step. Unset: every record fits.
    /// Example: `source.type == "Work placement"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub when: Option<String>,
    /// Field of the record by which the latest one is chosen (dates and numbers by size, texts by letters); records
    /// without a value come last, and among equals the one with the lowest identifier. Example: `startDate`.
    #[schemars(length(min = 1, max = 256))]
    pub latest: String,
}

/// One way to find a record in the target. Exactly one of `field` and `fields` is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.field) != has(self.fields)").message("exactly one of field and fields must be set"))]
#[serde(rename_all = "camelCase")]
pub struct MatchRule {
    /// Field of the target that is compared with the value this stream maps to it. Example: `externalId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub field: Option<String>,
    /// Several fields that must agree together. A record without a value for one of them is not looked for by this
    /// rule. Example: `[familyName, dateOfBirth]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 2, max = 8), inner(length(min = 1, max = 128)))]
    pub fields: Vec<String>,
    /// How values are compared. `None` (default): as the target's definition says. `Case`: upper and lower case count
    /// as one. `Digits`: only digits count, for telephone numbers. `Alphanumeric`: only letters and digits count, in
    /// upper case, for national insurance numbers. Other than None, the target's list is searched, not its filter.
    #[serde(default)]
    pub normalize: Normalization,
}

impl MatchRule {
    /// The fields that must agree, one or more.
    pub fn names(&self) -> Vec<&str> {
        self.field.iter().chain(&self.fields).map(String::as_str).collect()
    }
}

/// How the values of a match rule are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Normalization {
    #[default]
    None,
    Case,
    Digits,
    Alphanumeric,
}

/// What is sent to one field of the target. Exactly one of `from`, `value` and `expr` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("(has(self.from) ? 1 : 0) + (has(self.value) ? 1 : 0) + (has(self.expr) ? 1 : 0) == 1").message("exactly one of from, value and expr must be set"))]
#[x_kube(validation = Rule::new("!has(self.onUnmapped) || has(self.values)").message("onUnmapped needs values"))]
#[x_kube(validation = Rule::new("!has(self.winner) || (has(self.rule) && self.rule == 'Fill')").message("winner needs rule: Fill"))]
#[x_kube(validation = Rule::new("!has(self.back) || (has(self.from) && (!has(self.rule) || self.rule != 'Push'))").message("back needs from, and rule: Pull or Fill"))]
#[serde(rename_all = "camelCase")]
pub struct FieldMapping {
    /// Field of the target, as its definition calls it. Example: `givenName`.
    #[schemars(length(min = 1, max = 128))]
    pub to: String,
    /// Path of a field of the source record. Example: `employment.position`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub from: Option<String>,
    /// A constant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
    /// CEL expression over the source record. Example: `source.preferredName != null ? source.preferredName : source.firstName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub expr: Option<String>,
    /// Which way the value goes. `Push`: from source to target. `Pull`: from target to source. `Fill`: to whichever
    /// side has none; where both have one and they differ, `winner` decides. Default: Push, in a stream of mode Pull
    /// Pull. Pull and Fill need a stream of mode Both or Pull.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<FieldRule>,
    /// With `rule: Fill`, whose value counts where both sides have one: `Source` or `Target`. Unset: both keep theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<Winner>,
    /// CEL expression over the target's record (`target`) that gives the value for the source's field that `from` names,
    /// where a field flows back and is not simply the same. Example: `target.level == "3" ? "Advanced" : "Standard"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub back: Option<String>,
    /// `Always` (default), or `OnCreate`: sent with a new record, never changed afterwards.
    #[serde(default)]
    pub apply: Apply,
    /// What an empty value means: `Keep` (default) leaves the target's value, `Clear` empties it.
    #[serde(default)]
    pub on_null: OnNull,
    /// Sent when the value is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub default: Option<String>,
    /// Translation of values. Example: `{from: FEMALE, to: F}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 512))]
    pub values: Vec<ValueMapping>,
    /// What happens to a value that `values` does not name: `Hold` (default) holds the record and raises the condition
    /// UnmappedValues, `Skip` leaves the field out, `Pass` sends the value as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unmapped: Option<OnUnmapped>,
    /// What the value must look like, beyond what the target's definition asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate: Option<Validation>,
}

/// Which way a value goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FieldRule {
    #[default]
    Push,
    Pull,
    Fill,
}

/// Whose value counts where both sides have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Winner {
    Source,
    Target,
}

/// When a field is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Apply {
    #[default]
    Always,
    OnCreate,
}

/// What an empty value means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNull {
    #[default]
    Keep,
    Clear,
}

/// One translated value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueMapping {
    /// Value of the source.
    #[schemars(length(max = 256))]
    pub from: String,
    /// Value for the target; null sends the field as empty.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub to: Option<String>,
}

/// What happens to a value that a value map does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnUnmapped {
    #[default]
    Hold,
    Skip,
    Pass,
}

/// What a value must look like. A record that breaks a rule fails with the reason; the others go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65_536))]
    pub min_length: Option<i32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 65_536))]
    pub max_length: Option<i32>,
    /// Regular expression (RE2 syntax) that the whole value must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub pattern: Option<String>,
    /// The only values allowed.
    #[serde(default, rename = "enum", skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 256)))]
    pub one_of: Vec<String>,
}

/// What a run may do in the target. What is switched off is reported as skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "four switches that users see")]
pub struct Actions {
    /// Create records that are not in the target. Default: true.
    #[serde(default = "yes")]
    pub create: bool,
    /// Change existing records, re-enabling included. Default: true. Never done in mode CreateOnly.
    #[serde(default = "yes")]
    pub update: bool,
    /// Disable leavers. Default: true. Never done in mode CreateOnly.
    #[serde(default = "yes")]
    pub disable: bool,
    /// Delete leavers after `leaver.deleteAfterDays`. Default: false. Never done in mode CreateOnly.
    #[serde(default)]
    pub delete: bool,
}

impl Default for Actions {
    fn default() -> Self {
        Self { create: true, update: true, disable: true, delete: false }
    }
}

/// What happens to a record that is not in the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnNoMatch {
    #[default]
    Create,
    Hold,
    Skip,
}

/// Who counts as a leaver and what happens then. A leaver is disabled; a record that comes back is enabled again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaver {
    /// CEL expression over the source record that is true for a leaver. Example: `source.status == "INACTIVE"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub when: Option<String>,
    /// CEL expression that gives the last day (`YYYY-MM-DD`) or null. The person is a leaver from the start of the
    /// following day in the setting's time zone. Example: `source.employment.lastWorkingDay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub last_day: Option<String>,
    /// What happens to a linked record that a complete read no longer contains: `Disable` (default) or `Keep`.
    #[serde(default)]
    pub on_absence: OnGone,
    /// What happens to a linked record that no longer is in `scope`: `Disable` (default) or `Keep`.
    #[serde(default)]
    pub on_out_of_scope: OnGone,
    /// Days after which a record that was disabled by Rollcall is deleted, when `actions.delete` is true. 0 deletes at
    /// once, and is allowed only where records cannot be disabled (absences, contracts). Default: 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 0, max = 3650))]
    pub delete_after_days: i32,
}

const fn thirty() -> i32 {
    30
}

impl Default for Leaver {
    fn default() -> Self {
        Self {
            when: None,
            last_day: None,
            on_absence: OnGone::Disable,
            on_out_of_scope: OnGone::Disable,
            delete_after_days: 30,
        }
    }
}

/// What happens to a linked record that is gone from the source's side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnGone {
    #[default]
    Disable,
    Keep,
}

/// How values of the source are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Parsing {
    /// Date formats of the source beside `YYYY-MM-DD`, made of `YYYY`, `MM`, `DD` and separators. Example: `DD/MM/YYYY`.
    /// A value that two formats read as different days fails its record with DateAmbiguous.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(min = 8, max = 16), regex(pattern = r"^[YMD./ -]+$")))]
    pub date_formats: Vec<String>,
}
