//! Notices: what a provider says in its answers whoever asks, to everybody on the way or to each member's card alone.
//!
//! They stand in `notices.toml` in the provider's data folder, which is read when the provider starts:
//!
//! ```toml
//! [plain_text]            # anybody on the way may read these, and terminals are told; each may be left out
//! key_exchange = "First Bank: we never ask for your PIN."
//! transaction = "..."
//! final_notice = "..."
//!
//! [sealed]                # for each member's card alone, which tells no terminal
//! key_exchange = "..."
//! transaction = "..."
//! ```

use std::io::ErrorKind;
use std::path::Path;

use protocol::message::Kind;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::operator::{Heard, Operator, TooLong, Words};

/// The file's name in the provider's data folder.
pub const FILE: &str = "notices.toml";

/// An operator who says the same to everybody.
#[derive(Default)]
pub struct Notices {
    key_exchange: Words,
    transaction: Words,
    final_notice: Words,
}

/// Why there are no notices.
#[derive(Debug, thiserror::Error)]
pub enum NoticesError {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not written as it should be.
    #[error("{0}")]
    Written(String),
    /// A text is too long for its message.
    #[error("{0} is too long: {1}")]
    TooLong(&'static str, TooLong),
}

impl Notices {
    /// Reads the notices in the provider's data folder; there are none where there is no such file.
    ///
    /// # Errors
    /// [`NoticesError`].
    pub fn read(folder: &Path) -> Result<Self, NoticesError> {
        match std::fs::read_to_string(folder.join(FILE)).map(Zeroizing::new) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn parse(text: &str) -> Result<Self, NoticesError> {
        // The message alone: the line that it is about may be for cards only.
        let Written { plain_text, sealed } =
            toml::from_str(text).map_err(|error| NoticesError::Written(error.message().to_owned()))?;
        let words = |round, plain: &str, sealed: &str| {
            Words::new(plain.as_bytes(), sealed.as_bytes()).map_err(|error| NoticesError::TooLong(round, error))
        };
        Ok(Self {
            key_exchange: words("key_exchange", &plain_text.key_exchange, &sealed.key_exchange)?,
            transaction: words("transaction", &plain_text.transaction, &sealed.transaction)?,
            final_notice: words("final_notice", &plain_text.final_notice, "")?,
        })
    }
}

impl Operator for Notices {
    fn answer(&self, heard: &Heard<'_>) -> Words {
        match heard.kind {
            Kind::KeyExchangeRequest => self.key_exchange.clone(),
            Kind::TransactionRequest => self.transaction.clone(),
            Kind::Acknowledgment => self.final_notice.clone(),
            Kind::KeyExchangeResponse
            | Kind::TransactionResponse
            | Kind::FinalNotice
            | Kind::Refused
            | Kind::DescriptorRequest
            | Kind::Descriptor => Words::default(),
        }
    }
}

/// The file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    plain_text: PlainTexts,
    sealed: Sealed,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PlainTexts {
    key_exchange: String,
    transaction: String,
    final_notice: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sealed {
    key_exchange: Zeroizing<String>,
    transaction: Zeroizing<String>,
}

#[cfg(test)]
mod tests {
    use protocol::limits::SENSITIVE_MAX;
    use protocol::types::TransactionId;

    use super::*;

    #[test]
    fn every_round_is_answered_with_its_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let said = |kind| {
            let heard = Heard {
                kind,
                transaction: TransactionId([0; 16]),
                number: 0,
                plain_text: &[],
                data: &[],
                sensitive: &[],
            };
            let words = Notices::read(folder.path()).unwrap().answer(&heard);
            (words.plain_text().to_vec(), words.sensitive().to_vec())
        };
        assert_eq!(said(Kind::TransactionRequest), (vec![], vec![]));
        let text = "[plain_text]\nfinal_notice = \"end\"\ntransaction = \"all\"\n[sealed]\ntransaction = \"card\"\n";
        std::fs::write(folder.path().join(FILE), text).unwrap();
        assert_eq!(said(Kind::KeyExchangeRequest), (vec![], vec![]));
        assert_eq!(said(Kind::TransactionRequest), (b"all".to_vec(), b"card".to_vec()));
        assert_eq!(said(Kind::Acknowledgment), (b"end".to_vec(), vec![]));
    }

    #[test]
    fn what_is_wrong_is_told_without_what_is_for_cards() {
        let wrong = |text: &str| Notices::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(wrong("[plain_text]\nkey = \"\"").contains("key"));
        assert!(!wrong("[sealed]\ntransaction = \"for cards").contains("for cards"));
        let long = format!("[sealed]\nkey_exchange = \"{}\"", "x".repeat(SENSITIVE_MAX + 1));
        assert!(wrong(&long).starts_with("key_exchange is too long"));
    }
}
