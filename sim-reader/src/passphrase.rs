//! Where a passphrase comes from: a file, the environment or a prompt, never a command line, which every process sees.

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use zeroize::{Zeroize, Zeroizing};

/// The environment variable that may hold the passphrase.
pub const PASSPHRASE_VARIABLE: &str = "SYMBOLON_PASSPHRASE";

/// The longest passphrase taken, in bytes.
pub const PASSPHRASE_LENGTH_MAX: usize = 1024;

/// A passphrase, wiped when dropped and never shown.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// An empty passphrase protects nothing.
    #[error("the passphrase is empty")]
    Empty,
    /// More than [`PASSPHRASE_LENGTH_MAX`] bytes.
    #[error("the passphrase is longer than {PASSPHRASE_LENGTH_MAX} bytes")]
    TooLong,
    /// The two entries at the prompt differ.
    #[error("the two entries differ")]
    Differs,
    /// Nobody to ask: no file, no variable and no terminal.
    #[error("no passphrase: give --passphrase-file, set {PASSPHRASE_VARIABLE} or run in a terminal")]
    NobodyToAsk,
    /// The file or the terminal could not be read.
    #[error("cannot read the passphrase: {0}")]
    Io(#[from] io::Error),
}

impl Passphrase {
    /// Takes the bytes as they are, 1 to [`PASSPHRASE_LENGTH_MAX`] of them.
    pub fn new(bytes: Vec<u8>) -> Result<Self, PassphraseError> {
        let bytes = Zeroizing::new(bytes);
        match bytes.len() {
            0 => Err(PassphraseError::Empty),
            1..=PASSPHRASE_LENGTH_MAX => Ok(Self(bytes)),
            _ => Err(PassphraseError::TooLong),
        }
    }

    /// The first line of a file, without its line end.
    pub fn from_file(path: &Path) -> Result<Self, PassphraseError> {
        // One byte more than allowed and a line end, so that "too long" can be told from "just fits".
        let limit = u64::try_from(PASSPHRASE_LENGTH_MAX + 3).unwrap_or(u64::MAX);
        let mut content = Zeroizing::new(Vec::with_capacity(PASSPHRASE_LENGTH_MAX + 3));
        std::fs::File::open(path)?.take(limit).read_to_end(&mut content)?;
        let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Self::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
    }

    /// [`PASSPHRASE_VARIABLE`], if it is set.
    pub fn from_environment() -> Option<Result<Self, PassphraseError>> {
        let value = std::env::var_os(PASSPHRASE_VARIABLE)?;
        Some(Self::new(value.into_encoded_bytes()))
    }

    /// Asks at the terminal without echo; twice, if `confirm`.
    pub fn from_prompt(confirm: bool) -> Result<Self, PassphraseError> {
        if !io::stdin().is_terminal() {
            return Err(PassphraseError::NobodyToAsk);
        }
        let first = Zeroizing::new(rpassword::prompt_password("Passphrase of the card image: ")?);
        if confirm {
            let mut second = rpassword::prompt_password("Once more: ")?;
            let same = *first == second;
            second.zeroize();
            if !same {
                return Err(PassphraseError::Differs);
            }
        }
        Self::new(first.as_bytes().to_vec())
    }

    /// The file if one is named, else the environment, else the prompt.
    pub fn find(file: Option<&Path>, confirm: bool) -> Result<Self, PassphraseError> {
        match (file, Self::from_environment()) {
            (Some(path), _) => Self::from_file(path),
            (None, Some(found)) => found,
            (None, None) => Self::from_prompt(confirm),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}
