//! Waits for a customer's card, whatever it is reached through.

use std::time::Duration;

use host_terminal::reader::{Place, Reader, ReaderError, Waiting};
use tokio::time::sleep;

use crate::software;

/// How often it is looked for a card where nobody tells that one came.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// The card in a reader, which is waited for; `tell` is given sentences about what for. Dropped, it waits no more.
pub(super) async fn card(place: &Place, tell: &mut (dyn FnMut(String) + Send)) -> Result<Box<dyn Reader>, ReaderError> {
    loop {
        let mut say = |waiting: &Waiting| tell(sentence(&waiting.to_string()));
        match place.card(software::start, &mut say).await {
            Err(ReaderError::Unreachable { .. }) => tell("The reader is not there: check its cable.".to_owned()),
            Err(ReaderError::Removed) => tell("Waiting for a card in the reader.".to_owned()),
            Err(ReaderError::Busy) => tell("Another program uses the reader.".to_owned()),
            other => return other,
        }
        sleep(LOOK_EVERY).await;
    }
}

fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).chain(['.']).collect()
}
