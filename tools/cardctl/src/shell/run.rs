//! What the lines of a shell do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use apdu_spec::instruction::{
    Malformed, Occurrence, PinReference, ReadBinary, ReadRecord, RecordRange, RecordSelector, Select, SelectAnswer,
    Selector, Target, Verify, VerifyPart,
};
use apdu_spec::limits::{APDU_MAX, RECORD_SIZE_MAX, SHORT_EXPECTED_MAX};
use apdu_spec::{Command, FileId, Full, Status, Wire, Writer};
use host_terminal::card::Card;
use host_terminal::decode;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::line::{COMMANDS, Line, Place, What};
use crate::channel;
use crate::files::{list, path_words, select_path};
use crate::inspect::{self, FoundContent, FoundFile, FoundPin};
use crate::key_file::Keys;
use crate::secret;
use crate::secure_channel::Options;
use crate::{registry, words};

/// What came of a line.
pub(super) struct Outcome {
    pub(super) json: Value,
    pub(super) words: String,
    /// Where the card refused.
    pub(super) refused: Option<String>,
}

/// A card, and where in its files somebody is.
pub(super) struct Shell {
    /// Not there only while a secure channel is being opened.
    card: Option<Card>,
    /// The directory that `cd` went to. It is found by its path, whatever other commands have selected.
    directory: Vec<FileId>,
    /// PINs from files that were wrong: they are not tried again.
    wrong: BTreeSet<(u8, PathBuf)>,
    /// The files in the directory.
    names: Vec<String>,
    /// A secure channel was opened, and no reset has ended it.
    is_secure: bool,
}

/// A command as it was typed.
struct Typed<'a>(&'a [u8]);

impl<'a> Wire<'a> for Typed<'a> {
    // It is whatever was typed.
    const INSTRUCTION: u8 = 0;

    fn parse(_: &Command<'a>) -> Result<Self, Malformed> {
        Err(Malformed::Instruction)
    }

    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(self.0)
    }
}

impl Shell {
    pub(super) fn new(card: Card) -> Self {
        Self { card: Some(card), directory: Vec::new(), wrong: BTreeSet::new(), names: Vec::new(), is_secure: false }
    }

    /// What the prompt says of where it is.
    pub(super) fn place(&self) -> String {
        path_words(&self.directory)
    }

    /// The files in the current directory, as far as they were told.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Asks for the files that the prompt begins with; a card that tells none goes without.
    pub(super) async fn look_around(&mut self) {
        let Ok(card) = self.card() else { return };
        let files = list(card).await.unwrap_or_default();
        self.know(&files);
    }

    fn know(&mut self, files: &[FileId]) {
        self.names = files.iter().map(|id| format!("{:04X}", id.0)).collect();
    }

    /// Does what a line says; nothing to tell of one without content.
    pub(super) async fn run(&mut self, line: Line) -> Result<Option<Outcome>> {
        let outcome = match line {
            Line::Nothing | Line::Quit => return Ok(None),
            Line::Help => help(),
            Line::Apdu(apdu) => self.send(&apdu).await?,
            Line::Select(what) => self.select(&what).await?,
            Line::Read { offset, length } => self.read(offset, length).await?,
            Line::Record(number) => {
                let records = RecordRange::One(RecordSelector::Number(number));
                let length = usize::from(RECORD_SIZE_MAX);
                self.command(&ReadRecord { file: Target::Current, records, part: None, length }).await?
            }
            Line::Verify { pin, file } => self.verify(pin, file).await?,
            Line::Ls => self.ls().await?,
            Line::Cd(place) => self.cd(&place).await?,
            Line::Cat(place) => {
                let path = self.path(&place);
                found(&self.file(&path).await?.0)
            }
            Line::Tree => {
                let files = inspect::tree(self.card()?).await?;
                told(json!({ "files": files.iter().map(FoundFile::json).collect::<Vec<_>>() }), lines(&files))
            }
            Line::Pins => self.pins().await?,
            Line::Status => {
                registry::select_issuer(self.card()?).await?;
                let state = words::life_cycle(registry::life_cycle(self.card()?).await?);
                told(json!({ "life_cycle": state }), state.to_owned())
            }
            Line::Reset => {
                self.card()?.reset().await?;
                self.directory.clear();
                self.is_secure = false;
                self.atr()?
            }
            Line::Atr => self.atr()?,
            Line::Channel(file) => self.channel(&file).await?,
        };
        Ok(Some(outcome))
    }

    fn card(&mut self) -> Result<&mut Card> {
        self.card.as_mut().context("the card is gone: begin again")
    }

    async fn command<'c>(&mut self, command: &impl Wire<'c>) -> Result<Outcome> {
        let mut space = Zeroizing::new(vec![0; APDU_MAX]);
        let mut out = Writer::new(&mut space);
        command.encode(&mut out).ok().context("the command is too long")?;
        self.send(out.written()).await
    }

    /// Sends a command; what waits for GET RESPONSE is fetched.
    async fn send(&mut self, apdu: &[u8]) -> Result<Outcome> {
        let (data, status) = self.card()?.ask("the command", &Typed(apdu)).await?;
        let response = [data.as_slice(), &status.to_bytes()].concat();
        let lines = decode::response(apdu, &response);
        let hexadecimal = if data.is_empty() { String::new() } else { words::spaced(&data) };
        let explained = lines.iter().filter(|line| !line.starts_with("data ")).cloned();
        let all: Vec<String> = [hexadecimal].into_iter().filter(|line| !line.is_empty()).chain(explained).collect();
        let is_done = status.is_executed() && status.tries().is_none() && status != Status::NOT_AUTHENTICATED;
        Ok(Outcome {
            json: json!({ "status": status.to_string(), "data": hex::encode(&data), "decoded": lines }),
            words: all.join("\n"),
            refused: (!is_done).then(|| status.to_string()),
        })
    }

    async fn select(&mut self, what: &What) -> Result<Outcome> {
        match what {
            What::Application(name) => {
                let selector = Selector::Name(name, Occurrence::First);
                self.command(&Select { selector, answer: SelectAnswer::Fci }).await
            }
            What::Place(place) => {
                let path = self.path(place);
                let bytes: Vec<u8> = path.iter().flat_map(|id| id.0.to_be_bytes()).collect();
                let ids = apdu_spec::instruction::FileIds::parse(&bytes);
                let selector = ids.map_or(Selector::MasterFile, Selector::PathFromMasterFile);
                self.command(&Select { selector, answer: SelectAnswer::Fcp }).await
            }
        }
    }

    /// Up to the end, or to where the card has no more.
    async fn read(&mut self, offset: u16, length: Option<u16>) -> Result<Outcome> {
        let length = length.map_or(SHORT_EXPECTED_MAX, usize::from);
        self.command(&ReadBinary { file: Target::Current, offset, length, odd: false }).await
    }

    async fn verify(&mut self, reference: PinReference, file: Option<PathBuf>) -> Result<Outcome> {
        let number = reference.number();
        let tried = file.clone().map(|file| (number, file));
        let is_wrong = tried.as_ref().is_some_and(|tried| self.wrong.contains(tried));
        is_file(file.as_deref())?;
        ensure!(!is_wrong, "this PIN was wrong before, and is not tried again: each wrong one costs a try");
        let pin = secret::from_file_or_prompt(file.as_deref(), &format!("PIN {number}"), "a file behind the number")?;
        let outcome = self.command(&Verify { reference, part: VerifyPart::Compare(&pin) }).await?;
        if outcome.refused.as_deref().is_some_and(|status| status.starts_with("63C")) {
            self.wrong.extend(tried);
        }
        Ok(outcome)
    }

    async fn ls(&mut self) -> Result<Outcome> {
        let directory = self.directory.clone();
        let (_, children) = self.file(&directory).await?;
        self.know(&children);
        let mut files = Vec::new();
        for child in children {
            let path = [directory.as_slice(), &[child]].concat();
            files.push(self.file(&path).await?.0);
        }
        select_path(self.card()?, &directory).await?;
        let words: Vec<String> = files.iter().map(FoundFile::line).collect();
        Ok(told(json!({ "files": files.iter().map(FoundFile::json).collect::<Vec<_>>() }), words.join("\n")))
    }

    async fn cd(&mut self, place: &Place) -> Result<Outcome> {
        let path = self.path(place);
        let (file, children) = self.file(&path).await?;
        ensure!(matches!(file.content, FoundContent::Directory), "{} is no directory", path_words(&path));
        self.know(&children);
        self.directory = path;
        Ok(told(json!({ "directory": self.place() }), self.place()))
    }

    async fn file(&mut self, path: &[FileId]) -> Result<(FoundFile, Vec<FileId>)> {
        let file = inspect::file(self.card()?, path).await?;
        file.with_context(|| format!("there is no file {}", path_words(path)))
    }

    fn path(&self, place: &Place) -> Vec<FileId> {
        match place {
            Place::Parent => self.directory.split_last().map_or(Vec::new(), |(_, parent)| parent.to_vec()),
            Place::FromMasterFile(path) => path.clone(),
            Place::FromHere(path) => [self.directory.as_slice(), path].concat(),
        }
    }

    async fn pins(&mut self) -> Result<Outcome> {
        let pins = inspect::pins(self.card()?).await?;
        let json = json!({ "pins": pins.iter().map(FoundPin::json).collect::<Vec<_>>() });
        let lines: Vec<String> = pins.iter().map(|pin| format!("PIN {}: {}", pin.number, pin.state)).collect();
        Ok(told(json, if lines.is_empty() { "no PINs".to_owned() } else { lines.join("\n") }))
    }

    fn atr(&mut self) -> Result<Outcome> {
        let atr = hex::encode_upper(self.card()?.atr());
        Ok(told(json!({ "atr": atr.to_lowercase() }), atr))
    }

    /// Opens a secure channel; where that fails, the card is talked to as before.
    async fn channel(&mut self, file: &Path) -> Result<Outcome> {
        ensure!(!self.is_secure, "there is a secure channel: `reset` ends it");
        is_file(Some(file))?;
        let keys = Keys::read(file)?;
        let card = self.card.take().context("the card is gone: begin again")?;
        let (card, outcome) = match channel::try_open(card, &keys, Options::STRONGEST).await {
            Ok(card) => (card, Ok(())),
            Err((card, error)) => (card, Err(error)),
        };
        self.card = Some(card);
        self.is_secure = outcome.is_ok();
        outcome?;
        Ok(told(json!({ "channel": "open" }), "What follows goes through the secure channel.".to_owned()))
    }
}

/// Errors do not quote what may be a secret in the place of the file that it should stand in.
fn is_file(path: Option<&Path>) -> Result<()> {
    ensure!(path.is_none_or(Path::exists), "there is no such file, and secrets themselves do not stand in commands");
    Ok(())
}

fn told(json: Value, words: String) -> Outcome {
    Outcome { json, words, refused: None }
}

fn found(file: &FoundFile) -> Outcome {
    told(file.json(), file.to_string())
}

fn lines(files: &[FoundFile]) -> String {
    files.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn help() -> Outcome {
    let lines = COMMANDS.iter().map(|(name, takes, does)| format!("{:<34}{does}", format!("{name} {takes}")));
    let apdu =
        format!("{:<34}a command APDU in hexadecimal; what waits for GET RESPONSE is fetched", "00A4 0004 02 3F00 00");
    let words = lines.chain([apdu]).collect::<Vec<_>>().join("\n");
    let commands = COMMANDS.iter().map(|(name, takes, does)| json!({ "name": name, "takes": takes, "does": does }));
    told(json!({ "commands": commands.collect::<Vec<_>>() }), words)
}
