//! The card and its two doors.

use apdu_spec::command::SecureMessaging;
use apdu_spec::instruction::{ExternalAuthenticate, GetResponse, Sign, StoreData};
use apdu_spec::limits::{SHORT_DATA_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::{Class, Command, Malformed, Status, Wire, Writer};

use crate::boot::BootError;
use crate::link::Link;
use crate::platform::Platform;
use crate::refusal::Refusal;
use crate::secure_channel::Protected;
use crate::system::{System, Unfinished};

/// A card.
///
/// Commands go in through [`answer`](Self::answer), power comes and goes through [`reset`](Self::reset); a reader, a
/// simulator, a test and a board's firmware use the same two functions.
pub struct Card<P: Platform> {
    link: Link,
    system: System<P>,
}

impl<P: Platform> Card<P> {
    /// A new card, empty and in life cycle state OP_READY. What the flash held is lost.
    ///
    /// # Errors
    /// [`BootError`] when the flash is not usable.
    pub fn format(platform: P, flash: P::Flash) -> Result<Self, BootError> {
        System::format(platform, flash).map(|system| Self { link: Link::default(), system })
    }

    /// The card whose objects the flash holds, as after a reset. Mends what a power cut left behind.
    ///
    /// # Errors
    /// [`BootError`] when the flash holds no card or is not usable.
    pub fn mount(platform: P, flash: P::Flash) -> Result<Self, BootError> {
        System::mount(platform, flash).map(|system| Self { link: Link::default(), system })
    }

    /// Executes one command and writes the response, which is never shorter than a status word. Gives the bytes
    /// written.
    ///
    /// `reply` should have [`REPLY_MAX`](apdu_spec::limits::REPLY_MAX) bytes; a response that does not fit is refused
    /// with 6F00, changing nothing, and in less than two bytes nothing is written.
    pub fn answer(&mut self, command: &[u8], reply: &mut [u8]) -> usize {
        let Some((data, _status)) = reply.split_last_chunk_mut::<2>() else {
            return 0;
        };
        let mut writer = Writer::new(data);
        self.system.interrupt(|unfinished| continues(command, unfinished));
        let status = self.process(command, &mut writer).unwrap_or_else(|refusal| {
            self.system.interrupt(|_| false);
            writer.truncate(0);
            refusal.into()
        });
        let length = writer.len();
        let mut whole = Writer::new(reply);
        let _ = whole.extend(length);
        let _ = whole.put(&status.to_bytes());
        whole.len()
    }

    /// Power off and on, or a reader's reset: everything but the store's objects is forgotten.
    pub fn reset(&mut self) {
        self.link.forget();
        self.system.reset();
    }

    /// Takes the card apart, for example to mount it again on the same flash.
    pub fn into_parts(self) -> (P, P::Flash) {
        self.system.into_parts()
    }

    fn process(&mut self, command: &[u8], reply: &mut Writer<'_>) -> Result<Status, Refusal> {
        // `Lc` of three bytes goes into a MAC as it came.
        let is_extended = matches!(command, [_, _, _, _, 0, _, _, ..]);
        let received = Command::parse(command).map_err(|_| Malformed::Length.into());
        let (class, command) = match received.and_then(|command| Ok((class(&command)?, command))) {
            Ok(received) => received,
            Err(refusal) => {
                self.link.forget();
                if let Some(class) = command.first().and_then(|class| Class::parse(*class)) {
                    self.system.end_secure_channel(class.channel);
                }
                return Err(refusal);
            }
        };
        if !class.proprietary && !class.chaining && command.header.instruction == GetResponse::INSTRUCTION {
            return self.link.fetch(GetResponse::parse(&command)?.length, class.channel, reply);
        }
        let whole = self.link.collect(class, command).inspect_err(|_| {
            self.system.end_secure_channel(class.channel);
        })?;
        let outcome = match whole {
            None => return Ok(Status::OK),
            Some(whole) if is_protected(class, &whole) => {
                let (header, expected) = (whole.header, whole.expected);
                let data = self.link.collected();
                let is_extended = data.len() > SHORT_DATA_MAX || expected > SHORT_EXPECTED_MAX || is_extended;
                let command = Protected { number: class.channel, header, is_extended, data, expected };
                self.system.execute_protected(command, reply)
            }
            Some(whole) => self.system.execute(class.channel, &whole, reply),
        };
        match outcome {
            Ok(status) => Ok(self.link.keep(reply, status, command.expected, class.channel)),
            Err(refusal) => {
                self.link.forget();
                Err(refusal)
            }
        }
    }
}

/// Whether the command can be the next one of what is unfinished. One that is malformed is refused, which interrupts as
/// well.
fn continues(command: &[u8], unfinished: Unfinished) -> bool {
    let &[class, instruction, ..] = command else { return false };
    match (Class::parse(class).map(|class| class.proprietary), instruction) {
        (Some(true), Sign::INSTRUCTION) => unfinished == Unfinished::Node,
        (Some(true), StoreData::INSTRUCTION) => unfinished == Unfinished::Blocks,
        (Some(true), ExternalAuthenticate::INSTRUCTION) => unfinished == Unfinished::Handshake,
        // GET RESPONSE fetches the rest of an answer: what protects that to a block, or the card's challenge.
        (Some(false), GetResponse::INSTRUCTION) => unfinished != Unfinished::Node,
        _ => false,
    }
}

/// Whether a secure channel has to undo the command's protection. EXTERNAL AUTHENTICATE, which opens it, brings its own
/// MAC.
fn is_protected(class: Class, command: &Command<'_>) -> bool {
    let opens = class.proprietary && command.header.instruction == ExternalAuthenticate::INSTRUCTION;
    class.secure_messaging == SecureMessaging::Proprietary && !opens
}

fn class(command: &Command<'_>) -> Result<Class, Refusal> {
    let class = Class::parse(command.header.class).ok_or(Malformed::Class)?;
    match class.secure_messaging {
        SecureMessaging::None | SecureMessaging::Proprietary => Ok(class),
        SecureMessaging::Iso | SecureMessaging::IsoWithHeader => Err(Refusal::NoSecureMessaging),
    }
}
