//! How far a batch is: a bar on a terminal, a line now and then anywhere else. Both on standard error.

use std::io::{IsTerminal, Write, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(super) struct Progress {
    bar: ProgressBar,
    lines: Option<Mutex<Lines>>,
}

struct Lines {
    count: u32,
    /// Cards that were there when it began.
    kept: u32,
    done: u32,
    began: Instant,
    told: Instant,
}

impl Progress {
    pub(super) fn new(count: u32, kept: u32) -> Self {
        let has_terminal = stderr().is_terminal();
        let target = if has_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(count.into()), target);
        let template = "{bar:40} {pos} of {len} cards, {per_sec}, {eta} left";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(kept.into());
        bar.reset_eta();
        let now = Instant::now();
        let lines = Lines { count, kept, done: kept, began: now, told: now };
        Self { bar, lines: (!has_terminal).then(|| Mutex::new(lines)) }
    }

    /// One more card is finished.
    pub(super) fn step(&self) {
        self.bar.inc(1);
        if let Some(lines) = &self.lines {
            lines.lock().unwrap_or_else(PoisonError::into_inner).step();
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish();
        if let Some(lines) = &self.lines {
            lines.lock().unwrap_or_else(PoisonError::into_inner).tell();
        }
    }
}

impl Lines {
    fn step(&mut self) {
        self.done += 1;
        if self.told.elapsed() >= BETWEEN_LINES {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.told = Instant::now();
        let rate = f64::from(self.done - self.kept) / self.began.elapsed().as_secs_f64();
        let left = f64::from(self.count - self.done) / rate;
        let left =
            if self.done == self.count || !left.is_finite() { String::new() } else { format!(", {left:.0} s left") };
        // Whoever closed it does not want to know.
        let _ = writeln!(stderr(), "{} of {} cards, {rate:.1}/s{left}", self.done, self.count);
    }
}
