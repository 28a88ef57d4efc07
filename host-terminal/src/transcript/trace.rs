//! What travels, written as a transcript.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::random::Randomness;
use super::{Command, Expected, Step};
use crate::decode::Teller;
use crate::observe::{Event, Kind, Observer};

/// Columns that the time takes in front of words.
const TIME_WIDTH: usize = 10;

/// Writes what goes to cards and what comes back, with words for people, as a transcript that can be played again. Each
/// exchange is written when it is over; messages between hops are not.
pub struct Trace<W: Write + Send>(Mutex<Writing<W>>);

struct Writing<W> {
    out: W,
    began: SystemTime,
    teller: Teller,
    /// The card that the last line is about.
    card: Option<String>,
    cards: HashMap<String, Card>,
}

/// What is to be known of a card.
#[derive(Default)]
struct Card {
    randomness: Randomness,
    /// A command that it has not answered yet.
    asked: Option<Asked>,
}

struct Asked {
    at: SystemTime,
    words: Vec<String>,
    command: Command,
    is_random: bool,
}

impl<W: Write + Send> Trace<W> {
    /// Begins a transcript of what `program` does.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn new(mut out: W, program: &str) -> io::Result<Self> {
        let began = SystemTime::now();
        let now = jiff::Timestamp::try_from(began).map_err(io::Error::other)?;
        write!(
            out,
            "# What {program} said to cards (>) and what they answered (<), after so many seconds.\n\
            # `..` stands for what is random on every card, `??` for what nobody is told: PINs, keys.\n\
            needs the card as it was on {now:.0}, or one equal to it\n"
        )?;
        let (teller, cards) = (Teller::default(), HashMap::new());
        Ok(Self(Mutex::new(Writing { out, began, teller, card: None, cards })))
    }
}

impl<W: Write + Send> Observer for Trace<W> {
    fn observe(&self, event: &Event<'_>) {
        let mut writing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A line that cannot be written must not end a payment.
        drop(writing.take(event));
    }
}

/// A command that was never answered is the last thing to know.
impl<W: Write + Send> Drop for Trace<W> {
    fn drop(&mut self) {
        let writing = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let cards: Vec<String> = writing.cards.keys().cloned().collect();
        for card in cards {
            drop(writing.give_up(&card));
        }
    }
}

impl<W: Write> Writing<W> {
    fn take(&mut self, event: &Event<'_>) -> io::Result<()> {
        match event.kind {
            Kind::Message => Ok(()),
            Kind::Reset => {
                self.give_up(event.from)?;
                let words = self.teller.tell(event);
                self.write(event.from, &[(Some(event.at), words)], &Step::Reset.to_string())
            }
            Kind::Command => {
                self.give_up(event.to)?;
                let words = self.teller.tell(event);
                let card = self.cards.entry(event.to.to_owned()).or_default();
                let is_random = card.randomness.of(event.bytes);
                let command = Command::new(event.bytes, event.left_out);
                card.asked = Some(Asked { at: event.at, words, command, is_random });
                Ok(())
            }
            Kind::Response => self.answered(event),
        }
    }

    fn answered(&mut self, event: &Event<'_>) -> io::Result<()> {
        let mut words = self.teller.tell(event);
        let asked = self.cards.get_mut(event.from).and_then(|card| card.asked.take());
        let Some(Asked { at, words: question, command, is_random }) = asked else { return Ok(()) };
        if let Some(status) = words.first_mut() {
            status.push_str(&event.after());
        }
        let is_open = is_random || !event.left_out.is_nothing();
        let has_data = event.bytes.len() > 2;
        let expected =
            if is_open && has_data { Expected::any_data(event.bytes) } else { Expected::exactly(event.bytes) };
        let step = Step::Exchange(command, expected).to_string();
        self.write(event.from, &[(Some(at), question), (None, words)], &step)
    }

    /// Writes what a card was told and has not answered: a comment, since there is nothing to expect.
    fn give_up(&mut self, card: &str) -> io::Result<()> {
        let Some(asked) = self.cards.get_mut(card).and_then(|card| card.asked.take()) else { return Ok(()) };
        let unanswered = format!("# > {}", asked.command);
        self.write(card, &[(Some(asked.at), asked.words), (None, vec!["no answer".to_owned()])], &unanswered)
    }

    /// Comments, each with its time, and a step.
    fn write(&mut self, card: &str, comments: &[(Option<SystemTime>, Vec<String>)], step: &str) -> io::Result<()> {
        let mut text = String::from("\n");
        if self.card.as_deref() != Some(card) {
            text.push_str(&format!("card {}\n", name(card)));
            self.card = Some(card.to_owned());
        }
        for (at, words) in comments {
            let mut time = at.map_or_else(String::new, |at| seconds(at.duration_since(self.began).unwrap_or_default()));
            for line in words {
                text.push_str(&format!("# {time:<TIME_WIDTH$}{line}\n"));
                time.clear();
            }
        }
        text.push_str(step);
        text.push('\n');
        // All at once, so that whoever reads along sees whole steps.
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.4} s", time.as_secs_f64())
}

/// A card's name, in which a transcript would take `#` for the beginning of a comment.
fn name(card: &str) -> String {
    let name = crate::words::printable(card).replace('#', "_");
    if name.trim().is_empty() { "card".to_owned() } else { name }
}
