//! A transcript, played to a card.

use zeroize::Zeroizing;

use super::{Command, Difference, Line, Place, Step, Transcript};
use crate::card::{Card, CardError, Pin, Secrets};

/// A transcript that can be played: what was left out is filled in, and it is about one card.
pub struct Replay<'a> {
    steps: Vec<(&'a Line, Move<'a>)>,
}

enum Move<'a> {
    Reset,
    /// The whole command, and where it is written with what it must be answered.
    Send(Zeroizing<Vec<u8>>, &'a Step),
}

/// Why a transcript was not played to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is nothing in it.
    #[error("there is nothing to play")]
    Nothing,
    /// It is about several cards.
    #[error("it is about several cards, {0}: say which of them this is")]
    SeveralCards(String),
    /// It is not about this card.
    #[error("it is not about a card called {name}, but about {cards}")]
    NoSuchCard {
        /// What was asked for.
        name: String,
        /// What there is.
        cards: String,
    },
    /// A PIN was left out, and none was given.
    #[error("{0}: a PIN was left out here, and none was given")]
    PinNeeded(Place),
    /// The PIN is another one.
    #[error("{0}: the PIN that was left out here has not as many bytes as the one that is given")]
    PinLength(Place),
    /// Two PINs were left out: whoever played one for the other would use up its tries.
    #[error("{0}: another PIN was left out here than before; one alone can be given")]
    SeveralPins(Place),
    /// Something else was left out.
    #[error("{place}: {what}: what was left out here is not a PIN that is verified, and cannot be given")]
    LeftOut {
        /// Where.
        place: Place,
        /// What it was left out of.
        what: String,
    },
    /// The card does not answer.
    #[error("{place}: {source}")]
    Card {
        /// Where.
        place: Place,
        /// Why not.
        source: CardError,
    },
    /// It answers something else.
    #[error("{0}")]
    Different(Box<Difference>),
}

impl<'a> Replay<'a> {
    /// Prepares what `transcript` has of its only card, or of the one called so. No card is touched.
    ///
    /// # Errors
    /// [`ReplayError`]: not for this card, or what was left out is not known.
    pub fn prepare(transcript: &'a Transcript, card: Option<&str>, pin: Option<&Pin>) -> Result<Self, ReplayError> {
        let mut filling = Filling { pin, reference: None };
        let lines = of(transcript, card)?;
        let moved = lines.into_iter().map(|line| Ok((line, filling.fill(line)?)));
        let steps: Vec<_> = moved.collect::<Result<_, ReplayError>>()?;
        if steps.is_empty() { Err(ReplayError::Nothing) } else { Ok(Self { steps }) }
    }

    /// Resets the card and plays everything to it; gives how many commands that were.
    ///
    /// # Errors
    /// [`ReplayError::Different`]: the first difference; or the reader's.
    pub async fn play(&self, card: &mut Card) -> Result<usize, ReplayError> {
        let failed = |line: &Line| {
            let place = line.place.clone();
            move |source| ReplayError::Card { place, source }
        };
        let mut secrets = Secrets::default();
        let mut commands = 0;
        if let Some((first, _)) = self.steps.first() {
            card.reset().await.map_err(failed(first))?;
        }
        for (line, step) in &self.steps {
            match step {
                Move::Reset => card.reset().await.map_err(failed(line))?,
                Move::Send(command, step) => {
                    secrets.of_command(command);
                    let response = card.transmit("replay", command).await.map_err(failed(line))?;
                    compare(line, step, &response, secrets)?;
                    commands += 1;
                }
            }
        }
        Ok(commands)
    }
}

fn compare(line: &Line, step: &Step, response: &[u8], secrets: Secrets) -> Result<(), ReplayError> {
    let Step::Exchange(command, expected) = step else { return Ok(()) };
    if expected.fits(response) {
        return Ok(());
    }
    // Where the transcript does not tell what a key opened, its player does not tell it either.
    let is_told = expected.exact().is_some();
    let got = if is_told { response.to_vec() } else { secrets.of_response(response).around(response).concat() };
    let difference =
        Difference { place: line.place.clone(), command: command.clone(), expected: expected.clone(), got };
    Err(ReplayError::Different(Box::new(difference)))
}

/// The lines about one card.
fn of<'a>(transcript: &'a Transcript, card: Option<&str>) -> Result<Vec<&'a Line>, ReplayError> {
    let cards = transcript.cards();
    let all = || cards.join(", ");
    match card {
        None if cards.len() > 1 => Err(ReplayError::SeveralCards(all())),
        None => Ok(transcript.lines.iter().collect()),
        Some(name) if !cards.contains(&name) => Err(ReplayError::NoSuchCard {
            name: name.to_owned(),
            cards: if cards.is_empty() { "one without a name".into() } else { all() },
        }),
        Some(_) => Ok(transcript.lines.iter().filter(|line| line.card.as_deref() == card).collect()),
    }
}

/// Fills in what was left out.
struct Filling<'p> {
    pin: Option<&'p Pin>,
    /// The number of the PIN that was filled in before.
    reference: Option<u8>,
}

impl Filling<'_> {
    fn fill<'a>(&mut self, line: &'a Line) -> Result<Move<'a>, ReplayError> {
        let Step::Exchange(command, _) = &line.step else { return Ok(Move::Reset) };
        let whole = match command.complete() {
            Some(whole) => Zeroizing::new(whole.to_vec()),
            None => self.secret(command, &line.place)?,
        };
        Ok(Move::Send(whole, &line.step))
    }

    fn secret(&mut self, command: &Command, place: &Place) -> Result<Zeroizing<Vec<u8>>, ReplayError> {
        let Some(reference) = command.verified() else {
            return Err(ReplayError::LeftOut { place: place.clone(), what: command.words().swap_remove(0) });
        };
        if *self.reference.get_or_insert(reference) != reference {
            return Err(ReplayError::SeveralPins(place.clone()));
        }
        let pin = self.pin.and_then(Pin::typed_here).ok_or_else(|| ReplayError::PinNeeded(place.clone()))?;
        command.with_pin(pin).ok_or_else(|| ReplayError::PinLength(place.clone()))
    }
}
