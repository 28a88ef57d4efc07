//! What travels, told to whoever wants to log or draw it.

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
    /// What it is, in words.
    pub what: &'a str,
    /// Its bytes; of a command with a PIN or a key only those in front of its data.
    pub bytes: &'a [u8],
    /// Of an answer: how long it took.
    pub took: Option<Duration>,
}

/// Is told what travels.
pub trait Observer: Send + Sync {
    /// This travelled.
    fn observe(&self, event: &Event<'_>);
}

/// Does nothing with it.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
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

    /// Something goes there.
    pub(crate) fn sent(&self, what: &str, bytes: &[u8], took: Option<Duration>) {
        let (from, to) = (&*self.here, &*self.there);
        self.observer.observe(&Event { at: SystemTime::now(), from, to, what, bytes, took });
    }

    /// Something came from there.
    pub(crate) fn received(&self, what: &str, bytes: &[u8], took: Option<Duration>) {
        let (from, to) = (&*self.there, &*self.here);
        self.observer.observe(&Event { at: SystemTime::now(), from, to, what, bytes, took });
    }
}
