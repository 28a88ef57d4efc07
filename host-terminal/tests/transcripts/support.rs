//! A card made of a table, and files in memory.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use host_terminal::card::Card;
use host_terminal::observe::{Observer, Several, Tap};
use host_terminal::reader::{Pending, Reader, ReaderError};
use host_terminal::transcript::{Capture, Trace};

pub(crate) const ATR: [u8; 4] = [0x3B, 0x81, 0x31, 0x8E];

/// A reader whose card gives these responses, one after the other, and then none.
pub(crate) struct Scripted {
    pub(crate) responses: VecDeque<Vec<u8>>,
    pub(crate) commands: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Scripted {
    pub(crate) fn new(responses: &[&str]) -> Self {
        let responses = responses.iter().map(|response| bytes(response)).collect();
        Self { responses, commands: Arc::default() }
    }
}

impl Reader for Scripted {
    fn atr(&self) -> &[u8] {
        &ATR
    }

    fn transmit<'a>(&'a mut self, command: &'a [u8]) -> Pending<'a, Vec<u8>> {
        self.commands.lock().unwrap().push(command.to_vec());
        let response = self.responses.pop_front().ok_or(ReaderError::Removed);
        Box::pin(async move { response })
    }

    fn has_pinpad(&self) -> bool {
        true
    }

    fn verify_on_pinpad(&mut self, _number: u8) -> Pending<'_, Vec<u8>> {
        let response = self.responses.pop_front().ok_or(ReaderError::Removed);
        Box::pin(async move { response })
    }

    fn reset(&mut self) -> Pending<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// A file in memory that several have.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Both kinds of record, in memory.
#[derive(Clone, Default)]
pub(crate) struct Records {
    pub(crate) trace: Memory,
    pub(crate) capture: Memory,
}

impl Records {
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        let trace = Trace::new(self.trace.clone(), "a test").unwrap();
        let capture = Capture::new(self.capture.clone(), "a test").unwrap();
        Arc::new(Several(vec![Arc::new(trace), Arc::new(capture)]))
    }

    /// A card that answers so, and is recorded here under this name.
    pub(crate) fn card(&self, name: &str, responses: &[&str]) -> Card {
        Card::new(Box::new(Scripted::new(responses)), Tap::new(self.observer(), "a test", name))
    }
}

/// Sends commands to a card, which answers them or not.
pub(crate) async fn send(card: &mut Card, commands: &[&str]) {
    for command in commands {
        drop(card.transmit("test", &bytes(command)).await);
    }
}

pub(crate) fn bytes(digits: &str) -> Vec<u8> {
    let digits: String = digits.split_whitespace().collect();
    hex::decode(digits).unwrap()
}
