//! What travels, told to whoever wants to log or draw it.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Something travelled: a command or a response APDU, or a message between hops.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When it was sent or had arrived.
    pub at: SystemTime,
    /// Who sent it.
    pub from: &'a str,
    /// Who got it.
    pub to: &'a str,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is, in words.
    pub what: &'a str,
    /// Its bytes, as many as travelled; zeros where something was left out.
    pub bytes: &'a [u8],
    /// Where those zeros stand for a PIN, a key or what a key opened, which no observer is told.
    pub left_out: LeftOut,
    /// Of an answer: how long it took.
    pub took: Option<Duration>,
}

impl Event<'_> {
    /// How long an answer took, to end a line with; nothing of anything else.
    #[must_use]
    pub fn after(&self) -> String {
        self.took.map_or_else(String::new, |took| format!(", after {:.3} ms", took.as_secs_f64() * 1e3))
    }
}

/// What kind of thing travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A card has got power or was reset: its answer to reset.
    Reset,
    /// A command APDU.
    Command,
    /// A response APDU.
    Response,
    /// A message between hops.
    Message,
}

/// Bytes that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many bytes stand before them.
    pub start: usize,
    /// How many they are; mostly none.
    pub length: usize,
}

impl LeftOut {
    /// Nothing was left out.
    pub const NOTHING: Self = Self { start: 0, length: 0 };

    /// Whether nothing was left out.
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.length == 0
    }

    /// What stands before them and what stands behind them.
    #[must_use]
    pub fn around(self, bytes: &[u8]) -> [&[u8]; 2] {
        let end = self.start.saturating_add(self.length);
        [bytes.get(..self.start).unwrap_or(bytes), bytes.get(end..).unwrap_or_default()]
    }

    /// The bytes, with zeros in the place of these.
    #[must_use]
    pub fn veil(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        if self.is_nothing() {
            return bytes.into();
        }
        let [before, behind] = self.around(bytes);
        [before, &vec![0; self.length], behind].concat().into()
    }
}

/// Is told what travels.
pub trait Observer: Send + Sync {
    /// This travelled.
    fn observe(&self, event: &Event<'_>);
}

/// A file for what travels. Where it is new, it is its owner's alone: what a card tells after a PIN will be in it.
///
/// # Errors
/// It cannot be made.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Does nothing with it.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
}

/// Tells all of them.
pub struct Several(pub Vec<Arc<dyn Observer>>);

impl Observer for Several {
    fn observe(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}

/// An observer of what travels between two places.
#[derive(Clone)]
pub struct Tap {
    observer: Arc<dyn Observer>,
    here: Arc<str>,
    there: Arc<str>,
}

impl Tap {
    /// Between `here`, where this program runs, and `there`.
    pub fn new(observer: Arc<dyn Observer>, here: impl Into<Arc<str>>, there: impl Into<Arc<str>>) -> Self {
        Self { observer, here: here.into(), there: there.into() }
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(Arc::new(Silent), "", "")
    }

    /// A message goes there.
    pub(crate) fn sent(&self, what: &str, bytes: &[u8], took: Option<Duration>) {
        self.tell(&self.here, &self.there, Kind::Message, what, (bytes, LeftOut::NOTHING), took);
    }

    /// A message came from there.
    pub(crate) fn received(&self, what: &str, bytes: &[u8], took: Option<Duration>) {
        self.tell(&self.there, &self.here, Kind::Message, what, (bytes, LeftOut::NOTHING), took);
    }

    /// The card there has just got power.
    pub(crate) fn powered(&self, atr: &[u8]) {
        self.tell(&self.there, &self.here, Kind::Reset, "answer to reset", (atr, LeftOut::NOTHING), None);
    }

    /// A command goes to the card there, which others see without what is left out.
    pub(crate) fn command(&self, what: &str, bytes: &[u8], left_out: LeftOut) {
        let shown = left_out.veil(bytes);
        self.tell(&self.here, &self.there, Kind::Command, what, (&shown, left_out), None);
    }

    /// The response came from there, which others see without what is left out.
    pub(crate) fn response(&self, what: &str, bytes: &[u8], left_out: LeftOut, took: Duration) {
        let shown = left_out.veil(bytes);
        self.tell(&self.there, &self.here, Kind::Response, what, (&shown, left_out), Some(took));
    }

    fn tell(
        &self,
        from: &str,
        to: &str,
        kind: Kind,
        what: &str,
        (bytes, left_out): (&[u8], LeftOut),
        took: Option<Duration>,
    ) {
        self.observer.observe(&Event { at: SystemTime::now(), from, to, kind, what, bytes, left_out, took });
    }
}
