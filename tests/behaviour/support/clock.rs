//! A clock that only moves when told.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rollcall::operator::clock::Clock;
use tokio::sync::Notify;

#[derive(Clone)]
pub struct TestClock {
    now: Arc<Mutex<Timestamp>>,
    moved: Arc<Notify>,
}

impl TestClock {
    pub fn at(text: &str) -> Self {
        Self { now: Arc::new(Mutex::new(text.parse().unwrap())), moved: Arc::new(Notify::new()) }
    }

    pub fn advance(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        drop(now);
        self.moved.notify_waiters();
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, time: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let this = self.clone();
        Box::pin(async move {
            loop {
                let moved = this.moved.notified();
                if this.now() >= time {
                    return;
                }
                moved.await;
            }
        })
    }
}
