//! Waiting for a card, whatever happens to readers and to the service meanwhile.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fmt;
use std::time::Duration;

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, Scope, State};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::super::Pending;
use super::super::foreign;
use super::PcscReader;

/// How long PC/SC is waited for at a time: whoever stops waiting has a thread back within this time.
const CHANGE_TIME: Duration = Duration::from_millis(500);
/// The pause before the next look where there is no service to tell of changes.
const PAUSE: Duration = Duration::from_millis(200);

/// What a terminal waits for before it can use a card.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The PC/SC service does not run.
    Service,
    /// There is no reader, or none with this in its name.
    Reader {
        /// What its name is to contain, often nothing.
        name: String,
        /// Those that there are.
        others: Vec<String>,
    },
    /// The readers are empty.
    Card {
        /// Which.
        readers: Vec<String>,
    },
    /// The reader is there by name alone: it was unplugged, or fails.
    Silent {
        /// Which.
        reader: String,
    },
    /// Another program has the card.
    InUse {
        /// The reader.
        reader: String,
    },
    /// The card does not answer to reset: often it lies the wrong way round.
    Mute {
        /// The reader.
        reader: String,
    },
    /// The card is not one of ours.
    Foreign {
        /// The reader.
        reader: String,
        /// What it is.
        card: String,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => write!(out, "waiting for the PC/SC service: pcscd does not run"),
            Self::Reader { name, others } if others.is_empty() && name.is_empty() => {
                write!(out, "waiting for a card reader: none is connected")
            }
            Self::Reader { name, others } if others.is_empty() => {
                write!(out, "waiting for a card reader called {name}: none is connected")
            }
            Self::Reader { name, others } => {
                write!(out, "waiting for a card reader called {name}: there is {}", others.join(", "))
            }
            Self::Card { readers } => write!(out, "waiting for a card in {}", readers.join(" or ")),
            Self::Silent { reader } => write!(out, "waiting for {reader}, which does not answer: plug it in again"),
            Self::InUse { reader } => write!(out, "waiting for another program to give back the card in {reader}"),
            Self::Mute { reader } => {
                write!(out, "the card in {reader} does not answer: take it out and put it in the right way round")
            }
            Self::Foreign { reader, card } => {
                write!(out, "the card in {reader} is {card}: waiting for one that can pay")
            }
        }
    }
}

/// Whether a card is one to go on with; otherwise what it is.
pub type Accept = for<'a> fn(&'a mut PcscReader) -> Pending<'a, Result<(), String>>;

/// Every card.
pub fn any(_: &mut PcscReader) -> Pending<'_, Result<(), String>> {
    Box::pin(async { Ok(Ok(())) })
}

/// One with the transaction application.
pub fn ours(reader: &mut PcscReader) -> Pending<'_, Result<(), String>> {
    Box::pin(async move {
        if foreign::is_ours(reader).await? { Ok(Ok(())) } else { Ok(Err(foreign::identify(reader).await)) }
    })
}

impl PcscReader {
    /// Waits for a card that `accept` goes on with, in a reader whose name contains `name`. `tell` is told what is
    /// waited for whenever this changes. It can be dropped at any time.
    pub async fn wait(name: &str, accept: Accept, tell: &mut (dyn FnMut(&Waiting) + Send)) -> Self {
        let mut watch =
            Watch { name: name.to_owned(), context: None, states: Vec::new(), passed_over: BTreeMap::new() };
        let mut told = None;
        loop {
            let looked;
            (watch, looked) = blocking(watch, Watch::look).await;
            let waiting = match looked {
                Ok(mut reader) => match accept(&mut reader).await {
                    Ok(Ok(())) => return reader,
                    Ok(Err(card)) => watch.pass_over(&reader, card),
                    // It went while it was looked at.
                    Err(_) => continue,
                },
                Err(waiting) => waiting,
            };
            if told.as_ref() != Some(&waiting) {
                tell(&waiting);
                told = Some(waiting);
            }
            if watch.context.is_none() {
                sleep(PAUSE).await;
            } else {
                (watch, ()) = blocking(watch, Watch::change).await;
            }
        }
    }
}

/// Ready when there is no card in the reader any more, or no reader.
pub(super) async fn until_empty(context: &Context, name: &str) {
    let Ok(name) = CString::new(name) else { return };
    let mut current = State::UNAWARE;
    loop {
        let (context, name) = (context.clone(), name.clone());
        let look = move || {
            let mut states = [ReaderState::new(name, current)];
            let result = context.get_status_change(CHANGE_TIME, &mut states);
            (result, states.first().map_or(State::UNKNOWN, ReaderState::event_state))
        };
        let Ok((result, seen)) = spawn_blocking(look).await else { return };
        let here = match result {
            Ok(()) => seen.contains(State::PRESENT),
            Err(Error::Timeout) => true,
            Err(_) => false,
        };
        if !here {
            return;
        }
        if result.is_ok() {
            current = seen - State::CHANGED;
        }
    }
}

/// What is known of the readers between two looks.
struct Watch {
    name: String,
    context: Option<Context>,
    states: Vec<ReaderState>,
    /// Cards that are none of ours, by reader: which insertion it was, and what the card is.
    passed_over: BTreeMap<String, (u32, String)>,
}

impl Watch {
    /// Takes the first card that there is. Blocks.
    fn look(&mut self) -> Result<PcscReader, Waiting> {
        let context = self.context().ok_or(Waiting::Service)?;
        let Ok(names) = names(&context) else {
            self.context = None;
            return Err(Waiting::Service);
        };
        // Looked at first, so that what happens from here on is a change.
        self.states = names.iter().map(|name| ReaderState::new(name.clone(), State::UNAWARE)).collect();
        self.states.push(ReaderState::new(PNP_NOTIFICATION().to_owned(), State::UNAWARE));
        let _ = context.get_status_change(Duration::ZERO, &mut self.states);
        self.states.iter_mut().for_each(ReaderState::sync_current_state);

        let matching = self.states.iter().filter(|state| is_called(state.name(), &self.name));
        let mut reasons = Vec::new();
        for state in matching {
            match self.take(&context, state) {
                Ok(reader) => return Ok(reader),
                Err(waiting) => reasons.push(waiting),
            }
        }
        Err(most_telling(reasons).unwrap_or_else(|| Waiting::Reader {
            name: self.name.clone(),
            others: names.iter().map(|it| text(it)).collect(),
        }))
    }

    fn take(&self, context: &Context, state: &ReaderState) -> Result<PcscReader, Waiting> {
        let reader = text(state.name());
        if let Some((count, card)) = self.passed_over.get(&reader)
            && *count == state.event_count()
        {
            return Err(Waiting::Foreign { reader, card: card.clone() });
        }
        PcscReader::connect(context, state.name()).map_err(|error| match Obstacle::from(error) {
            Obstacle::InUse => Waiting::InUse { reader },
            Obstacle::Silent => Waiting::Silent { reader },
            Obstacle::Mute => Waiting::Mute { reader },
            Obstacle::Empty => Waiting::Card { readers: vec![reader] },
        })
    }

    /// Waits until something changes, or a moment. Blocks.
    fn change(&mut self) {
        let Some(context) = &self.context else { return };
        if !matches!(context.get_status_change(CHANGE_TIME, &mut self.states), Ok(()) | Err(Error::Timeout)) {
            self.context = None;
        }
    }

    /// The service, as long as it is the one that was there before.
    fn context(&mut self) -> Option<Context> {
        let valid = self.context.take().filter(|context| context.is_valid().is_ok());
        self.context = valid.or_else(|| Context::establish(Scope::User).ok());
        self.context.clone()
    }

    fn pass_over(&mut self, reader: &PcscReader, card: String) -> Waiting {
        let state = self.states.iter().find(|state| text(state.name()) == reader.name);
        let count = state.map_or(0, ReaderState::event_count);
        self.passed_over.insert(reader.name.clone(), (count, card.clone()));
        Waiting::Foreign { reader: reader.name.clone(), card }
    }
}

/// Why the card in a reader cannot be taken.
pub(super) enum Obstacle {
    /// Another program has it.
    InUse,
    /// The reader fails.
    Silent,
    /// The card does not answer to reset.
    Mute,
    /// There is none.
    Empty,
}

impl From<Error> for Obstacle {
    #[expect(clippy::wildcard_enum_match_arm, reason = "PC/SC has sixty errors; what cannot be told apart is no card")]
    fn from(error: Error) -> Self {
        match error {
            Error::SharingViolation => Self::InUse,
            Error::ReaderUnavailable | Error::UnknownReader => Self::Silent,
            Error::UnresponsiveCard | Error::UnpoweredCard | Error::ProtoMismatch => Self::Mute,
            _ => Self::Empty,
        }
    }
}

/// Of several readers' reasons the one that a person can do most about.
fn most_telling(reasons: Vec<Waiting>) -> Option<Waiting> {
    let mut empty = Vec::new();
    for reason in &reasons {
        if let Waiting::Card { readers } = reason {
            empty.extend_from_slice(readers);
        }
    }
    let rank = |reason: &Waiting| match reason {
        Waiting::Foreign { .. } => 3,
        Waiting::Mute { .. } => 2,
        Waiting::InUse { .. } | Waiting::Silent { .. } => u8::from(empty.is_empty()),
        Waiting::Card { .. } | Waiting::Service | Waiting::Reader { .. } => 1,
    };
    let best = reasons.into_iter().max_by_key(rank)?;
    Some(if matches!(best, Waiting::Card { .. }) { Waiting::Card { readers: empty } } else { best })
}

async fn blocking<T: Send + 'static>(mut watch: Watch, work: fn(&mut Watch) -> T) -> (Watch, T) {
    let working = spawn_blocking(move || {
        let done = work(&mut watch);
        (watch, done)
    });
    match working.await {
        Ok(done) => done,
        // Its panic is this task's.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

pub(super) fn names(context: &Context) -> Result<Vec<CString>, Error> {
    match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Ok(Vec::new()),
        other => other,
    }
}

fn is_called(reader: &CStr, name: &str) -> bool {
    reader != PNP_NOTIFICATION() && text(reader).contains(name)
}

pub(super) fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}
