//! Clocks that only move when told: wall time, which can step, and monotonic time, which cannot.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rollcall::operator::clock::Clock;
use tokio::sync::Notify;

#[derive(Clone)]
pub struct TestClock {
    times: Arc<Mutex<(Timestamp, SignedDuration)>>,
    moved: Arc<Notify>,
}

impl TestClock {
    pub fn at(text: &str) -> Self {
        let times = (text.parse().unwrap(), SignedDuration::ZERO);
        Self { times: Arc::new(Mutex::new(times)), moved: Arc::new(Notify::new()) }
    }

    /// Time passes.
    pub fn advance(&self, seconds: i64) {
        self.change(seconds, seconds);
    }

    /// Somebody sets the wall clock; no time passes.
    pub fn step(&self, seconds: i64) {
        self.change(seconds, 0);
    }

    fn change(&self, wall: i64, monotonic: i64) {
        let mut times = self.times.lock().unwrap();
        times.0 = times.0.checked_add(SignedDuration::from_secs(wall)).unwrap();
        times.1 += SignedDuration::from_secs(monotonic);
        drop(times);
        self.moved.notify_waiters();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.times.lock().unwrap().0
    }

    fn elapsed(&self) -> SignedDuration {
        self.times.lock().unwrap().1
    }

    fn sleep_until(&self, time: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let this = self.clone();
        let began = this.now();
        Box::pin(async move {
            loop {
                let moved = this.moved.notified();
                // A step is looked at at once, as the machine's clock does within a minute.
                if this.now() >= time || this.now() < began {
                    return;
                }
                moved.await;
            }
        })
    }
}
