//! Names of the objects that the plugin makes. Pure.

use crate::operator::resources::sha256_hex;

use rollcall_api::v1alpha1::{ApprovalLimits, Decision};

/// Longest name of a job: labels are made from it.
const MAX_JOB: usize = 63;
/// Longest name of an approval: the name of its Release job is made from it.
const MAX_APPROVAL: usize = 52;
/// Room for `-9`, `-99` at the end of an approval's name.
const NUMBER_ROOM: usize = 3;

/// `<setting>-m<seconds since 1970>` (m for manual), with the setting's name cut where it is too long.
pub(super) fn job_name(setting: &str, seconds: i64) -> String {
    joined(setting, &format!("-m{seconds}"), MAX_JOB)
}

/// `<setting>-<first ten digits of the digest>`, for a denial followed by `-no`, for a limited decision by six digits
/// of the limits' hash, so that different decisions about one digest have different names. `number` above 1 is added
/// when earlier decisions have used up the name.
pub(super) fn approval_name(
    setting: &str,
    digest: &str,
    decision: Decision,
    only: Option<&ApprovalLimits>,
    number: u32,
) -> String {
    let digits: String = digest.trim_start_matches("sha256:").chars().take(10).collect();
    let mut tail = format!("-{digits}");
    if let Some(limits) = only {
        tail.push('-');
        tail.push_str(&hash(limits));
    }
    if decision == Decision::Deny {
        tail.push_str("-no");
    }
    let numbered = if number > 1 { format!("-{number}") } else { String::new() };
    // The same room is left with and without a number, so that the names of one decision sort together.
    joined(setting, &tail, MAX_APPROVAL - NUMBER_ROOM) + &numbered
}

/// Six hexadecimal digits that stand for the limits, whatever their order.
fn hash(limits: &ApprovalLimits) -> String {
    let mut actions: Vec<String> = limits.actions.iter().map(ToString::to_string).collect();
    let mut streams = limits.streams.clone();
    actions.sort_unstable();
    streams.sort_unstable();
    let text = format!("{}|{}", actions.join(","), streams.join(","));
    sha256_hex(&text).chars().take(6).collect()
}

fn joined(head: &str, tail: &str, limit: usize) -> String {
    let room = limit.saturating_sub(tail.len());
    // Names of objects are ASCII, so bytes are characters. A part must not end with a dot or dash.
    let head: String = head.chars().take(room).collect();
    format!("{}{tail}", head.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollcall_api::v1alpha1::Action;

    const DIGEST: &str = "sha256:0123456789abcdef";

    #[test]
    fn a_job_is_named_after_setting_and_time() {
        assert_eq!(job_name("people", 1_790_000_000), "people-m1790000000");
    }

    #[test]
    fn long_setting_names_are_cut_so_that_every_name_fits_and_is_valid() {
        let setting = "a".repeat(50) + "-b";
        let name = job_name(&setting, 1_790_000_000);
        assert_eq!(name, "a".repeat(50) + "-m1790000000");
        let only = ApprovalLimits { actions: vec![Action::Create], streams: vec![] };
        for number in [1, 2, 99] {
            let name = approval_name(&setting, DIGEST, Decision::Deny, Some(&only), number);
            assert!(name.len() <= 52, "{name}");
        }
    }

    #[test]
    fn different_decisions_about_one_digest_have_different_names() {
        let only = |actions: &[Action]| ApprovalLimits { actions: actions.to_vec(), streams: vec![] };
        let name = |decision, only: Option<&ApprovalLimits>| approval_name("people", DIGEST, decision, only, 1);
        assert_eq!(name(Decision::Approve, None), "people-0123456789");
        assert_eq!(name(Decision::Deny, None), "people-0123456789-no");
        let create = name(Decision::Approve, Some(&only(&[Action::Create])));
        let disable = name(Decision::Approve, Some(&only(&[Action::Disable])));
        assert_ne!(create, disable);
        assert!(create.starts_with("people-0123456789-"));
        assert_eq!(
            name(Decision::Approve, Some(&only(&[Action::Create, Action::Disable]))),
            name(Decision::Approve, Some(&only(&[Action::Disable, Action::Create])))
        );
        assert_eq!(approval_name("people", DIGEST, Decision::Approve, None, 2), "people-0123456789-2");
    }
}
