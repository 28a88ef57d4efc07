//! `cardctl shell`: a prompt for commands in words and in hexadecimal, and a way to run them from a script.

mod line;
mod prompt;
mod run;

use std::io::{BufRead, IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use self::line::Line;
use self::prompt::Prompt;
use self::run::{Outcome, Shell};
use crate::{Which, print};

/// The longest line of a script, bytes: the longest command in hexadecimal, with spaces.
const LINE_MAX: u64 = 16 * 1024;

/// Sends commands to a card, as they are typed or as they stand in a script on standard input.
#[derive(Args)]
pub(crate) struct ShellArguments {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Ends with the first command that fails or that the card refuses, and an exit status of 1.
    #[arg(long)]
    fail: bool,
    /// Where the lines that were typed are kept; those with PINs and keys are not.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

/// Runs until the end of the input; the error is the first failure's, where that ends it.
pub(crate) async fn run(arguments: &ShellArguments) -> Result<()> {
    let mut shell = Shell::new(arguments.which.card().await?);
    if stdin().is_terminal() { converse(&mut shell, arguments).await } else { script(&mut shell, arguments).await }
}

async fn converse(shell: &mut Shell, arguments: &ShellArguments) -> Result<()> {
    let mut prompt = Prompt::new(arguments.history.clone())?;
    shell.look_around().await;
    prompt.know(shell.names());
    while let Some(text) = prompt.read(&shell.place())? {
        let line = Line::parse(&text);
        if let Ok(line) = &line {
            prompt.remember(&text, line);
        }
        if matches!(line, Ok(Line::Quit)) {
            break;
        }
        step(shell, line, arguments).await?;
        prompt.know(shell.names());
    }
    Ok(())
}

async fn script(shell: &mut Shell, arguments: &ShellArguments) -> Result<()> {
    let mut input = stdin().lock();
    for number in 1.. {
        let mut text = Zeroizing::new(Vec::new());
        let length = std::io::Read::take(&mut input, LINE_MAX).read_until(b'\n', &mut text)?;
        ensure!(u64::try_from(length)? < LINE_MAX, "line {number} is longer than any command");
        if length == 0 {
            break;
        }
        let text = Zeroizing::new(String::from_utf8_lossy(&text).trim().to_owned());
        let line = Line::parse(&text);
        if matches!(line, Ok(Line::Quit)) {
            break;
        }
        step(shell, line, arguments).await.with_context(|| format!("line {number}"))?;
    }
    Ok(())
}

/// Does what a line says and tells what came of it. An error ends everything.
async fn step(shell: &mut Shell, line: Result<Line>, arguments: &ShellArguments) -> Result<()> {
    let is_json = arguments.which.json;
    let done = match line {
        Ok(line) => shell.run(line).await,
        Err(error) => Err(error),
    };
    match done {
        Ok(None) => Ok(()),
        Ok(Some(outcome)) => {
            let Outcome { json, words, refused } = outcome;
            print(is_json, &json, || words);
            match refused {
                Some(status) if arguments.fail => bail!("the card refused it: {status}"),
                _ => Ok(()),
            }
        }
        Err(error) if arguments.fail => Err(error),
        Err(error) => {
            let said = format!("{error:#}");
            print(is_json, &json!({ "error": said }), || said.clone());
            Ok(())
        }
    }
}
