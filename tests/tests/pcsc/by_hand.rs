//! The README's sections on terminals, in the order in which a reader meets them, in one folder.

use anyhow::Result;
use symbolon_tests::pcsc::Daemon;
use symbolon_tests::process::build;
use tempfile::TempDir;

use crate::readme::{bash, blocks, succeeded};

#[test]
fn what_the_readme_has_one_do_by_hand_works_as_it_is_written() -> Result<()> {
    for program in ["service-provider", "host-terminal"] {
        build(program)?;
    }
    let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let [all, readers, trace] = blocks("By hand")?;
    let [till, sale] = blocks("The point of sale")?;
    let [group] = blocks("A group of any shape")?;
    let end = "kill $(jobs -p)\nwait\n".to_owned();
    let said = succeeded(&bash(&daemon, folder.path(), &[all, readers, trace, till, sale, group, end].concat())?)?;
    for words in [
        "The key is registered for ADA1.",
        "The key is registered for SHOP1.",
        "Paid 12.50 EUR",
        "Virtual PCD 00 00: no card",
        "\"result\":\"posted\"",
        "ada, transaction",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(folder.path().join("ada.pcapng").exists());
    Ok(())
}
