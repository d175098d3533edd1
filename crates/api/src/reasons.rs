//! Reasons: the words that say why, in conditions, events, metrics and outcomes. They are API: each is documented in
//! `docs/reasons.md`, with a class and a remedy. No other module writes them as literals.

/// Who has to do something about a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody must act.
    Actionable,
    /// Nothing is wrong.
    Expected,
    /// It goes away by itself; the next run tries again.
    Transient,
}

/// A reason with what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The word.
    pub name: &'static str,
    /// Who has to act.
    pub class: Class,
    /// What it means and what to do, in one line.
    pub remedy: &'static str,
}

macro_rules! reasons {
    ($($constant:ident = $name:literal, $class:ident, $remedy:literal;)*) => {
        $(#[doc = $remedy] pub const $constant: &str = $name;)*
        /// Every reason there is.
        pub const ALL: &[Reason] = &[$(Reason { name: $name, class: Class::$class, remedy: $remedy }),*];
    };
}

reasons! {
    // Providers.
    PROBE_SUCCEEDED = "ProbeSucceeded", Expected, "The provider answered and accepted the credentials.";
    PROBE_FAILED = "ProbeFailed", Actionable, "The probe ended without a usable result; see the message and the probe pod.";
    PROBE_PENDING = "ProbePending", Transient, "The first probe has not ended yet.";
    CREDENTIALS_MISSING = "CredentialsMissing", Actionable, "The Secret, or a key in it, is missing or empty; the message names the key.";
    CREDENTIALS_REJECTED = "CredentialsRejected", Actionable, "The system rejected the credentials or their rights; replace the Secret's content or grant the scope.";
    ENDPOINT_UNREACHABLE = "EndpointUnreachable", Transient, "The endpoint did not answer; check its URL, DNS and network policy.";
    ADDRESS_NOT_ALLOWED = "AddressNotAllowed", Actionable, "The endpoint resolves to a loopback, link-local or private address; set spec.network.allowPrivateAddresses if that is meant.";
    SUSPENDED = "Suspended", Expected, "spec.suspend is true; nothing talks to this provider.";
    // Specs and definitions.
    INVALID_SPEC = "InvalidSpec", Actionable, "A field of the object is wrong; the message names the field, the rule and the remedy.";
    UNKNOWN_VENDOR = "UnknownVendor", Actionable, "spec.vendor is not in the catalogue; `rollcall definitions list` shows it.";
    DEFINITION_NOT_FOUND = "DefinitionNotFound", Actionable, "The ConfigMap or key that spec.definitionRef names does not exist.";
    DEFINITION_INVALID = "DefinitionInvalid", Actionable, "The vendor definition has an error; `rollcall definitions check FILE` shows where.";
    SCHEDULE_INVALID = "ScheduleInvalid", Actionable, "spec.schedule is not a cron expression of five fields or a macro.";
    TIME_ZONE_UNKNOWN = "TimeZoneUnknown", Actionable, "spec.timeZone is not an IANA time zone.";
    MAPPING_INVALID = "MappingInvalid", Actionable, "A stream, field or expression of the setting does not fit the definitions; the message names it.";
    PROVIDER_NOT_FOUND = "ProviderNotFound", Actionable, "The IntegrationProvider does not exist in this namespace.";
    PROVIDER_NOT_READY = "ProviderNotReady", Transient, "The IntegrationProvider is not Ready; see its conditions.";
    SETTING_NOT_FOUND = "SettingNotFound", Actionable, "The SyncSetting does not exist in this namespace.";
    SETTING_NOT_READY = "SettingNotReady", Transient, "The SyncSetting is not Ready; see its conditions.";
    NOT_PUBLISHED = "NotPublished", Expected, "The first plan waits for an approval: kubectl rollcall approve.";
    PUBLISHED = "Published", Expected, "The setting is published.";
    SWITCHED_OFF = "SwitchedOff", Expected, "spec.state is Off.";
    ACTIVE = "Active", Expected, "The setting is switched on.";
    SCHEDULE_SKIPPED = "ScheduleSkipped", Transient, "A scheduled time passed without a run: another run was unfinished, or it came too late.";
    // Waiting and running.
    WAITING_FOR_PROVIDER = "WaitingForProvider", Transient, "A provider is not Ready or is suspended; the job starts when it is.";
    WAITING_FOR_SLOT = "WaitingForSlot", Transient, "The provider's maxConcurrentJobs is used up; the job starts when another ends.";
    WAITING_FOR_RUN = "WaitingForRun", Transient, "Another run of the same setting is unfinished.";
    WAITING_FOR_RETRY = "WaitingForRetry", Transient, "The last attempt failed for a transient reason; the next one starts at status.nextAttemptTime.";
    RUNNING = "Running", Expected, "The connector pod runs.";
    NEVER_RUN = "NeverRun", Expected, "No run has ended yet.";
    // Ends of runs.
    COMPLETED = "Completed", Expected, "The run ended; every record is as wanted.";
    COMPLETED_WITH_HOLDS = "CompletedWithHolds", Actionable, "The run ended; some actions wait for an approval.";
    COMPLETED_WITH_FAILURES = "CompletedWithFailures", Actionable, "The run ended; some records failed: kubectl rollcall errors.";
    RECORDS_FAILED = "RecordsFailed", Actionable, "Every record failed: kubectl rollcall errors.";
    CANCELLED = "Cancelled", Expected, "The job was cancelled; what was done until then stays, the next run does the rest.";
    DEADLINE_EXCEEDED = "DeadlineExceeded", Actionable, "The run took longer than activeDeadlineSeconds; the next run does the rest.";
    BACKOFF_LIMIT_EXCEEDED = "BackoffLimitExceeded", Actionable, "Every attempt failed for a transient reason; the message has the last one.";
    POD_FAILED = "PodFailed", Transient, "The connector pod ended without a result (killed, out of memory, node lost).";
    POD_CANNOT_START = "PodCannotStart", Actionable, "The connector pod cannot start; the message has the kubelet's reason (image, volume, quota).";
    RESULT_INVALID = "ResultInvalid", Actionable, "The connector pod's result cannot be read; operator and connector images differ in version.";
    PLAN_CHANGED = "PlanChanged", Actionable, "What is held is no longer what was approved; look at the new digest and approve it.";
    NOTHING_HELD = "NothingHeld", Expected, "Nothing is held under the approved digest.";
    APPROVAL_USED = "ApprovalUsed", Expected, "The approval was carried out before; what is held now needs a new one.";
    ANOTHER_RUN = "AnotherRun", Transient, "Another run of the same setting holds the records store's lock.";
    ACTION_NOT_AVAILABLE = "ActionNotAvailable", Expected, "The setting's state does not allow a job of this type; the message names the state.";
    NOT_APPROVED = "NotApproved", Actionable, "A job of type Release needs a SyncApproval that names the same digest, actions and streams: kubectl rollcall approve.";
    // Records service.
    RECORDS_UNAVAILABLE = "RecordsUnavailable", Transient, "The records service cannot be reached; the run stops cleanly and is tried again.";
    RECORDS_INVALID = "RecordsInvalid", Actionable, "The records store is of a newer version, encrypted with another key, locked or full; it was left untouched.";
    // Reads.
    READ_INCOMPLETE = "ReadIncomplete", Transient, "The source did not deliver a complete read; nobody is removed because of it.";
    RATE_LIMITED = "RateLimited", Transient, "The system answered 429 more often than the retry policy allows.";
    SERVER_FAILED = "ServerFailed", Transient, "The system answered with a server error more often than the retry policy allows.";
    ANSWER_INVALID = "AnswerInvalid", Transient, "The system's answer is not what its definition says (truncated, empty, not JSON, a missing field).";
    ANSWER_TOO_LARGE = "AnswerTooLarge", Actionable, "The system's answer exceeds the limits on size, depth or count.";
    // Records: done.
    CREATED = "Created", Expected, "The record was created.";
    UPDATED = "Updated", Expected, "The record was changed.";
    DISABLED = "Disabled", Expected, "The record was disabled.";
    DELETED = "Deleted", Expected, "The record was deleted.";
    ADOPTED = "Adopted", Expected, "The record existed in the target, was unclaimed, and is linked now.";
    LINKED_BY_HAND = "LinkedByHand", Expected, "Somebody stated that the two records are the same: rollcall link.";
    UNLINKED_BY_HAND = "UnlinkedByHand", Expected, "Somebody took the link away: rollcall unlink.";
    UNCHANGED = "Unchanged", Expected, "The record is as wanted.";
    EXISTS = "Exists", Expected, "The record exists in the target; mode CreateOnly never changes it.";
    // Records: why an action is taken.
    NEW = "New", Expected, "The record is not in the target.";
    CHANGED = "Changed", Expected, "Fields differ from what is wanted.";
    RETURNED = "Returned", Expected, "The record is disabled in the target but active in the source.";
    TAKEN_BACK = "TakenBack", Expected, "What a run did is taken back.";
    LEAVER_STATUS = "LeaverStatus", Expected, "leaver.when is true for the record.";
    LEAVER_LAST_DAY = "LeaverLastDay", Expected, "The day after leaver.lastDay has begun.";
    LEAVER_ABSENT = "LeaverAbsent", Expected, "A complete read no longer contains the record.";
    LEAVER_OUT_OF_SCOPE = "LeaverOutOfScope", Expected, "The record is linked but no longer in scope.";
    GRACE_PERIOD_ENDED = "GracePeriodEnded", Expected, "The record was disabled longer than leaver.deleteAfterDays ago.";
    // Records: skipped.
    NOT_IN_TARGET = "NotInTarget", Expected, "A leaver that the target does not have.";
    ACTION_DISABLED = "ActionDisabled", Expected, "The stream's actions do not allow what would be needed.";
    NO_MATCH_SKIPPED = "NoMatchSkipped", Expected, "onNoMatch is Skip and the target has no such record.";
    ABSENCE_UNPROVEN = "AbsenceUnproven", Transient, "The record was not delivered, but the read was not complete; it is left alone.";
    ABSENT_KEPT = "AbsentKept", Expected, "The record is gone from the source and leaver.onAbsence is Keep.";
    ALREADY_GONE = "AlreadyGone", Expected, "The record is gone from both systems; its link is dropped.";
    OUT_OF_SCOPE = "OutOfScope", Expected, "The stream's scope is false for the record; the message has the clause.";
    KEY_CHANGED = "KeyChanged", Actionable, "The same person seems to go on under another identifier of the source; approve it, or correct the source.";
    BLOCKED_BY = "BlockedBy", Transient, "The record needs another one that failed, is held or is not there yet; it follows once that one is there.";
    LEFT_FOR_SYNC = "LeftForSync", Expected, "A run of type Release writes only what was approved; the next run does the rest.";
    ACTION_NOT_SELECTED = "ActionNotSelected", Expected, "The run is limited to other kinds of write; another run does the rest.";
    SUSPENDED_IN_TARGET = "SuspendedInTarget", Expected, "Somebody else disabled the record in the target; Rollcall enables only what it disabled itself.";
    NOT_ELIGIBLE = "NotEligible", Expected, "The selected record is not in scope.";
    // Records: held.
    FIRST_RUN = "FirstRun", Actionable, "publish is Manual and no plan has been approved yet.";
    RULES_CHANGED = "RulesChanged", Actionable, "Scope, match rules, leaver rules, actions or modes have changed since the last approval.";
    MAPPING_CHANGED = "MappingChanged", Actionable, "The mapping of a field that would be written has changed since the last approval.";
    SYSTEM_CHANGED = "SystemChanged", Actionable, "The definition, an endpoint or a parameter of a provider has changed since the last approval.";
    IDENTITY_DOUBTFUL = "IdentityDoubtful", Actionable, "Many linked records are not what they were: another tenant, or a source with new identifiers; check both systems before approving.";
    UNDONE = "Undone", Actionable, "A run of type Undo left the record as it is; approve what would be written again, or leave it.";
    AGREEMENT_PENDING = "AgreementPending", Actionable, "Nothing is to be written, but what the setting says now waits for an approval.";
    REMOVAL_LIMIT = "RemovalLimit", Actionable, "More people would lose access within the window than the guard allows.";
    POPULATION_TOO_SMALL = "PopulationTooSmall", Actionable, "The source delivered fewer people than guard.minimumPopulation.";
    ENABLE_LIMIT = "EnableLimit", Actionable, "The run would enable more people again than the guard allows.";
    FIELD_CHANGE_LIMIT = "FieldChangeLimit", Actionable, "One field would change, or be emptied, for more records than guard.maxFieldChangePercent allows.";
    CREATE_BUDGET = "CreateBudget", Actionable, "More records would be created within the window than guard.maxCreates allows.";
    NO_MATCH_HELD = "NoMatchHeld", Actionable, "onNoMatch is Hold and the target has no such record.";
    VALUE_UNMAPPED = "ValueUnmapped", Actionable, "A source value is not in the field's value map; add it.";
    // Records: conflicts and failures.
    SEVERAL_MATCHES = "SeveralMatches", Actionable, "Several target records match; link one by hand or make the match rule stricter.";
    MATCHED_TWICE = "MatchedTwice", Actionable, "Several source records match one target record; correct the duplicate.";
    CLAIMED_BY_ANOTHER = "ClaimedByAnother", Actionable, "The target record exists and belongs to another source record.";
    CLAIMED_BY_SETTING = "ClaimedBySetting", Actionable, "The row belongs to another setting that writes to the same system; only one of the two may have it.";
    SHARED_IDENTIFIER = "SharedIdentifier", Actionable, "Several records of the source have the same value in a match field; correct it there.";
    SOMEBODY_ELSE = "SomebodyElse", Actionable, "The two linked records have nothing in common any more; check who is meant, and unlink or link them by hand.";
    NOT_IN_SOURCE = "NotInSource", Actionable, "The source has no record with the identifier that was asked for; check it.";
    TARGET_UNREADABLE = "TargetUnreadable", Transient, "The target's record could not be read whole, so it is left alone.";
    IRREVERSIBLE = "Irreversible", Actionable, "The system cannot take back what was done; restore it there by hand.";
    UNDO_CONFLICT = "UndoConflict", Actionable, "The record was changed since the run that is taken back; decide there what it should be.";
    TARGET_UNKNOWN = "TargetUnknown", Transient, "Whether the target has the record could not be found out.";
    SOURCE_UNREADABLE = "SourceUnreadable", Transient, "The source delivered the record only in part.";
    REQUIRED_FIELD_EMPTY = "RequiredFieldEmpty", Actionable, "A field that the target requires has no value; complete the record in the source or map a default.";
    VALUE_INVALID = "ValueInvalid", Actionable, "A value breaks a rule of the target or of the mapping; the message names field and rule.";
    DATE_INVALID = "DateInvalid", Actionable, "A value is not a date in any of the formats of spec.parsing.dateFormats.";
    DATE_AMBIGUOUS = "DateAmbiguous", Actionable, "A value can be read as two different days; keep one format in spec.parsing.dateFormats.";
    EXPRESSION_FAILED = "ExpressionFailed", Actionable, "An expression could not be evaluated for the record; the message names it.";
    REFERENCE_UNRESOLVED = "ReferenceUnresolved", Actionable, "The referenced record is not in the target; the field was left as it is.";
    TARGET_REJECTED = "TargetRejected", Actionable, "The target refused the values; the message has its rule.";
    OUTCOME_UNKNOWN = "OutcomeUnknown", Transient, "The write was sent, its outcome is not known; the next run looks the record up before it tries again.";
    WRITE_REFUSED = "WriteRefused", Actionable, "The system accepts the credentials but refuses this write; grant the right that it needs, or correct the record.";
    WRITE_FAILED = "WriteFailed", Transient, "The write failed for a transient reason; the next run tries again.";
    // Approvals.
    APPLIED = "Applied", Expected, "The approved actions were applied.";
    DENIED = "Denied", Expected, "The actions were denied.";
    RELEASING = "Releasing", Transient, "The Release job is at work.";
    // Rollcall.
    INTERNAL = "Internal", Actionable, "A defect of Rollcall; please report it with the message.";
}

/// Looks a reason up by its word.
pub fn find(name: &str) -> Option<&'static Reason> {
    ALL.iter().find(|reason| reason.name == name)
}
