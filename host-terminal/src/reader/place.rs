//! Where a card is, as people write it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio::time::timeout;

use super::{PcscReader, Reader, ReaderError, TcpReader, Waiting, pcsc};

const TCP: &str = "tcp://";
const PCSC: &str = "pcsc:";
const IMAGE: &str = "image:";

/// The longest part of a reader's name that may be given, bytes: PC/SC has no longer names.
const NAME_MAX: usize = 127;

/// Where a card is.
///
/// | written | |
/// | --- | --- |
/// | `tcp://HOST:PORT` | a simulated card, whose reader listens there |
/// | `pcsc:` | the first card that is put into a PC/SC reader |
/// | `pcsc:NAME` | the same, in a reader whose name contains `NAME` |
/// | `image:FILE` | the card in an image, run in this very process |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// HOST:PORT.
    Tcp(String),
    /// What the reader's name contains, often nothing.
    Pcsc(String),
    /// The image's file.
    Image(PathBuf),
}

/// Starts the card that is in an image. The library knows no card; a program that does gives one of these.
pub type Software = fn(&Path) -> Result<Box<dyn Reader>, ReaderError>;

/// How a program reaches cards.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Cards of its own.
    pub software: Software,
    /// Is told what is waited for.
    pub tell: fn(&Waiting),
}

impl Readers {
    /// One of our cards at this place; see [`Place::card`].
    ///
    /// # Errors
    /// [`ReaderError::NoCard`] if none came in this time, or why there is none.
    pub async fn card(self, place: &Place, patience: Option<Duration>) -> Result<Box<dyn Reader>, ReaderError> {
        let mut tell = self.tell;
        let card = place.card(self.software, &mut tell);
        match patience {
            Some(patience) => timeout(patience, card).await.map_err(|_| ReaderError::NoCard(patience))?,
            None => card.await,
        }
    }
}

impl Place {
    /// Any card there. In PC/SC it is waited for, and `tell` is told what for, once each.
    ///
    /// # Errors
    /// Of the other places: why there is none.
    pub async fn any_card(
        &self,
        software: Software,
        tell: &mut (dyn FnMut(&Waiting) + Send),
    ) -> Result<Box<dyn Reader>, ReaderError> {
        match self {
            Self::Pcsc(name) => Ok(Box::new(PcscReader::wait(name, pcsc::any, tell).await)),
            Self::Tcp(address) => Ok(Box::new(TcpReader::connect(address).await?)),
            Self::Image(path) => software(path),
        }
    }

    /// One of our cards there. In PC/SC it is waited for, and `tell` is told what for, once each; another card is told
    /// too, by what it is, and passed over until it is taken out.
    ///
    /// # Errors
    /// Of the other places: why there is none.
    pub async fn card(
        &self,
        software: Software,
        tell: &mut (dyn FnMut(&Waiting) + Send),
    ) -> Result<Box<dyn Reader>, ReaderError> {
        match self {
            Self::Pcsc(name) => Ok(Box::new(PcscReader::wait(name, pcsc::ours, tell).await)),
            Self::Tcp(_) | Self::Image(_) => self.any_card(software, tell).await,
        }
    }
}

/// What is written is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a card is at tcp://HOST:PORT, in a PC/SC reader (pcsc: or pcsc:NAME) or in an image (image:FILE), not at {0:?}"
)]
pub struct PlaceUnreadable(String);

impl FromStr for Place {
    type Err = PlaceUnreadable;

    fn from_str(text: &str) -> Result<Self, PlaceUnreadable> {
        let behind = |start| text.strip_prefix(start).map(str::to_owned);
        let place = behind(TCP).filter(|address| is_address(address)).map(Self::Tcp);
        let place = place.or_else(|| behind(PCSC).filter(|name| name.len() <= NAME_MAX).map(Self::Pcsc));
        let place =
            place.or_else(|| behind(IMAGE).filter(|file| !file.is_empty()).map(|file| Self::Image(file.into())));
        place.ok_or_else(|| PlaceUnreadable(text.to_owned()))
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(out, "{TCP}{address}"),
            Self::Pcsc(name) => write!(out, "{PCSC}{name}"),
            Self::Image(path) => write!(out, "{IMAGE}{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["tcp://127.0.0.1:7001", "tcp://[::1]:7001", "pcsc:", "pcsc:Virtual PCD 00 00", "image:ada.card"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        let long = format!("pcsc:{}", "x".repeat(NAME_MAX + 1));
        for text in ["", "tcp://", "tcp://host", "tcp://:1", "tcp://host:70000", "127.0.0.1:7001", "image:", &long] {
            assert!(text.parse::<Place>().unwrap_err().to_string().contains("pcsc:NAME"), "{text}");
        }
    }
}
