//! Cards in PC/SC readers.
//!
//! A card is taken exclusively: while a transaction runs, no other program sends it commands in between. It is reset
//! when it is given back, so that no PIN stays verified. PC/SC's calls block; each runs on a thread that may, and the
//! handle travels there and back.

mod list;
pub mod pinpad;
mod wait;

use std::ffi::CStr;
use std::time::Duration;

use pcsc::{Card, Context, Disposition, Error, MAX_BUFFER_SIZE_EXTENDED, Protocols, ReaderState, ShareMode, State};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{ANSWER_TIME, Pending, RESPONSE_MIN, Reader, ReaderError};
use pinpad::Pinpad;

pub use list::{Present, Seen, readers};
pub use wait::{Accept, Waiting, any, ours};

/// How long one look at a reader's state may take: it is there for the asking, but the service may hang.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// A card in a PC/SC reader.
pub struct PcscReader {
    name: String,
    atr: Vec<u8>,
    /// Not there while a call is under way, and after one that did not come back in time.
    handle: Option<Handle>,
    pinpad: Option<Pinpad>,
}

/// What the calls are made on.
struct Handle {
    context: Context,
    card: Card,
    answer: Zeroizing<Vec<u8>>,
}

impl PcscReader {
    /// The reader's name, as PC/SC has it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the card that is in this reader. Blocks.
    fn connect(context: &Context, name: &CStr) -> Result<Self, Error> {
        let card = context.connect(name, ShareMode::Exclusive, Protocols::ANY)?;
        let atr = card.status2_owned()?.atr().to_vec();
        let pinpad = Pinpad::of(&card);
        let answer = Zeroizing::new(vec![0; MAX_BUFFER_SIZE_EXTENDED]);
        let handle = Some(Handle { context: context.clone(), card, answer });
        Ok(Self { name: name.to_string_lossy().into_owned(), atr, handle, pinpad })
    }

    /// Runs a call, which may take `time`, where it may block.
    async fn call<T: Send + 'static>(
        &mut self,
        time: Duration,
        work: impl FnOnce(&mut Handle) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ReaderError> {
        let mut handle = self.handle.take().ok_or(ReaderError::Closed)?;
        let name = self.name.clone();
        let working = spawn_blocking(move || {
            let done = work(&mut handle).map_err(|error| handle.explain(&name, error));
            (handle, done)
        });
        let (handle, done) =
            timeout(time, working).await.map_err(|_| ReaderError::TimedOut(time))?.map_err(|_| ReaderError::Closed)?;
        self.handle = Some(handle);
        done
    }
}

impl Reader for PcscReader {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        let command = Zeroizing::new(command.to_vec());
        Box::pin(self.call(ANSWER_TIME, move |handle| handle.transmit(&command)))
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.atr = self.call(ANSWER_TIME, Handle::reset).await?;
            Ok(())
        })
    }

    fn taken_out(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            let Some(handle) = &self.handle else { return Err(ReaderError::Closed) };
            wait::until_empty(&handle.context, &self.name).await;
            Ok(())
        })
    }

    fn has_pinpad(&self) -> bool {
        self.pinpad.is_some()
    }

    fn verify_on_pinpad(&mut self, number: u8) -> Pending<'_, Vec<u8>> {
        Box::pin(async move {
            let pinpad = self.pinpad.ok_or(ReaderError::NoPinpad)?;
            self.call(pinpad::TIME, move |handle| whole(&pinpad.verify(&handle.card, number)?)).await
        })
    }
}

/// Some drivers call it a success where a card that is gone has answered nothing.
fn whole(response: &[u8]) -> Result<Vec<u8>, Error> {
    if response.len() < RESPONSE_MIN { Err(Error::NotTransacted) } else { Ok(response.to_vec()) }
}

impl Handle {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        whole(self.card.transmit(command, &mut self.answer)?)
    }

    /// Takes the card's power away and gives it back; the new ATR.
    fn reset(&mut self) -> Result<Vec<u8>, Error> {
        self.card.reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::UnpowerCard)?;
        Ok(self.card.status2_owned()?.atr().to_vec())
    }

    /// What an error means. That nothing was transmitted says little: the reader's state says more.
    fn explain(&self, name: &str, error: Error) -> ReaderError {
        let told = plain(error);
        let vague = matches!(error, Error::NotTransacted | Error::CommError | Error::InternalError);
        if vague { self.state_of(name).unwrap_or(told) } else { told }
    }

    /// Why the reader has no card to talk to, if that is so.
    fn state_of(&self, name: &str) -> Option<ReaderError> {
        let name = std::ffi::CString::new(name).ok()?;
        let mut states = [ReaderState::new(name, State::UNAWARE)];
        match self.context.get_status_change(LOOK_TIME, &mut states) {
            Ok(()) => {}
            Err(Error::UnknownReader | Error::ReaderUnavailable) => return Some(ReaderError::Unplugged),
            Err(error) => return Some(plain(error)),
        }
        let state = states.first().map(ReaderState::event_state)?;
        if state.intersects(State::UNKNOWN | State::UNAVAILABLE) {
            Some(ReaderError::Unplugged)
        } else if !state.contains(State::PRESENT) {
            Some(ReaderError::Removed)
        } else {
            None
        }
    }
}

/// What an error of PC/SC is to whoever uses a card.
#[expect(clippy::wildcard_enum_match_arm, reason = "PC/SC has sixty errors; the others are told as it tells them")]
fn plain(error: Error) -> ReaderError {
    match error {
        Error::NoSmartcard | Error::RemovedCard => ReaderError::Removed,
        Error::SharingViolation => ReaderError::Busy,
        Error::UnresponsiveCard | Error::ResetCard | Error::NotTransacted => ReaderError::Mute,
        Error::UnpoweredCard => ReaderError::NotPowered,
        Error::UnknownReader | Error::ReaderUnavailable => ReaderError::Unplugged,
        Error::NoService | Error::ServiceStopped | Error::InvalidHandle | Error::CommError | Error::Shutdown => {
            ReaderError::NoService
        }
        other => ReaderError::Pcsc(other),
    }
}
