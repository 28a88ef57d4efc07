//! What a line says.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use apdu_spec::instruction::PinReference;
use apdu_spec::{Aid, Command, FileId, Instruction};
use host_terminal::card::Secrets;
use zeroize::Zeroizing;

use crate::profile::file_path;

/// A line that was understood.
pub(super) enum Line {
    Nothing,
    Help,
    Quit,
    /// A command APDU.
    Apdu(Zeroizing<Vec<u8>>),
    Select(What),
    /// Bytes of the current file.
    Read {
        offset: u16,
        length: Option<u16>,
    },
    Record(u8),
    Verify {
        pin: PinReference,
        file: Option<PathBuf>,
    },
    Ls,
    Cd(Place),
    Cat(Place),
    Tree,
    Pins,
    Status,
    Reset,
    Atr,
    Channel(PathBuf),
}

/// What SELECT is given.
pub(super) enum What {
    Place(Place),
    Application(Vec<u8>),
}

/// A file, from the current directory on or from the master file on.
pub(super) enum Place {
    Parent,
    FromMasterFile(Vec<FileId>),
    FromHere(Vec<FileId>),
}

/// Every command in words: its name, what it takes, what it does.
pub(super) const COMMANDS: [(&str, &str, &str); 15] = [
    ("help", "", "this list"),
    ("ls", "", "the files in the current directory"),
    ("cd", "A100 | A100/0001 | .. | /", "goes to another directory"),
    ("tree", "", "all files, with who may do what, and what may be read"),
    ("cat", "0001", "what is in a file"),
    ("select", "A100 | A000000151000000", "selects a file, or an application by its name"),
    ("read", "[OFFSET [LENGTH]]", "reads bytes of the file that is selected"),
    ("record", "NUMBER", "reads a record of the file that is selected"),
    ("verify", "NUMBER [FILE]", "verifies a PIN, which is asked for, or is a file's first line"),
    ("pins", "", "the tries that each PIN has left, or that it is verified"),
    ("status", "", "the card's life cycle state"),
    ("channel", "FILE", "opens the issuer's secure channel with the keys in the file; a reset ends it"),
    ("reset", "", "resets the card"),
    ("atr", "", "the answer to reset"),
    ("quit", "", "ends"),
];

/// Bytes of the shortest APDU.
const APDU_MIN: usize = 4;

impl Line {
    /// Understands a line. Errors do not quote it: there may be a PIN in it.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split('#').next().unwrap_or_default().split_whitespace().collect();
        let Some((name, arguments)) = words.split_first() else { return Ok(Self::Nothing) };
        let name = name.to_lowercase();
        if !COMMANDS.iter().any(|(command, ..)| *command == name) && name != "exit" {
            return apdu(&words.concat());
        }
        Self::named(&name, arguments).with_context(|| {
            let usage = COMMANDS.iter().find(|(command, ..)| *command == name);
            usage.map_or_else(String::new, |(command, takes, _)| {
                format!("like `{}`", format!("{command} {takes}").trim_end())
            })
        })
    }

    fn named(name: &str, arguments: &[&str]) -> Result<Self> {
        let number = |text: &str| text.parse().map_err(|_| anyhow!("{text} is no number that it takes"));
        Ok(match (name, arguments) {
            ("help", []) => Self::Help,
            ("quit" | "exit", []) => Self::Quit,
            ("ls", []) => Self::Ls,
            ("tree", []) => Self::Tree,
            ("pins", []) => Self::Pins,
            ("status", []) => Self::Status,
            ("reset", []) => Self::Reset,
            ("atr", []) => Self::Atr,
            ("cd", [place]) => Self::Cd(Place::parse(place)?),
            ("cat", [place]) => Self::Cat(Place::parse(place)?),
            ("select", [what]) => Self::Select(What::parse(what)?),
            ("read", []) => Self::Read { offset: 0, length: None },
            ("read", [offset]) => Self::Read { offset: number(offset)?, length: None },
            ("read", [offset, length]) => Self::Read { offset: number(offset)?, length: Some(number(length)?) },
            ("record", [record]) => Self::Record(record.parse().map_err(|_| anyhow!("records are numbered 1 to 254"))?),
            ("verify", [pin]) => Self::Verify { pin: reference(pin)?, file: None },
            ("verify", [pin, file]) => Self::Verify { pin: reference(pin)?, file: Some(file.into()) },
            ("channel", [file]) => Self::Channel(file.into()),
            _ => bail!("it takes something else"),
        })
    }

    /// Whether there is something in it that must not be kept: a PIN, or a key; or what is no command of the card's and
    /// may be one that was mistyped; or one in the place of the file that it should stand in.
    pub(super) fn is_secret(&self) -> bool {
        if let Self::Verify { file: Some(file), .. } | Self::Channel(file) = self {
            return !file.exists();
        }
        let Self::Apdu(apdu) = self else { return false };
        let is_known = Command::parse(apdu).is_ok_and(|command| Instruction::parse(&command).is_ok());
        !is_known || !Secrets::default().of_command(apdu).is_nothing()
    }
}

fn reference(text: &str) -> Result<PinReference> {
    let pin = text.parse().ok().and_then(|number| PinReference::parse(number).ok());
    pin.context("PINs are numbered 1 to 14, and the PIN itself is asked for")
}

fn apdu(digits: &str) -> Result<Line> {
    let bytes = hex::decode(digits).map(Zeroizing::new);
    let bytes = bytes.map_err(|_| anyhow!("this is no command, in words or in hexadecimal: `help` lists them"))?;
    ensure!(
        bytes.len() >= APDU_MIN,
        "a command in hexadecimal has at least {APDU_MIN} bytes: `help` lists those in words"
    );
    Ok(Line::Apdu(bytes))
}

impl What {
    fn parse(text: &str) -> Result<Self> {
        match hex::decode(text) {
            Ok(name) if Aid::parse(&name).is_ok() => Ok(Self::Application(name)),
            _ => Place::parse(text).map(Self::Place),
        }
    }
}

impl Place {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            ".." => Self::Parent,
            "/" | "3F00" | "3f00" => Self::FromMasterFile(Vec::new()),
            absolute if absolute.starts_with('/') => Self::FromMasterFile(file_path(absolute.trim_start_matches('/'))?),
            absolute if absolute.to_uppercase().starts_with("3F00/") => Self::FromMasterFile(file_path(absolute)?),
            relative => Self::FromHere(file_path(relative)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_or_hexadecimal_and_comments() {
        assert!(matches!(Line::parse("  # nothing").unwrap(), Line::Nothing));
        assert!(matches!(Line::parse("00A4 0004").unwrap(), Line::Apdu(apdu) if **apdu == [0x00, 0xA4, 0x00, 0x04]));
        assert!(matches!(Line::parse("READ 0 16").unwrap(), Line::Read { offset: 0, length: Some(16) }));
        assert!(matches!(Line::parse("cd A100").unwrap(), Line::Cd(Place::FromHere(_))));
        assert!(matches!(Line::parse("select A000000151000000").unwrap(), Line::Select(What::Application(_))));
        for wrong in ["verify", "verify 123456", "0020000106", "1234567", "cat", "read 70000", "cd XYZ", "123"] {
            let error = Line::parse(wrong).err().map(|error| format!("{error:#}"));
            assert!(error.is_none_or(|error| !error.contains("123456")), "{wrong}");
        }
        assert!(Line::parse("verify 123456").is_err() && Line::parse("123456").is_err());
    }

    #[test]
    fn what_carries_pins_and_keys_is_known() {
        for secret in [
            "0020000106313233343536",
            "01200001 04 31313131",
            "00240001 08 3132333435363738",
            "002C0001",
            "80E29000",
            "80D80081",
            "20000106313233343536",
            "84E29000",
            "10200001 02 3131",
            "84D80081",
            "verify 1 123456",
            "channel 404142434445464748494A4B4C4D4E4F",
        ] {
            assert!(Line::parse(secret).unwrap().is_secret(), "{secret}");
        }
        for plain in ["00B0000000", "verify 1", "verify 1 /dev/null", "channel /dev/null"] {
            assert!(!Line::parse(plain).unwrap().is_secret(), "{plain}");
        }
    }
}
