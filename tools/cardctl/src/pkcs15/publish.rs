//! Puts the application onto a card.

use anyhow::{Context, Result};
use apdu_spec::file::FileDescriptor;
use apdu_spec::instruction::Selector;
use apdu_spec::limits::{KEY_REFERENCE_MAX, KEY_REFERENCE_MIN};
use apdu_spec::{Aid, Fcp, FileId, KeyReference, SecurityAttributes};
use host_terminal::card::Card;

use super::{CARD_INFORMATION, OBJECT_DIRECTORY, PINS, PRIVATE_KEYS, PUBLIC_KEYS, View, public_key_file};
use crate::directory::Application;
use crate::files::{create, delete, is_there, read_only, select, write};

/// Where the application is. A directory has one name and programs look for either of two: so there are two directories
/// with the same content.
const DIRECTORIES: [(FileId, Application); 2] = [
    // PKCS #15, 5.6.
    (FileId(0x5015), (b"\xA0\x00\x00\x00\x63PKCS-15", "PKCS #15")),
    // The application for electronic signatures (EN 419212-1): VERIFY, MANAGE SECURITY ENVIRONMENT, PERFORM SECURITY
    // OPERATION. By it OpenSC finds the card.
    (FileId(0x5016), (b"\xA0\x00\x00\x01\x67ESIGN", "Signatures")),
];

/// The application's names, for EF.DIR.
pub(crate) const APPLICATIONS: [Application; 2] = [DIRECTORIES[0].1, DIRECTORIES[1].1];

/// Writes the application.
pub(crate) async fn publish(card: &mut Card, view: &View) -> Result<()> {
    let files = view.files()?;
    for (id, (name, _)) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        let parameters = read_only(FileDescriptor::Directory, id)?;
        create(card, Fcp { name: Aid::parse(name).ok(), security: SecurityAttributes::NOTHING, ..parameters }).await?;
        for (id, content) in &files {
            write(card, *id, content).await.with_context(|| format!("file {:04X}", id.0))?;
        }
    }
    Ok(())
}

/// Deletes what an attempt before may have left.
pub(crate) async fn withdraw(card: &mut Card) -> Result<()> {
    let keys = (KEY_REFERENCE_MIN..=KEY_REFERENCE_MAX).filter_map(|number| KeyReference::parse(number).ok());
    let fixed = [OBJECT_DIRECTORY, CARD_INFORMATION, PRIVATE_KEYS, PUBLIC_KEYS, PINS];
    let files: Vec<FileId> = fixed.into_iter().chain(keys.map(public_key_file)).collect();
    for (id, _) in DIRECTORIES {
        select(card, Selector::MasterFile).await?;
        if !is_there(select(card, Selector::ChildDirectory(id)).await)? {
            continue;
        }
        for file in &files {
            delete(card, *file).await?;
        }
        select(card, Selector::MasterFile).await?;
        delete(card, id).await?;
    }
    Ok(())
}
