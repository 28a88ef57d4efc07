//! All readers, and what is in them.

use std::ffi::CString;

use pcsc::{Context, Error, Scope};
use tokio::task::spawn_blocking;

use super::super::{Reader, ReaderError};
use super::PcscReader;
use super::pinpad::Pinpad;
use super::wait::{Obstacle, names, ours, text};

/// A reader, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The reader's name.
    pub reader: String,
    /// What is in it.
    pub present: Present,
    /// Whether it has keys to type a PIN on; not known where another program has it.
    pub pinpad: bool,
}

/// What is in a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// No card.
    Nothing,
    /// A card that another program has.
    InUse,
    /// A card that does not answer to reset.
    Mute,
    /// Nobody knows: the reader fails, or was unplugged.
    Unknown,
    /// A card of ours.
    Ours {
        /// Its answer to reset.
        atr: Vec<u8>,
    },
    /// Another card.
    Foreign {
        /// Its answer to reset.
        atr: Vec<u8>,
        /// What it is.
        card: String,
    },
}

/// All readers, and what is in them now.
///
/// # Errors
/// [`ReaderError::NoService`].
pub async fn readers() -> Result<Vec<Seen>, ReaderError> {
    let listed = spawn_blocking(|| {
        let context = Context::establish(Scope::User)?;
        let names = names(&context)?;
        Ok((context, names))
    });
    let (context, names) = listed.await.map_err(|_| ReaderError::Closed)?.map_err(|_: Error| ReaderError::NoService)?;
    let mut seen = Vec::new();
    for name in names {
        seen.push(see(&context, name).await?);
    }
    Ok(seen)
}

async fn see(context: &Context, name: CString) -> Result<Seen, ReaderError> {
    let reader = text(&name);
    let context = context.clone();
    let connected = spawn_blocking(move || {
        let pinpad = Pinpad::of_reader(&context, &name).is_some();
        (pinpad, PcscReader::connect(&context, &name))
    });
    let (pinpad, connected) = connected.await.map_err(|_| ReaderError::Closed)?;
    let present = match connected {
        Ok(mut card) => look_at(&mut card).await,
        Err(error) => match Obstacle::from(error) {
            Obstacle::InUse => Present::InUse,
            Obstacle::Silent => Present::Unknown,
            Obstacle::Mute => Present::Mute,
            Obstacle::Empty => Present::Nothing,
        },
    };
    Ok(Seen { reader, present, pinpad })
}

async fn look_at(card: &mut PcscReader) -> Present {
    let atr = card.atr().to_vec();
    match ours(card).await {
        Ok(Ok(())) => Present::Ours { atr },
        Ok(Err(card)) => Present::Foreign { atr, card },
        Err(_) => Present::Nothing,
    }
}
