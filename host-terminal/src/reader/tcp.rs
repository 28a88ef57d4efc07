//! A card in another process, over TCP with the frames of [`apdu_spec::link`].

use std::time::Duration;

use apdu_spec::link::{HEADER_LENGTH, Header, Kind, Refusal, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{ANSWER_TIME, Pending, RESPONSE_MIN, Reader, ReaderError};

/// How long a reader may take to accept a connection.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);

/// An answer to reset has two to 33 bytes (ISO/IEC 7816-3, 8.2.1).
const ATR_LENGTH: std::ops::RangeInclusive<usize> = 2..=33;

/// A reader that listens on a TCP port, with a powered card in it.
pub struct TcpReader {
    /// Not there while an exchange is under way or after one that did not end as it should: what comes next on such a
    /// stream is not the answer to what is asked next.
    stream: Option<BufReader<TcpStream>>,
    atr: Vec<u8>,
}

impl TcpReader {
    /// Connects to `address` ("host:port") and gives the card power.
    ///
    /// # Errors
    ///
    /// [`ReaderError::Unreachable`], [`ReaderError::Busy`] if another program has the card, [`ReaderError::Removed`] if
    /// there is none.
    pub async fn connect(address: &str) -> Result<Self, ReaderError> {
        let connected = timeout(CONNECT_TIME, TcpStream::connect(address))
            .await
            .map_err(|_| ReaderError::TimedOut(CONNECT_TIME))?;
        let stream = connected.map_err(|source| ReaderError::Unreachable { address: address.to_owned(), source })?;
        // A command waits for its answer: there is never a second small packet to wait for.
        stream.set_nodelay(true)?;
        let mut reader = Self { stream: Some(BufReader::new(stream)), atr: Vec::new() };
        reader.power_on().await?;
        Ok(reader)
    }

    /// Gives the card power, as after [`TcpReader::insert`] or [`TcpReader::power_off`].
    ///
    /// # Errors
    ///
    /// [`ReaderError::Removed`] if there is no card.
    pub async fn power_on(&mut self) -> Result<(), ReaderError> {
        let atr = self.exchange(Kind::PowerOn, &[VERSION], Kind::Atr).await?;
        self.take_atr(atr)
    }

    /// Takes power away from the card.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn power_off(&mut self) -> Result<(), ReaderError> {
        self.exchange(Kind::PowerOff, &[], Kind::Done).await.map(drop)
    }

    /// Puts the card into a simulated reader; it has no power yet.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn insert(&mut self) -> Result<(), ReaderError> {
        self.exchange(Kind::Insert, &[], Kind::Done).await.map(drop)
    }

    /// Takes the card out of a simulated reader.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn remove(&mut self) -> Result<(), ReaderError> {
        self.exchange(Kind::Remove, &[], Kind::Done).await.map(drop)
    }

    /// Holds or lets go a simulated card's button.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn set_user_present(&mut self, present: bool) -> Result<(), ReaderError> {
        self.exchange(Kind::Presence, &[u8::from(present)], Kind::Done).await.map(drop)
    }

    fn take_atr(&mut self, atr: Vec<u8>) -> Result<(), ReaderError> {
        if !ATR_LENGTH.contains(&atr.len()) {
            self.stream = None;
            return Err(ReaderError::Protocol("an answer to reset of a wrong length"));
        }
        self.atr = atr;
        Ok(())
    }

    async fn exchange(&mut self, kind: Kind, body: &[u8], expected: Kind) -> Result<Vec<u8>, ReaderError> {
        let header = Header::new(kind, body.len()).ok_or(ReaderError::CommandTooLong(body.len()))?;
        let mut stream = self.stream.take().ok_or(ReaderError::Closed)?;
        let (kind, body) = timeout(ANSWER_TIME, ask(&mut stream, header, body))
            .await
            .map_err(|_| ReaderError::TimedOut(ANSWER_TIME))??;
        if kind == Kind::Refused {
            let refusal = one_refusal(&body)?;
            if !matches!(refusal, Refusal::Busy | Refusal::Malformed) {
                self.stream = Some(stream);
            }
            return Err(refusal.into());
        }
        if kind != expected {
            return Err(ReaderError::Protocol("an answer to another question"));
        }
        self.stream = Some(stream);
        Ok(body)
    }
}

impl Reader for TcpReader {
    fn atr(&self) -> &[u8] {
        &self.atr
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        Box::pin(async move {
            let response = self.exchange(Kind::Transmit, command, Kind::Answer).await?;
            if response.len() < RESPONSE_MIN {
                self.stream = None;
                return Err(ReaderError::Protocol("a response without a status word"));
            }
            Ok(response)
        })
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(async move {
            let atr = match self.exchange(Kind::Reset, &[], Kind::Atr).await {
                Err(ReaderError::NotPowered) => self.exchange(Kind::PowerOn, &[VERSION], Kind::Atr).await?,
                other => other?,
            };
            self.take_atr(atr)
        })
    }
}

async fn ask(stream: &mut BufReader<TcpStream>, header: Header, body: &[u8]) -> Result<(Kind, Vec<u8>), ReaderError> {
    stream.write_all(&[header.encode().as_slice(), body].concat()).await?;
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header).await?;
    let header = Header::parse(header).map_err(|_| ReaderError::Protocol("an unknown frame"))?;
    let mut body = vec![0; header.length()];
    stream.read_exact(&mut body).await?;
    Ok((header.kind, body))
}

fn one_refusal(body: &[u8]) -> Result<Refusal, ReaderError> {
    let [code] = body else { return Err(ReaderError::Protocol("a refusal of a wrong length")) };
    Refusal::try_from(*code).map_err(|_| ReaderError::Protocol("an unknown refusal"))
}

impl From<Refusal> for ReaderError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Self::Busy,
            Refusal::Malformed => Self::Protocol("it did not understand a request"),
            Refusal::Removed => Self::Removed,
            Refusal::NotPowered => Self::NotPowered,
            Refusal::Mute => Self::Mute,
            Refusal::Storage => Self::Storage,
        }
    }
}
