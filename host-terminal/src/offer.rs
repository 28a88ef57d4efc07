//! What terminals say to each other alone. Their kinds are from 40 on; no provider takes them.
//!
//! ```text
//! suite 01  kind 40                    what do you offer?
//! suite 01  kind 41  Offer             this
//! suite 01  kind 42  line (postcard)   I cannot go on
//! suite 01  kind 43  Joined            a member's message, to the next member
//! ```
//!
//! Nothing here is signed: what counts is what the cards seal and the provider vouches for.

use protocol::amount::Amount;
use protocol::error::Malformed;
use protocol::limits::LINE_MAX;
use protocol::message::SUITE_1;
use protocol::types::{Currency, ProviderId};
use serde::{Deserialize, Serialize};

/// Asks for an offer.
pub const OFFER_REQUEST: u8 = 0x40;
/// An [`Offer`].
pub const OFFER: u8 = 0x41;
/// The terminal cannot go on; a line for a person says why.
pub const STOPPED: u8 = 0x42;
/// A [`Joined`].
pub const JOINED: u8 = 0x43;

/// What a shop's terminal asks for. Who it is does not stand here: the provider vouches for the payee's name later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Where the shop has its account, and the customer must have one.
    pub provider: ProviderId,
    /// The amount, in minor units.
    pub amount: u64,
    /// The currency.
    pub currency: Currency,
}

impl Offer {
    /// The amount with its currency.
    #[must_use]
    pub const fn amount(&self) -> Amount {
        Amount { minor: self.amount, currency: self.currency }
    }

    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        message(OFFER, self)
    }

    /// Reads the message.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let offer: Self = body(OFFER, bytes)?;
        if Currency::parse(offer.currency.as_str()).is_some() { Ok(offer) } else { Err(Malformed::Undecodable) }
    }
}

/// Whose message it is and to which of a group's transactions it belongs. A key exchange request knows neither, and the
/// next member may wait for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The transaction, counted from 0 by all members of a topology.
    pub run: u32,
    /// The member's name in the topology.
    pub name: &'a str,
}

impl Envelope<'_> {
    /// The message for the next member.
    #[must_use]
    pub fn wrap(&self, inner: &[u8]) -> Vec<u8> {
        message(JOINED, &Joined { run: self.run, name: self.name, message: inner })
    }
}

/// A member's message to the next one, which takes it out: a provider never sees this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined<'a> {
    /// See [`Envelope::run`].
    pub run: u32,
    /// See [`Envelope::name`].
    pub name: &'a str,
    /// The message.
    pub message: &'a [u8],
}

impl<'a> Joined<'a> {
    /// Reads the message.
    ///
    /// # Errors
    /// [`Malformed`] for anything else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        body(JOINED, bytes)
    }
}

/// The message that asks for an offer.
#[must_use]
pub const fn request() -> [u8; 2] {
    [SUITE_1, OFFER_REQUEST]
}

/// The message that says why a terminal cannot go on.
#[must_use]
pub fn stopped(line: &str) -> Vec<u8> {
    message(STOPPED, line)
}

/// The line of such a message; `None` for another message.
pub(crate) fn stopped_line(bytes: &[u8]) -> Option<String> {
    body::<String>(STOPPED, bytes).ok().filter(|line| line.len() <= LINE_MAX)
}

fn message<T: Serialize + ?Sized>(kind: u8, value: &T) -> Vec<u8> {
    let mut message = vec![SUITE_1, kind];
    message.extend(postcard::to_stdvec(value).unwrap_or_default());
    message
}

/// Reads a value that takes all of the message and is spelt as it would be written.
fn body<'a, T: Serialize + Deserialize<'a>>(kind: u8, bytes: &'a [u8]) -> Result<T, Malformed> {
    let body = match bytes {
        [SUITE_1, found, body @ ..] if *found == kind => body,
        [SUITE_1, found, ..] => return Err(Malformed::UnexpectedKind(*found)),
        [suite, _, ..] => return Err(Malformed::UnknownSuite(*suite)),
        [] | [_] => return Err(Malformed::Undecodable),
    };
    let (value, rest) = postcard::take_from_bytes::<T>(body).map_err(|_| Malformed::Undecodable)?;
    if !rest.is_empty() {
        return Err(Malformed::TrailingBytes);
    }
    if message(kind, &value) == bytes { Ok(value) } else { Err(Malformed::NotCanonical) }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn offer() -> Offer {
        Offer { provider: ProviderId([7; 16]), amount: 1250, currency: Currency(*b"EUR") }
    }

    #[test]
    fn an_offer_is_read_as_it_was_written_and_not_otherwise() {
        let whole = offer().encode();
        assert_eq!(Offer::parse(&whole), Ok(offer()));
        assert!((0..whole.len()).all(|length| Offer::parse(&whole[..length]).is_err()));
        assert_eq!(Offer::parse(&[whole.as_slice(), &[0]].concat()), Err(Malformed::TrailingBytes));
        assert_eq!(Offer::parse(&stopped("no")), Err(Malformed::UnexpectedKind(STOPPED)));
        let mut other_suite = whole.clone();
        other_suite[0] = 2;
        assert_eq!(Offer::parse(&other_suite), Err(Malformed::UnknownSuite(2)));
        // The amount spelt longer than it need be.
        let overlong = [&whole[..18], &[0xE2, 0x89, 0x00], &whole[20..]].concat();
        assert_eq!(whole[18..20], [0xE2, 0x09]);
        assert_eq!(Offer::parse(&overlong), Err(Malformed::NotCanonical));
    }

    #[test]
    fn a_currency_that_steers_a_screen_is_refused() {
        assert!(Offer::parse(&Offer { currency: Currency(*b"e\x1b["), ..offer() }.encode()).is_err());
    }

    #[test]
    fn a_member_s_message_is_taken_out_as_it_was_put_in() {
        let message = vec![7; 300];
        let whole = Envelope { run: 200, name: "ada" }.wrap(&message);
        assert_eq!(Joined::parse(&whole), Ok(Joined { run: 200, name: "ada", message: &message }));
        assert!((0..whole.len()).all(|length| Joined::parse(&whole[..length]).is_err()));
        assert_eq!(Joined::parse(&[whole.as_slice(), &[0]].concat()), Err(Malformed::TrailingBytes));
        // The run spelt longer than it need be.
        assert_eq!(whole[2..4], [0xC8, 0x01]);
        assert_eq!(
            Joined::parse(&[&whole[..2], &[0xC8, 0x81, 0x00], &whole[4..]].concat()),
            Err(Malformed::NotCanonical)
        );
    }

    #[test]
    fn whatever_is_read_is_written_as_the_same_bytes() {
        let mut random = StdRng::seed_from_u64(1);
        let good = [offer().encode(), stopped("no"), Envelope { run: 300, name: "ada" }.wrap(&[1, 3, 0])];
        let mut read = [0; 3];
        for round in 0..30_000 {
            let mut bytes = good[round % 3].clone();
            for _ in 0..random.gen_range(0..3) {
                let place = random.gen_range(0..bytes.len());
                bytes[place] = random.r#gen();
            }
            bytes.truncate(random.gen_range(0..=bytes.len() * 2));
            if let Ok(offer) = Offer::parse(&bytes) {
                assert_eq!(offer.encode(), bytes);
                read[0] += 1;
            }
            if let Some(line) = stopped_line(&bytes) {
                assert_eq!(stopped(&line), bytes);
                read[1] += 1;
            }
            if let Ok(Joined { run, name, message }) = Joined::parse(&bytes) {
                assert_eq!(Envelope { run, name }.wrap(message), bytes);
                read[2] += 1;
            }
            assert!(!crate::decode::message(&bytes).is_empty());
        }
        assert!(read.iter().all(|count| *count > 1000), "{read:?}");
    }

    #[test]
    fn a_line_says_why_a_terminal_stopped() {
        assert_eq!(stopped_line(&stopped("no provider")), Some("no provider".to_owned()));
        assert_eq!(stopped_line(&stopped(&"x".repeat(LINE_MAX + 1))), None);
        assert_eq!(stopped_line(&offer().encode()), None);
    }
}
