//! The claims: what the system does, in short words, and what its tests assert of each.
//!
//! `tests/tests/claims` has a test for every claim that is [`Shown::By`] one. `cargo xtask claims` prints the table,
//! with what came of them.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use anyhow::Result;
use serde_json::{Value, json};

/// What the system does, and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its number, from 1 on.
    pub number: u8,
    /// What the system does.
    pub words: &'static str,
    /// How it is known.
    pub shown: Shown,
}

/// How it is known that a claim is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// A test asserts this.
    By(&'static str),
    /// No test does yet; the words say what it waits for.
    ToCome(&'static str),
}
use Shown::{By, ToCome};

const fn claim(number: u8, words: &'static str, shown: Shown) -> Claim {
    Claim { number, words, shown }
}

/// All claims, in the order of their numbers.
pub const CLAIMS: [Claim; 53] = [
    claim(
        1,
        "card, member terminal and provider, encrypting both ways",
        By("the card enciphers and deciphers; each end opens what the other says, nobody else does"),
    ),
    claim(2, "the card is a physical card", ToCome("boards")),
    claim(3, "the card is software", By("answers as its manual says, in this process and in one of its own")),
    claim(
        4,
        "card OS: cardholder data, conditions, provider data",
        By("holder data loaded and updated, conditions changed and asked, a record replaced and managed"),
    ),
    claim(
        5,
        "external reads and writes, communication protocols",
        By("the same bytes over TCP and through PC/SC in T=1: short, extended, chained, GET RESPONSE"),
    ),
    claim(
        6,
        "software to manage the card",
        By("issued, inspected, changed over SCP03, blocked, unblocked, terminated; by no other keys"),
    ),
    claim(7, "application software", ToCome("applets")),
    claim(8, "applets", ToCome("applets")),
    claim(9, "the provider talks to an external system", ToCome("external systems")),
    claim(
        10,
        "record: name, keys with their types, account",
        By("none can be missing or of another type; seven records share no key and no account"),
    ),
    claim(11, "record: instrument type", By("all seven enrolled, issued and told by the card; an eighth is refused")),
    claim(12, "record: access condition", By("a record is used after its own PIN alone, whatever others ask for")),
    claim(
        13,
        "key exchange: request, session key, response",
        By("session made by the provider, used in every later seal"),
    ),
    claim(14, "challenges both ways, answered", By("each answer verifies for its own challenge only")),
    claim(
        15,
        "transaction request and response, each signed",
        By("each signature verifies, and not with a byte changed"),
    ),
    claim(
        16,
        "account, amount and sensitive data sealed",
        By("a canary is in no byte that anybody saw, and found where it was leaked on purpose"),
    ),
    claim(17, "plain text in the transaction request", By("read on the wire, and bound by seal and signature")),
    claim(
        18,
        "transaction identification in the request",
        By("the one that the provider assigned, in every member's part"),
    ),
    claim(
        19,
        "the request answers the provider's challenge",
        By("cryptogram 3 opens to the answer to this member's challenge alone"),
    ),
    claim(20, "response data sealed for the member", By("opens under that member's private key alone")),
    claim(21, "plain text in the transaction response", By("read on the wire and told by the card")),
    claim(22, "transaction identification in the response", By("the assigned one, in every member's part")),
    claim(23, "signed acknowledgment", By("each member's signature verifies, and not with a byte changed")),
    claim(24, "acknowledgment data sealed", By("opens under the session key, on no wire in the clear")),
    claim(25, "plain text in the acknowledgment", By("read on the wire, and bound by seal and signature")),
    claim(26, "transaction identification in the acknowledgment", By("the assigned one, in every member's part")),
    claim(27, "sensitive data in the acknowledgment", By("opens under the private key, at the provider alone")),
    claim(
        28,
        "cryptograms 1, 2 and 3",
        By("each opens with the key it is for, to challenge, session and answer, signed throughout"),
    ),
    claim(29, "another key pair for every transaction", By("two transactions of one card share no key")),
    claim(30, "plain text in the key exchange, both ways", By("read on the wire both ways and told by the card")),
    claim(
        31,
        "the member's public key hidden",
        By("in no byte, nor recovered from a signature; where it is not hidden, both find it"),
    ),
    claim(32, "sensitive data in the key exchange, both ways", By("each opens for its receiver alone")),
    claim(33, "answer to the member inside cryptogram 2", By("not beside it; inside it opens and verifies")),
    claim(34, "transaction identification inside cryptogram 2", By("in no byte of the response; inside it opens")),
    claim(35, "transaction identification in the clear", By("in the response's outer part, as the card tells it")),
    claim(36, "the next message uses it, where it was inside", By("the very identification that was inside")),
    claim(37, "the next message uses it, where it was in the clear", By("the very identification that was outside")),
    claim(38, "two members: key exchange", By("second signs the whole; one signed answer, split, verifies in parts")),
    claim(39, "two members: transaction", By("likewise, each under its own session key")),
    claim(40, "two members: acknowledgment", By("likewise, each under its own session key")),
    claim(
        41,
        "series with routers: key exchange",
        By("back by the same way; routers add nothing, each sees its part only"),
    ),
    claim(42, "series with routers: transaction", By("back by the same way, each its own part, no other opens")),
    claim(43, "hierarchy: key exchange", By("back by the same ways; each branch gets its members' parts only")),
    claim(44, "hierarchy: transaction", By("back by the same ways, each its own part, no other opens")),
    claim(45, "two members, one session key", By("one key opens both group fields, neither private one")),
    claim(46, "series, one session key", By("each opens all group fields, nobody another's private one")),
    claim(47, "hierarchy, one session key", By("each opens all group fields, nobody another's private one")),
    claim(48, "two members given each other's keys", By("the very keys that signed, and not on the wire")),
    claim(49, "a series given each other's keys", By("the very keys that signed, each but its own")),
    claim(50, "a hierarchy given each other's keys", By("the very keys that signed, each but its own")),
    claim(51, "two with one session key given each other's keys", By("the very keys that signed, and not on the wire")),
    claim(
        52,
        "a series with one session key given each other's keys",
        By("the very keys that signed, each but its own"),
    ),
    claim(53, "a hierarchy with one session key, likewise", By("the very keys that signed, each but its own")),
];

/// Runs the check of a claim and tells what came of it.
///
/// # Panics
/// Where the check fails, with why; or the claim is none that a test shows.
#[expect(clippy::panic, reason = "a panic fails the test")]
pub fn show(number: u8, check: impl FnOnce() -> Result<()>) {
    let claim = CLAIMS.iter().find(|claim| claim.number == number);
    let claim = claim.unwrap_or_else(|| panic!("there is no claim {number}"));
    assert!(matches!(claim.shown, By(_)), "claim {number} is listed as to come");
    let checked = catch_unwind(AssertUnwindSafe(check));
    claim.tell(if matches!(checked, Ok(Ok(()))) { "ok" } else { "FAILED" });
    match checked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("claim {number}: {error:#}"),
        Err(panic) => resume_unwind(panic),
    }
}

/// Tells of the claims that are to come.
pub fn tell_what_is_to_come() {
    CLAIMS.iter().filter(|claim| matches!(claim.shown, ToCome(_))).for_each(|claim| claim.tell("to come"));
}

impl Claim {
    /// Says what came of it, in a line of its own: `claim: {"number":16,...}`.
    ///
    /// The line goes past the test harness, which keeps to itself what a passing test prints, in one piece: other tests
    /// tell theirs at the same time.
    fn tell(&self, result: &str) {
        let line = format!("\nclaim: {}\n", self.json(result));
        // A line that cannot be told is missed by who reads them.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }

    fn json(&self, result: &str) -> Value {
        let (By(how) | ToCome(how)) = self.shown;
        json!({ "number": self.number, "claim": self.words, "result": result, "checked": how })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_is_there_once_and_fits_its_line() {
        assert!((1_u8..).zip(&CLAIMS).all(|(number, claim)| claim.number == number));
        for claim in &CLAIMS {
            let (By(how) | ToCome(how)) = claim.shown;
            assert!(claim.words.len() + how.len() <= 150, "claim {}", claim.number);
        }
    }
}
