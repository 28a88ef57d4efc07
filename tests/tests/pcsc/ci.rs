//! The README's script for other projects' CI, with the pcscd and the readers that Debian installs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use serde_json::Value;
use symbolon_tests::pcsc::Daemon;
use tempfile::TempDir;

use crate::readme::{bash, blocks, succeeded};

const SECTION: &str = "A card in your project's CI";

/// Installs nothing, for there is no network here, but wants everything that it is told to install to be there.
const APT_GET: &str = "#!/bin/sh
for word; do case $word in install|-*) ;; *) dpkg-query --show \"$word\" || exit 1 ;; esac; done
";

#[test]
fn the_script_for_other_projects_runs_as_it_is_written() -> Result<()> {
    let (mut daemon, folder) = (Daemon::start()?, TempDir::new()?);
    let [script] = blocks(SECTION)?;
    let apt_get = folder.path().join("apt-get");
    fs::write(&apt_get, APT_GET)?;
    fs::set_permissions(&apt_get, fs::Permissions::from_mode(0o755))?;
    // The script starts its own, which lives in the background.
    daemon.stop();
    daemon.remove("pcscd/pcscd.comm")?;
    let _started = Background(&daemon);
    let said = succeeded(&bash(&daemon, folder.path(), &script)?)?;

    assert!(said.contains("vsmartcard-vpcd"), "{said}");
    let state = said.lines().find_map(|line| serde_json::from_str::<Value>(line).ok().filter(Value::is_object));
    let state = state.unwrap_or_default();
    assert_eq!((&state["inserted"], &state["removals"]), (&false.into(), &1.into()), "{said}");
    assert_eq!(said.matches("SW1=0x90, SW2=0x00").count(), 2, "the first and the last time: {said}");
    assert!(!folder.path().join("test.control").exists(), "the card's program has not ended");
    Ok(())
}

/// A pcscd that went into the background; it ends with this.
struct Background<'a>(&'a Daemon);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        // One that has not started need not end.
        let _ = self.0.run("sh", &["-c", "kill -9 $(cat /run/pcscd/pcscd.pid)"]);
    }
}
