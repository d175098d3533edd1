//! What a records file is good for: questions about earlier runs, approvals, taking a run back, links made by hand.

use serde_json::Value;

use crate::local_runs::Place;
use crate::support::people;

const FILE: [&str; 2] = ["--records", "records.sqlite"];
const SETTING: [&str; 2] = ["--setting", "travel"];

/// Runs the sample and gives exit code and job.
async fn run(place: &Place, more: &[&str]) -> (i32, Value) {
    place.json(&[&["run", "-f", ".", "-o", "json"], &FILE[..], more].concat()).await
}

/// Asks the records file and gives the answer.
async fn ask(place: &Place, words: &[&str]) -> Value {
    let (code, answer) = place.json(&[words, &FILE[..], &SETTING[..], &["-o", "json"]].concat()).await;
    assert_eq!(code, 0, "{answer}");
    answer
}

/// Standard output of a command that succeeds, or standard error of one that does not, with the exit code.
async fn told(place: &Place, words: &[&str]) -> (i32, String) {
    let output = place.rollcall(words).await;
    let code = output.status.code().unwrap();
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    (code, String::from_utf8(text).unwrap())
}

fn list(answer: &Value) -> &Vec<Value> {
    answer.as_array().unwrap()
}

/// A person with an account, as the links tell it: source key and target id.
async fn somebody(place: &Place) -> (String, String) {
    let links = ask(place, &["links", "--stream", "people"]).await;
    let link = &list(&links)[0];
    (link["sourceKey"].as_str().unwrap().into(), link["targetId"].as_str().unwrap().into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_records_file_tells_what_happened_to_whom_and_why() {
    let place = Place::new(people(40)).await;
    run(&place, &[]).await;
    let (key, target) = somebody(&place).await;

    let created = ask(&place, &["records", "--result", "created", "--key", &key]).await;
    assert_eq!((list(&created).len(), created[0]["targetId"].as_str()), (1, Some(target.as_str())));
    let explained = ask(&place, &["explain", "--key", &key]).await;
    assert_eq!((explained[0]["reason"].as_str(), explained[0]["type"].as_str()), (Some("Created"), Some("Sync")));
    let history = ask(&place, &["history"]).await;
    assert_eq!((list(&history).len(), history[0]["code"].as_i64()), (1, Some(201)));
    let errors = ask(&place, &["errors"]).await;
    assert!(list(&errors).iter().all(|error| error["class"].is_string() && error.get("fields").is_none()), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_the_name_of_file_setting_or_run_is_no_empty_answer() {
    let place = Place::new(people(5)).await;
    run(&place, &[]).await;
    let cases: [(&[&str], &str); 4] = [
        (&["records", "--records", "other.sqlite", "--setting", "travel"], "other.sqlite: no such file"),
        (&["records", "--records", "records.sqlite", "--setting", "travle"], "no run of the setting `travle`"),
        (&["records", "travel-1", "--records", "records.sqlite", "--setting", "travel"], "no run `travel-1`"),
        (&["links", "--records", "records.sqlite", "--setting", "travel", "--namespace", "hr"], "namespace `hr`"),
    ];
    for (words, expected) in cases {
        let (code, text) = told(&place, words).await;
        assert!(code == 1 && text.contains(expected), "{text}");
    }
    assert!(!place.folder.path().join("other.sqlite").exists(), "a question makes no file");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_counted_by_reason_and_the_command_that_is_offered_approves_it() {
    let place = Place::new(people(40)).await;
    place.edit("setting.yaml", "publish: Automatic", "publish: Manual");

    let (code, text) = told(&place, &["run", "-f", ".", "--records", "records.sqlite"]).await;

    assert_eq!(code, 3, "{text}");
    assert!(text.contains(" creates: FirstRun ("), "{text}");
    let offered = text.lines().find_map(|line| line.strip_prefix("approve: rollcall ")).unwrap();
    let words: Vec<&str> = offered.split(' ').collect();
    let (code, text) = told(&place, &words).await;
    assert!(code == 0 && text.contains("Complete 201 Completed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_needs_the_file_that_keeps_the_proposal_and_covers_a_whole_plan() {
    let place = Place::new(people(5)).await;
    let digest = format!("sha256:{}", "0".repeat(64));
    let cases: [(&[&str], &str); 6] = [
        (&["--approve", &digest], "needs --records FILE: the file keeps what was proposed"),
        (
            &["--approve", &digest, "--records", "r", "--key", "1"],
            "an approval covers what a plan of the whole setting",
        ),
        (
            &["--approve", &digest, "--records", "r", "--action", "create"],
            "an approval covers what a plan of the whole",
        ),
        (&["--type", "Release", "--records", "r"], "needs --approve DIGEST"),
        (&["--type", "Undo", "--records", "r"], "needs --run ID"),
        (&["--type", "Undo", "--run", "travel-1"], "needs --records FILE: the file keeps what the run did"),
    ];
    for (words, expected) in cases {
        let (code, text) = told(&place, &[&["run", "-f", "."], words].concat()).await;
        assert!(code == 1 && text.contains(expected), "{words:?}: {text}");
    }
    assert_eq!(place.personio.requests("GET", "/v2/persons"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_limited_to_leavers_creates_nobody() {
    let place = Place::new(people(20)).await;

    let (code, job) = run(&place, &["--action", "disable"]).await;

    assert_eq!((code, job["status"]["counts"]["created"].as_i64()), (0, Some(0)), "{job}");
    assert_eq!(job["spec"]["selector"]["actions"][0], "Disable");
    assert_eq!(place.travelperk.writes().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_what_a_value_is_and_what_it_would_be() {
    let place = Place::new(people(40)).await;
    run(&place, &[]).await;
    let (key, _) = somebody(&place).await;
    place.personio.state().people.update_employment(key.parse().unwrap(), |employment| {
        employment.position = "Head of Everything".into();
    });

    let (code, text) = told(&place, &["plan", "-f", ".", "--records", "records.sqlite"]).await;

    assert_eq!(code, 0, "{text}");
    let line = text.lines().find(|line| line.starts_with("people")).unwrap();
    assert!(line.contains("title: \"") && line.contains("\" -> \"Head of Everything\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_taken_back_and_the_next_one_holds_what_it_would_do_again() {
    let place = Place::new(people(40)).await;
    run(&place, &[]).await;
    let (key, _) = somebody(&place).await;
    let is_active = || {
        let state = place.travelperk.state();
        state.accounts().find(|account| account.external_id() == Some(key.as_str())).unwrap().active()
    };
    place.personio.state().people.leave(key.parse().unwrap(), None);
    let disabled = run(&place, &[]).await.1;
    assert_eq!((disabled["status"]["counts"]["disabled"].as_i64(), is_active()), (Some(1), false), "{disabled}");

    let (code, undone) =
        run(&place, &["--type", "Undo", "--run", disabled["metadata"]["name"].as_str().unwrap()]).await;

    assert_eq!((code, undone["status"]["code"].as_i64(), is_active()), (0, Some(200), true), "{undone}");
    let (code, again) = run(&place, &[]).await;
    assert_eq!((code, is_active()), (3, true), "{again}");
    let held = ask(&place, &["records", "--result", "held"]).await;
    assert_eq!((list(&held).len(), held[0]["reason"].as_str()), (1, Some("Undone")), "{held}");
    assert!(list(&ask(&place, &["links"]).await).iter().any(|link| link["undone"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_changed_by_hand_one_at_a_time_and_the_history_says_so() {
    let place = Place::new(people(20)).await;
    run(&place, &[]).await;
    let (key, target) = somebody(&place).await;
    let of_file = [&FILE[..], &["-f", "."], &["--stream", "people"]].concat();
    let words = |word: &'static str, ends: &[&'static str]| [&[word], &of_file[..], ends].concat();
    let (key, target): (&'static str, &'static str) = (key.leak(), target.leak());

    let (code, text) = told(&place, &words("link", &["new", target])).await;
    assert!(code == 1 && text.contains(&format!("is linked to `{key}`: unlink that first")), "{text}");
    assert_eq!(told(&place, &words("unlink", &[key])).await.0, 0);
    let unlinked = ask(&place, &["links", "--unlinked", "--stream", "people"]).await;
    assert!(list(&unlinked).iter().any(|record| record["sourceKey"] == key), "{unlinked}");
    let (code, text) = told(&place, &words("link", &[key, target])).await;
    assert_eq!(code, 0, "{text}");

    let links = ask(&place, &["links"]).await;
    let link = list(&links).iter().find(|link| link["sourceKey"] == key).unwrap();
    assert_eq!((link["targetId"].as_str(), link["provenance"].as_str()), (Some(target), Some("Manual")));
    let reasons: Vec<String> =
        list(&ask(&place, &["history"]).await).iter().map(|run| run["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(reasons[..2], ["LinkedByHand", "UnlinkedByHand"]);
    assert_eq!(
        run(&place, &[]).await.1["status"]["code"],
        204,
        "the link that was made by hand is the one that is used"
    );
}
