//! Running other programs: with their output in a file, and never without an end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(20);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It took longer than it was given, and was ended.
    OutOfTime,
}

impl End {
    pub(crate) fn is_success(self) -> bool {
        matches!(self, Self::Exited(status) if status.success())
    }
}

/// Runs `command` for at most `limit`; what it prints is added to `log`.
pub(crate) fn run_logged(command: &mut Command, log: &File, limit: Duration) -> Result<End> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .spawn()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(End::Exited(status));
        }
        if start.elapsed() > limit {
            end(&mut child)?;
            return Ok(End::OutOfTime);
        }
        thread::sleep(POLL);
    }
}

/// What `command` prints, if it can be run and succeeds.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    if output.status.success() { String::from_utf8(output.stdout).ok() } else { None }
}

/// Whether a program of that name is on the PATH.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Ends a program and all that it started: ending cargo alone would leave its test running.
fn end(child: &mut Child) -> Result<()> {
    let mut family = vec![child.id()];
    let mut next = 0;
    while let Some(&process) = family.get(next) {
        family.extend(children_of(process));
        next += 1;
    }
    let numbers = family.iter().map(u32::to_string);
    // The shell's own kill: the program of that name is not on every machine.
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -KILL \"$@\"", "sh"]).args(numbers);
    kill.stderr(Stdio::null()).status().context("sh cannot be run")?;
    child.wait()?;
    Ok(())
}

fn children_of(process: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists = threads.flatten().map(|thread| children_in(&thread.path().join("children")));
    lists.flatten().collect()
}

fn children_in(list: &Path) -> Vec<u32> {
    let list = fs::read_to_string(list).unwrap_or_default();
    list.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_ended_with_what_it_started() {
        let log = no_log();
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 61.25 & wait"]);
        let end = run_logged(&mut command, &log, Duration::from_millis(300)).unwrap();
        assert_eq!(end, End::OutOfTime);
        // A busy machine takes a moment to bury what was ended.
        let start = Instant::now();
        while is_running(b"sleep\x0061.25\0") {
            assert!(start.elapsed() < Duration::from_secs(10), "still running");
            thread::sleep(POLL);
        }
    }

    #[test]
    fn the_exit_code_tells_success_from_failure() {
        let log = no_log();
        for (program, success) in [("true", true), ("false", false)] {
            let end = run_logged(&mut Command::new(program), &log, Duration::from_secs(10)).unwrap();
            assert_eq!(end.is_success(), success);
        }
        assert!(run_logged(&mut Command::new("/nowhere/at-all"), &log, Duration::from_secs(10)).is_err());
    }

    fn is_running(command_line: &[u8]) -> bool {
        let mut processes = fs::read_dir("/proc").unwrap().flatten();
        processes.any(|process| fs::read(process.path().join("cmdline")).is_ok_and(|line| line == command_line))
    }

    fn no_log() -> File {
        File::options().write(true).open("/dev/null").unwrap()
    }
}
