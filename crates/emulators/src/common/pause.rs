//! Holding a request: a test stops an emulator at a request of its choice, looks at the state,
//! changes it or lets its client die, and lets the request go on or cuts its connection.

use super::core::Core;
use super::faults::{Seen, fits};
use tokio::sync::watch;

/// When a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has come, and nothing has happened yet.
    Before,
    /// It has taken effect, and nothing has been answered yet.
    After,
}

/// Which request is held. Requests are counted from 1 from when the point was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    nth: u64,
    moment: Moment,
    method: Option<String>,
    route: Option<String>,
    later_ones: bool,
}

impl Point {
    /// The nth request, whatever it asks.
    pub fn new(nth: u64, moment: Moment) -> Self {
        Self { nth, moment, method: None, route: None, later_ones: false }
    }

    /// The nth request of this method and route template; a trailing `*` matches any rest.
    #[must_use]
    pub fn on(mut self, method: &str, route: &str) -> Self {
        self.method = Some(method.to_owned());
        self.route = Some(route.to_owned());
        self
    }

    /// Every later request is held as well, before it takes effect: the world stands still.
    #[must_use]
    pub fn with_later_ones(mut self) -> Self {
        self.later_ones = true;
        self
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Awaited,
    Held,
    Performed,
}

/// Holds the request at a [`Point`]. When it is dropped, the connection of what is held is closed
/// without an answer; what was held before it took effect never takes effect. A point that was not
/// reached by then is forgotten.
#[derive(Debug)]
pub struct Pause {
    stage: watch::Receiver<Stage>,
    open: watch::Sender<bool>,
}

impl Pause {
    /// Waits until the request is held.
    ///
    /// # Panics
    /// When the emulator ends before the request has come.
    pub async fn reached(&mut self) {
        let held = self.stage.wait_for(|stage| *stage != Stage::Awaited).await;
        held.expect("the emulator ended before the request came");
    }

    /// Whether the request is held, without waiting.
    pub fn is_reached(&self) -> bool {
        *self.stage.borrow() != Stage::Awaited
    }

    /// Lets what is held go on, and waits until the request has taken effect, which it does even if
    /// its client is gone. A point that was not reached yet is forgotten.
    pub async fn release(mut self) {
        let held = self.is_reached();
        self.open.send_replace(true);
        if held {
            // An emulator that is stopped meanwhile performs nothing more.
            let _ = self.stage.wait_for(|stage| *stage == Stage::Performed).await;
        }
    }
}

/// The emulator's end of a pause, at the request that is held.
#[derive(Debug)]
pub struct Hold {
    moment: Moment,
    /// None for a later request, of which nobody wants to know.
    stage: Option<watch::Sender<Stage>>,
    open: watch::Receiver<bool>,
}

impl Hold {
    /// Holds the request if this is the moment. False: close the connection.
    pub async fn pass(&mut self, moment: Moment, core: &Core) -> bool {
        if moment == Moment::After && self.moment == Moment::Before {
            self.tell(Stage::Performed);
        }
        if moment != self.moment {
            return true;
        }
        self.tell(Stage::Held);
        let passes = tokio::select! {
            opened = self.open.wait_for(|open| *open) => opened.is_ok(),
            () = core.stopped() => false,
        };
        if moment == Moment::After {
            self.tell(Stage::Performed);
        }
        passes
    }

    fn tell(&self, stage: Stage) {
        if let Some(sender) = &self.stage {
            sender.send_replace(stage);
        }
    }
}

#[derive(Debug)]
struct Armed {
    point: Point,
    seen: u64,
    stage: watch::Sender<Stage>,
    open: watch::Receiver<bool>,
}

/// The points of one emulator.
#[derive(Debug, Default)]
pub struct Pauses {
    armed: Vec<Armed>,
    /// Where everything is held.
    closed: Vec<watch::Receiver<bool>>,
}

impl Pauses {
    /// Sets a point; its counting starts now.
    pub fn set(&mut self, point: Point) -> Pause {
        let (stage, awaited) = watch::channel(Stage::Awaited);
        let (opener, open) = watch::channel(false);
        self.armed.push(Armed { point, seen: 0, stage, open });
        Pause { stage: awaited, open: opener }
    }

    /// Counts a request and says whether it is held. Of several points at one request the one that
    /// was set first counts.
    pub fn arrive(&mut self, seen: &Seen<'_>) -> Option<Hold> {
        self.armed.retain(|armed| is_closed(&armed.open));
        self.closed.retain(is_closed);
        let mut due = None;
        for (at, armed) in self.armed.iter_mut().enumerate() {
            if fits(armed.point.method.as_deref(), armed.point.route.as_deref(), seen) {
                armed.seen += 1;
                due = due.or((armed.seen == armed.point.nth).then_some(at));
            }
        }
        if let Some(open) = self.closed.first() {
            return Some(Hold { moment: Moment::Before, stage: None, open: open.clone() });
        }
        let Armed { point, stage, open, .. } = self.armed.remove(due?);
        if point.later_ones {
            self.closed.push(open.clone());
        }
        Some(Hold { moment: point.moment, stage: Some(stage), open })
    }
}

/// Whether the pause still holds: it was neither released nor dropped.
fn is_closed(open: &watch::Receiver<bool>) -> bool {
    open.has_changed().is_ok() && !*open.borrow()
}
