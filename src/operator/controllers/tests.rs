//! The queue: fairness, exclusivity, timers, back-off.

use jiff::Timestamp;

use super::{Key, Kind, Queue};

fn key(namespace: &str, name: &str) -> Key {
    Key::new(Kind::Job, namespace, name)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn open_queue() -> Queue {
    let queue = Queue::default();
    queue.open();
    queue
}

/// Everything that is in line now, each ended at once.
async fn drain(queue: &Queue) -> Vec<String> {
    let mut names = Vec::new();
    while let Ok(Some(key)) = tokio::time::timeout(std::time::Duration::from_millis(5), queue.next()).await {
        names.push(key.name.clone());
        queue.done(&key, None);
    }
    names
}

#[tokio::test]
async fn namespaces_take_turns_and_a_key_waits_only_once() {
    let queue = open_queue();
    for name in ["a1", "a2", "a3"] {
        queue.add(key("a", name));
    }
    queue.add(key("a", "a1"));
    queue.add(key("b", "b1"));
    assert_eq!(drain(&queue).await, ["a1", "b1", "a2", "a3"]);
}

#[tokio::test]
async fn a_key_at_work_is_not_given_to_a_second_worker_but_comes_again() {
    let queue = open_queue();
    queue.add(key("a", "one"));
    let taken = queue.next().await.unwrap();
    queue.add(key("a", "one"));
    assert_eq!(drain(&queue).await, Vec::<String>::new());
    queue.done(&taken, None);
    assert_eq!(drain(&queue).await, ["one"]);
}

#[tokio::test]
async fn timers_put_keys_in_line_and_a_later_pass_replaces_them() {
    let queue = open_queue();
    queue.add_at(key("a", "one"), at(20));
    queue.add_at(key("a", "one"), at(10));
    assert_eq!(queue.earliest(), Some(at(10)));
    queue.release(at(9));
    assert_eq!(drain(&queue).await, Vec::<String>::new());
    queue.release(at(10));
    assert_eq!(drain(&queue).await, ["one"]);
    queue.release(at(30));
    assert_eq!(drain(&queue).await, Vec::<String>::new(), "the first timer was replaced");
}

#[tokio::test]
async fn failures_wait_twice_as_long_each_time_and_success_forgets_them() {
    let queue = open_queue();
    let one = key("a", "one");
    let mut now = at(0);
    for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        queue.failed(&one, now);
        assert_eq!(queue.earliest().unwrap().as_second() - now.as_second(), wait);
        now = queue.earliest().unwrap();
        queue.release(now);
        queue.next().await.unwrap();
    }
    queue.done(&one, None);
    queue.failed(&one, now);
    assert_eq!(queue.earliest().unwrap().as_second() - now.as_second(), 1);
}

#[tokio::test]
async fn a_closed_queue_ends_its_workers() {
    let queue = open_queue();
    queue.add(key("a", "one"));
    queue.close();
    assert_eq!(queue.next().await, None);
    assert_eq!(queue.next().await, None);
}

#[tokio::test]
async fn a_replica_that_does_not_lead_keeps_nothing() {
    let queue = Queue::default();
    queue.add(key("a", "one"));
    queue.add_at(key("a", "two"), at(10));
    assert_eq!((drain(&queue).await, queue.earliest()), (Vec::<String>::new(), None));
    queue.open();
    queue.add(key("a", "one"));
    assert_eq!(drain(&queue).await, ["one"]);
}

#[tokio::test]
async fn a_key_has_one_timer_however_often_it_is_set() {
    let queue = open_queue();
    let one = key("a", "one");
    for time in [30, 20, 10] {
        queue.add_at(one.clone(), at(time));
    }
    queue.release(at(10));
    assert_eq!((drain(&queue).await, queue.earliest()), (vec!["one".to_owned()], None));
    queue.add_at(one.clone(), at(3600));
    queue.done(&one, None);
    assert_eq!(queue.earliest(), None, "a pass that needs no other leaves no timer behind");
}

#[tokio::test]
async fn a_step_of_the_wall_clock_brings_everything_that_waits_in_line() {
    let queue = open_queue();
    queue.add_at(key("a", "one"), at(3600));
    queue.release_all();
    assert_eq!(drain(&queue).await, ["one"]);
}
