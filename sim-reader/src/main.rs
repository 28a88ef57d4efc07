//! `sim-reader`: a card as a process of its own, its image in a file.

mod commands;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use commands::{control, image, serve, vpcd};

/// A software card and its reader.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a new card image with an empty card in it.
    New(image::New),
    /// Serves the card in an image over TCP until SIGTERM or SIGINT.
    Serve(serve::Serve),
    /// Puts the cards in images into virtual PC/SC readers (vsmartcard's vpcd) until SIGTERM or SIGINT. Prints a line
    /// for each card once programs see it.
    Vpcd(vpcd::Vpcd),
    /// Takes cards of a running `sim-reader vpcd --control` out of their readers and puts them in again.
    Control(control::Control),
    /// Says what an image is.
    Info(image::Info),
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    let colour = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colour).with_writer(std::io::stderr).init();
    let command = Arguments::parse().command;
    let Err(error) = command.run() else { return ExitCode::SUCCESS };
    eprintln!("sim-reader: {error:#}");
    if command.is_json() {
        // Whoever closed the other end of a pipe has read enough.
        drop(tell(true, &serde_json::json!({ "error": format!("{error:#}") }), String::new));
    }
    ExitCode::FAILURE
}

impl Command {
    fn run(&self) -> Result<()> {
        match self {
            Self::New(new) => image::new(new),
            Self::Info(info) => image::show(info),
            Self::Serve(serve) => serve::run(serve),
            Self::Vpcd(vpcd) => vpcd::run(vpcd),
            Self::Control(control) => control::run(control),
        }
    }

    /// Whether a program reads what it says.
    const fn is_json(&self) -> bool {
        match self {
            Self::New(new) => new.opening.json,
            Self::Info(info) => info.opening.json,
            Self::Serve(serve) => serve.inserting.opening.json,
            Self::Vpcd(vpcd) => vpcd.inserting.opening.json,
            Self::Control(control) => control.json,
        }
    }
}

/// One line for whoever started this, at once even into a pipe.
fn tell(json: bool, value: &serde_json::Value, text: impl FnOnce() -> String) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}", text())?;
    }
    Ok(out.flush()?)
}
