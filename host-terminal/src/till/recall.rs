//! Until when a sale can be called off: until its request leaves. Then only the provider knows how it ends.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::Error;

/// Shared by a sale and by whoever may call it off; which of the two is first is decided here.
#[derive(Clone, Debug)]
pub struct Recall(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Possible,
    CalledOff,
    TooLate,
}

impl Default for Recall {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::Possible)))
    }
}

impl Recall {
    /// Calls it off; whether it is called off: not where it was too late.
    pub fn call_off(&self) -> bool {
        self.settle(State::CalledOff)
    }

    /// The request leaves: from here on it is too late.
    ///
    /// # Errors
    /// [`Error::CalledOff`]: it must not leave.
    pub fn close(&self) -> Result<(), Error> {
        if self.settle(State::TooLate) { Ok(()) } else { Err(Error::CalledOff) }
    }

    /// Whether the sale may go on.
    ///
    /// # Errors
    /// [`Error::CalledOff`].
    pub fn check(&self) -> Result<(), Error> {
        if *self.0.borrow() == State::CalledOff { Err(Error::CalledOff) } else { Ok(()) }
    }

    /// Ready when it is called off; never, where that is too late.
    pub async fn called_off(&self) {
        // The sender is this one.
        drop(self.0.subscribe().wait_for(|state| *state == State::CalledOff).await);
    }

    /// The first wish counts.
    fn settle(&self, wanted: State) -> bool {
        self.0.send_if_modified(|state| {
            let first = *state == State::Possible;
            if first {
                *state = wanted;
            }
            first
        });
        *self.0.borrow() == wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_of_the_two_counts() {
        let early = Recall::default();
        assert!(early.check().is_ok());
        assert!(early.call_off() && early.clone().call_off());
        assert!(matches!(early.close(), Err(Error::CalledOff)) && early.check().is_err());
        early.called_off().await;

        let late = Recall::default();
        assert!(late.close().is_ok() && !late.call_off() && late.check().is_ok());
    }
}
