//! Puts the application onto a card.

use anyhow::{Context, Result};
use apdu_spec::file::FileDescriptor;
use apdu_spec::instruction::{GetChallenge, Selector};
use apdu_spec::{Aid, Fcp, FileId, Reader, SecurityAttributes, Tag};
use host_terminal::card::Card;

use super::{CARD_INFORMATION, Key, Listed, PINS, PRIVATE_KEYS, PUBLIC_KEYS, SERIAL_NUMBER_LENGTH, View};
use crate::directory::Application;
use crate::files::{Content, create, is_there, read_only, remove, select, write};
use crate::reading;

/// Where the application is. A directory has one name and programs look for either of two: so there are two directories
/// with the same content.
const DIRECTORIES: [(FileId, Application<'static>); 2] = [
    // PKCS #15, 5.6.
    (FileId(0x5015), (b"\xA0\x00\x00\x00\x63PKCS-15", "PKCS #15")),
    // The application for electronic signatures (EN 419212-1): VERIFY, MANAGE SECURITY ENVIRONMENT, PERFORM SECURITY
    // OPERATION. By it OpenSC finds the card.
    (FileId(0x5016), (b"\xA0\x00\x00\x01\x67ESIGN", "Signatures")),
];

/// The label in EF.CIAInfo.
const LABEL: Tag = Tag(0x80);

/// The application's names, for EF.DIR.
pub(crate) const APPLICATIONS: [Application<'static>; 2] = [DIRECTORIES[0].1, DIRECTORIES[1].1];

/// Writes the application.
pub(crate) async fn publish(card: &mut Card, label: &str, keys: &[Key]) -> Result<()> {
    let view = new_view(card, label, keys).await?;
    for (id, (name, _)) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        let parameters = read_only(FileDescriptor::Directory, id)?;
        create(card, Fcp { name: Aid::parse(name).ok(), security: SecurityAttributes::NOTHING, ..parameters }).await?;
        write_files(card, &view).await?;
    }
    Ok(())
}

/// Adds keys to the list of a card, which need not have one yet. Says whether it is a new one.
pub(crate) async fn add(card: &mut Card, keys: &[Key]) -> Result<bool> {
    let Some(listed) = listed(card, keys).await? else {
        withdraw(card).await?;
        publish(card, super::MANUFACTURER, keys).await?;
        return Ok(true);
    };
    let serial_number = [0; SERIAL_NUMBER_LENGTH];
    let view = View { label: String::new(), serial_number, keys: keys.to_vec(), listed };
    for (id, _) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        select(card, Selector::ChildDirectory(id)).await?;
        write_files(card, &view).await?;
    }
    Ok(false)
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw(card: &mut Card) -> Result<()> {
    for (id, _) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        remove(card, id).await?;
    }
    Ok(())
}

/// What the card is called in its list of keys, if it has one.
pub(crate) async fn label_of(card: &mut Card) -> Result<Option<String>> {
    let Some(information) = read(card, CARD_INFORMATION).await? else { return Ok(None) };
    let label = Reader::all(&information, |input| {
        let mut content = Reader::new(input.object()?.1);
        let mut label = None;
        while !content.is_empty() {
            let (tag, value) = content.object()?;
            label = if tag == LABEL { Some(value) } else { label };
        }
        Ok(label)
    });
    Ok(label.ok().flatten().and_then(|label| String::from_utf8(label.to_vec()).ok()))
}

async fn new_view(card: &mut Card, label: &str, keys: &[Key]) -> Result<View> {
    let challenge = card.send("GET CHALLENGE", &GetChallenge { length: SERIAL_NUMBER_LENGTH }).await?;
    let serial_number = challenge.try_into().ok().context("the card's answer is no random number")?;
    Ok(View { label: label.to_owned(), serial_number, keys: keys.to_vec(), listed: Listed::default() })
}

/// Writes the files of the current directory, in the place of those that are there.
async fn write_files(card: &mut Card, view: &View) -> Result<()> {
    for (id, content) in &view.files()? {
        let written = async {
            remove(card, *id).await?;
            write(card, *id, content).await
        };
        written.await.with_context(|| format!("file {:04X}", id.0))?;
    }
    Ok(())
}

/// What the card lists already.
async fn listed(card: &mut Card, keys: &[Key]) -> Result<Option<Listed>> {
    let Some(information) = read(card, CARD_INFORMATION).await? else { return Ok(None) };
    let mut contents = Vec::new();
    for file in [PRIVATE_KEYS, PUBLIC_KEYS, PINS] {
        contents.push(read(card, file).await?.unwrap_or_default());
    }
    match contents.as_slice() {
        [private, public, pins] => Listed::new(information, private, public, pins, keys).map(Some),
        _ => Ok(None),
    }
}

/// A file of the application, in either directory.
async fn read(card: &mut Card, file: FileId) -> Result<Option<Vec<u8>>> {
    let [(directory, _), _] = DIRECTORIES;
    select(card, Selector::MasterFile).await?;
    if !is_there(select(card, Selector::ChildDirectory(directory)).await)? {
        return Ok(None);
    }
    let Some(parameters) = reading::select(card, Selector::ElementaryFile(file)).await? else { return Ok(None) };
    let descriptor = parameters.get()?.descriptor;
    Ok(match reading::content(card, descriptor).await? {
        Some(Content::Bytes(bytes)) => Some(bytes),
        _ => None,
    })
}
