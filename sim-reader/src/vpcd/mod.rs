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
//! A card that has no answer closes the connection, which is what taking a card out of its reader looks like. A command
//! of one byte that a program sends is such a request to the card, and the reader waits for an answer that never
//! comes, for ever; so a card that is asked nothing for [`SILENCE_TIME`] leaves and comes back.
//!
//! The reader asks one card at a time. Another one that connects waits, unheard, until the first has gone.

mod slot;

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use tokio::time::sleep;

use crate::atr::ATR;
use crate::card::{CardError, Medium, SoftwareCard};
use crate::hand::{Hand, Hold, Moment, Reader};
use slot::Slot;
pub use slot::{CONNECT_TIME, FRAME_TIME, SILENCE_TIME};

/// The port of the reader's first slot, as Debian's package configures it; the next slot's is the next.
pub const PORT: u16 = 35963;
/// The pause before the first new attempt to connect; it doubles with every one that fails.
pub const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
pub const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Keeps the card where `hand` wants it, in or out of the reader that listens at `host` and `port`, until it is
/// dismissed; a command under way is finished. Where there is no reader, or none any more, it tries again.
///
/// While the card is in the reader this blocks its thread, which therefore has to be its own.
pub async fn serve<F: Medium>((host, port): (&str, u16), mut card: SoftwareCard<F>, hand: &Hand) {
    tokio::select! {
        biased;
        () = hand.dismissed() => {}
        never = stay((host, port), &mut card, hand) => match never {},
    }
}

async fn stay<F: Medium>(reader: (&str, u16), card: &mut SoftwareCard<F>, hand: &Hand) -> Infallible {
    let mut pause = PAUSE_MIN;
    loop {
        match visit(reader, card, hand).await {
            Ok(ending) => {
                pause = PAUSE_MIN;
                card.power_off();
                hand.tell(Reader::Silent);
                match ending {
                    Ending::Card(_) => tracing::warn!(%ending, "the card left the reader"),
                    Ending::TakenOut | Ending::Lost(_) => tracing::info!(%ending, "the card left the reader"),
                }
            }
            Err(error) => {
                hand.tell(Reader::Absent);
                tracing::info!(%error, "there is no reader");
            }
        }
        sleep(pause).await;
        pause = PAUSE_MAX.min(pause * 2);
    }
}

/// Comes into the reader once the hand lets it in, and stays until it is taken out or the reader gives it up.
///
/// # Errors
///
/// There is no reader, or one that closes before it says anything, which is as good as none.
async fn visit<F: Medium>(reader: (&str, u16), card: &mut SoftwareCard<F>, hand: &Hand) -> io::Result<Ending> {
    // A reader takes a card that answers right after another one fell silent for the same, without power. So it has to
    // notice first that its slot is empty: whatever it says is left without an answer.
    let mut empty = slot::connect(reader).await?;
    hand.tell(Reader::Silent);
    slot::listen(&mut empty).await?;
    drop(empty);
    hand.tell(Reader::Empty);

    let stay = hand.let_in().await;
    let stream = slot::connect(reader).await?.into_std()?;
    let hold = hand.take_hold(&stream, stay)?;
    Ok(match converse(Slot::new(stream)?, card, &hold) {
        Err(Ending::Lost(_)) if hold.is_over() => Ending::TakenOut,
        Err(ending) => ending,
    })
}

/// Why the card left the reader.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error("it was taken out")]
    TakenOut,
    #[error("the connection to the reader: {0}")]
    Lost(#[from] io::Error),
    #[error("no answer from the card: {0}")]
    Card(#[from] CardError),
}

fn converse<F: Medium>(mut slot: Slot, card: &mut SoftwareCard<F>, hold: &Hold<'_>) -> Result<Infallible, Ending> {
    let mut powered = false;
    loop {
        let body = slot.receive()?;
        match body.as_slice() {
            [0] => card.power_off(),
            [1] => {
                card.power_on()?;
                powered = true;
            }
            [2] => drop(card.reset()?),
            [4] => {
                slot.send(&ATR)?;
                if powered {
                    hold.tell_holding();
                }
            }
            command => exchange(&mut slot, card, hold, command)?,
        }
    }
}

/// A command and its answer, and the card's removal where that is planned.
fn exchange<F: Medium>(
    slot: &mut Slot,
    card: &mut SoftwareCard<F>,
    hold: &Hold<'_>,
    command: &[u8],
) -> Result<(), Ending> {
    let removal = hold.count();
    if removal != Some(Moment::Before) {
        let answer = card.transmit(command)?;
        if removal != Some(Moment::Unanswered) {
            slot.send(&answer)?;
        }
    }
    if removal.is_some() {
        hold.let_go();
        return Err(Ending::TakenOut);
    }
    Ok(())
}
