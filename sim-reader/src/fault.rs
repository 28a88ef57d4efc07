//! Faults with a seed: what a bad cable, a bad network or an attacker on it does to messages, the same every time.
//!
//! [`Injector`] decides; [`Faulty`] puts it around anything commands go through, [`relay`] between two ends of a TCP
//! connection. Nothing here knows what the bytes mean.

use std::io;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::card::{CardError, Medium, SoftwareCard};

/// How often each fault happens, in messages of a thousand. At most one happens to a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// The message disappears.
    pub drop: u16,
    /// The channel breaks: this message and all later ones are gone.
    pub cut: u16,
    /// The message loses its end.
    pub truncate: u16,
    /// One bit of the message flips.
    pub flip: u16,
    /// The message comes late.
    pub delay: u16,
    /// The longest delay.
    pub delay_max: Duration,
}

/// What becomes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, as it is now.
    Arrives(Vec<u8>),
    /// It arrives after a while.
    Late(Duration, Vec<u8>),
    /// It does not arrive.
    Lost,
    /// It does not arrive, and nothing will any more.
    Cut,
}

/// Decides about one message after the other, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Injector {
    random: StdRng,
    rates: Rates,
}

impl Injector {
    /// An injector that starts from `seed`.
    pub fn new(seed: u64, rates: Rates) -> Self {
        Self { random: StdRng::seed_from_u64(seed), rates }
    }

    /// What becomes of `message`.
    pub fn fate(&mut self, mut message: Vec<u8>) -> Fate {
        let mut die: u16 = self.random.gen_range(0..1000);
        let Rates { drop, cut, truncate, flip, delay, delay_max } = self.rates;
        let mut happens = |rate: u16| {
            let hit = die < rate;
            die = if hit { u16::MAX } else { die - rate };
            hit
        };
        if happens(drop) {
            return Fate::Lost;
        }
        if happens(cut) {
            return Fate::Cut;
        }
        if happens(truncate) {
            message.truncate(self.random.gen_range(0..message.len().max(1)));
        } else if happens(flip) {
            self.flip(&mut message);
        } else if happens(delay) {
            return Fate::Late(delay_max.mul_f64(self.random.gen_range(0.0..=1.0)), message);
        }
        Fate::Arrives(message)
    }

    fn flip(&mut self, message: &mut [u8]) {
        let place = self.random.gen_range(0..message.len().max(1));
        let bit = self.random.gen_range(0..8);
        if let Some(byte) = message.get_mut(place) {
            *byte ^= 1 << bit;
        }
    }
}

/// Something a command goes into and a response comes out of.
pub trait Channel {
    /// Why there is no response.
    type Error;

    /// Sends a command APDU and returns the response APDU.
    ///
    /// # Errors
    ///
    /// No response came.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Self::Error>;
}

impl<F: Medium> Channel for SoftwareCard<F> {
    type Error = CardError;

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, CardError> {
        SoftwareCard::transmit(self, command)
    }
}

/// What goes wrong on a faulty channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError<E> {
    /// The command did not reach the card.
    #[error("the command was lost")]
    CommandLost,
    /// The card executed the command, but the response was lost.
    #[error("the response was lost")]
    ResponseLost,
    /// The channel is broken; see [`Faulty::mend`].
    #[error("the channel is broken")]
    Cut,
    /// The channel itself failed.
    #[error(transparent)]
    Inner(E),
}

/// A channel with faults on both ways. Delays are slept.
pub struct Faulty<C> {
    inner: C,
    injector: Injector,
    cut: bool,
}

impl<C: Channel> Faulty<C> {
    /// `inner`, with the faults of `injector` around it.
    pub fn new(inner: C, injector: Injector) -> Self {
        Self { inner, injector, cut: false }
    }

    /// A cut channel works again.
    pub fn mend(&mut self) {
        self.cut = false;
    }

    /// The channel without its faults.
    pub fn inner(&mut self) -> &mut C {
        &mut self.inner
    }

    fn pass(&mut self, message: Vec<u8>, lost: FaultError<C::Error>) -> Result<Vec<u8>, FaultError<C::Error>> {
        match self.injector.fate(message) {
            Fate::Arrives(message) => Ok(message),
            Fate::Late(time, message) => {
                std::thread::sleep(time);
                Ok(message)
            }
            Fate::Lost => Err(lost),
            Fate::Cut => {
                self.cut = true;
                Err(FaultError::Cut)
            }
        }
    }
}

impl<C: Channel> Channel for Faulty<C> {
    type Error = FaultError<C::Error>;

    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Self::Error> {
        if self.cut {
            return Err(FaultError::Cut);
        }
        let command = self.pass(command.to_vec(), FaultError::CommandLost)?;
        let response = self.inner.transmit(&command).map_err(FaultError::Inner)?;
        self.pass(response, FaultError::ResponseLost)
    }
}

/// Forwards every connection to `listener` on to `target`, with faults on both ways: a message is what one read gives.
/// Runs until it is dropped. Connections get their seeds from `seed` in the order in which they come.
///
/// # Errors
///
/// The listener failed.
pub async fn relay(listener: TcpListener, target: String, seed: u64, rates: Rates) -> io::Result<()> {
    let mut seeds = StdRng::seed_from_u64(seed);
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await?;
        let injectors = [seeds.r#gen(), seeds.r#gen()].map(|seed| Injector::new(seed, rates));
        connections.spawn(forward(near, target.clone(), injectors));
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(near: TcpStream, target: String, [up, down]: [Injector; 2]) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    // Whichever way ends first takes the other with it.
    tokio::select! {
        ended = pass_on(near_read, far_write, up) => ended,
        ended = pass_on(far_read, near_write, down) => ended,
    }
}

async fn pass_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut injector: Injector,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        match injector.fate(buffer.get(..length).unwrap_or_default().to_vec()) {
            Fate::Arrives(message) => to.write_all(&message).await?,
            Fate::Late(time, message) => {
                tokio::time::sleep(time).await;
                to.write_all(&message).await?;
            }
            Fate::Lost => {}
            Fate::Cut => return Ok(()),
        }
    }
}
