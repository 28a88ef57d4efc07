//! The person in front of the terminal, or the flags that speak for them.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::{Result, bail};
use apdu_spec::transaction::Decision;
use host_terminal::Error;
use host_terminal::offer::Offer;
use host_terminal::pay::{Payer, Told};
use protocol::amount::Amount;

/// Asks where no flag has said.
pub(crate) struct User {
    told: Told,
    ask: bool,
}

impl User {
    pub(crate) fn new(limit: Option<String>, reject: bool) -> Result<Self> {
        let ask = limit.is_none();
        if ask && !stdin().is_terminal() {
            bail!("nobody is there to confirm the amount: give --limit");
        }
        let decision = if reject { Decision::Reject } else { Decision::Accept };
        Ok(Self { told: Told { limit, decision }, ask })
    }
}

impl Payer for User {
    fn consider(&mut self, offer: &Offer) -> Result<(), Error> {
        self.told.consider(offer)
    }

    fn confirm(&mut self, amount: Amount, payee: &str) -> bool {
        !self.ask || is_yes(&format!("Pay {amount} to {payee}? [y/N] "))
    }

    fn decide(&mut self) -> Decision {
        self.told.decide()
    }
}

/// Asked on the other stream: results alone go to the first.
fn is_yes(question: &str) -> bool {
    let mut answer = String::new();
    let asked = write!(stderr(), "{question}");
    asked.and_then(|()| stdin().read_line(&mut answer)).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
