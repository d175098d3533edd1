//! Progress bars of a local run, on a terminal only.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::output;
use crate::runner::{RunProgress, Stage};

/// One bar for each stage and stream, shown while a person watches.
pub(super) struct Bars {
    all: MultiProgress,
    by_stage: Mutex<BTreeMap<(u8, String), ProgressBar>>,
    shown: bool,
}

impl Bars {
    /// Bars that are drawn when standard error is a terminal and `wanted`.
    pub(super) fn new(wanted: bool) -> Self {
        Self { all: MultiProgress::new(), by_stage: Mutex::default(), shown: wanted && output::is_watched() }
    }

    /// Removes the bars, so that what is printed next stands alone.
    pub(super) fn clear(&self) {
        for bar in self.by_stage.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bar.finish_and_clear();
        }
    }
}

impl RunProgress for Bars {
    fn advance(&self, stage: Stage, stream: &str, done: u64, total: Option<u64>) {
        if !self.shown {
            return;
        }
        let (order, verb) = match stage {
            Stage::ReadSource => (0, "reading source"),
            Stage::ReadTarget => (1, "reading target"),
            Stage::Write => (2, "writing"),
        };
        // Writing counts the records of all streams together.
        let name = if stage == Stage::Write { "records".to_owned() } else { stream.to_owned() };
        let mut bars = self.by_stage.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bars.entry((order, name.clone())).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::no_length());
            let style = ProgressStyle::with_template("{prefix:28} {bar:30} {pos}/{len} {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(format!("{verb} {name}"));
            bar
        });
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
    }
}
