//! The card in a PC/SC reader: `vpcd`, the virtual reader of the vsmartcard project, which pcscd loads as a driver.
//!
//! The reader listens, the card connects. Both ways, a frame is a length (two bytes, most significant first) and a
//! body. What the reader sends is a command APDU, or a request of one byte:
//!
//! | body | request | answer |
//! | --- | --- | --- |
//! | 00 | power off | none |
//! | 01 | power on | none |
//! | 02 | warm reset | none |
//! | 04 | what is your ATR? | the ATR, also without power: it is how the reader sees that a card is there |
//!
//! A card that has no answer closes the connection, which is what taking a card out of its reader looks like.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_quickack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use crate::atr::ATR;
use crate::card::{CardError, Medium, SoftwareCard};

/// The port of the reader's first slot, as Debian's package configures it; the next slot's is the next.
pub const PORT: u16 = 35963;
/// How long connecting may take.
pub const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long a frame may take once its first byte is there, and an answer until the reader takes it.
pub const FRAME_TIME: Duration = Duration::from_secs(10);
/// The pause before the first new attempt to connect; it doubles with every one that fails.
pub const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
pub const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Keeps the card in the reader that listens at `host` and `port` until `stop` is ready; a command under way is
/// finished. Where there is no reader, or none any more, it tries again. `connected` is called the first time.
pub async fn serve<F: Medium>(
    (host, port): (&str, u16),
    mut card: SoftwareCard<F>,
    connected: impl FnOnce(),
    stop: impl Future<Output = ()>,
) {
    tokio::select! {
        () = stop => {}
        never = stay((host, port), &mut card, connected) => match never {},
    }
}

async fn stay<F: Medium>(reader: (&str, u16), card: &mut SoftwareCard<F>, connected: impl FnOnce()) -> Infallible {
    let mut connected = Some(connected);
    let mut pause = PAUSE_MIN;
    loop {
        match Slot::enter(reader).await {
            Ok(mut slot) => {
                if let Some(connected) = connected.take() {
                    connected();
                }
                let Err(ending) = converse(&mut slot, card).await;
                card.power_off();
                tracing::info!(%ending, "the card left the reader");
                // A reader that closes before it says anything is as good as none.
                if slot.has_spoken {
                    pause = PAUSE_MIN;
                }
            }
            Err(error) => tracing::info!(%error, "there is no reader"),
        }
        sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
}

/// Why the card left the reader.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("the connection to the reader: {0}")]
    Lost(#[from] io::Error),
    #[error("no answer from the card: {0}")]
    Card(#[from] CardError),
    #[error("an answer is longer than a frame")]
    TooLong,
}

async fn converse<F: Medium>(slot: &mut Slot, card: &mut SoftwareCard<F>) -> Result<Infallible, Ending> {
    loop {
        let body = slot.receive().await?;
        if let Some(answer) = perform(card, &body)? {
            slot.send(&answer).await?;
        }
    }
}

/// What the card does with a frame, and what it answers if anything.
fn perform<F: Medium>(card: &mut SoftwareCard<F>, body: &[u8]) -> Result<Option<Vec<u8>>, CardError> {
    match body {
        [0] => card.power_off(),
        [1] => drop(card.power_on()?),
        [2] => drop(card.reset()?),
        [4] => return Ok(Some(ATR.to_vec())),
        command => return card.transmit(command).map(Some),
    }
    Ok(None)
}

/// The connection to a reader's slot.
struct Slot {
    stream: TcpStream,
    has_spoken: bool,
}

impl Slot {
    /// Comes into the reader so that it notices: it takes a card that answers right after another one fell silent for
    /// the same, without power. So whatever it says first is left without an answer, as in an empty slot.
    async fn enter(reader: (&str, u16)) -> io::Result<Self> {
        Self::connect(reader).await?.receive().await?;
        Self::connect(reader).await
    }

    async fn connect(reader: (&str, u16)) -> io::Result<Self> {
        let stream = within(CONNECT_TIME, TcpStream::connect(reader)).await?;
        // An answer is one write, and the reader waits for it: nothing is gained by waiting for more to send.
        stream.set_nodelay(true)?;
        Ok(Self { stream, has_spoken: false })
    }

    /// The next frame's body; there is always one, at most 65,535 bytes, zeroized when done with.
    async fn receive(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        self.acknowledge_at_once()?;
        let first = self.stream.read_u8().await?;
        self.has_spoken = true;
        within(FRAME_TIME, async {
            let length = u16::from_be_bytes([first, self.stream.read_u8().await?]);
            self.acknowledge_at_once()?;
            let mut body = Zeroizing::new(vec![0; length.into()]);
            self.stream.read_exact(&mut body).await?;
            Ok(body)
        })
        .await
    }

    async fn send(&mut self, answer: &[u8]) -> Result<(), Ending> {
        let length = u16::try_from(answer.len()).map_err(|_| Ending::TooLong)?;
        let frame = Zeroizing::new([&length.to_be_bytes(), answer].concat());
        Ok(within(FRAME_TIME, self.stream.write_all(&frame)).await?)
    }

    /// The reader writes a frame's length and its body apart, and its kernel holds the body back until the length is
    /// acknowledged. Ours would do that 40 ms later, and forgets after each frame that it is not to.
    fn acknowledge_at_once(&self) -> io::Result<()> {
        Ok(set_tcp_quickack(&self.stream, true)?)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(time, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
