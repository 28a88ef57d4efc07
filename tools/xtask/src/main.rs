//! `cargo xtask ...`: everything that is done to the project as a whole. Each task is one file.

mod bare_metal;
mod bench;
mod claims;
mod demo;
mod machine;
mod process;
mod programs;
mod project;
mod report;
mod steps;
mod test;

use std::process::ExitCode;

use clap::Parser;

use crate::project::Project;

/// What can be done with the whole project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    /// Shows the system at work.
    Demo(demo::Options),
    /// Checks everything; installs what is missing for that.
    Test(test::Options),
    /// Measures, and compares with the stated targets.
    Bench(bench::Options),
    /// Runs the tests of the claims and prints them claim by claim.
    Claims(claims::Options),
}

fn main() -> ExitCode {
    let task = Task::parse();
    // One line is what a person needs: a backtrace, which `RUST_BACKTRACE` would add to a returned error, is not.
    run(&task).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(task: &Task) -> anyhow::Result<ExitCode> {
    let project = Project::load()?;
    match task {
        Task::Demo(options) => demo::run(&project, options),
        Task::Test(options) => test::run(&project, options),
        Task::Bench(options) => bench::run(&project, options),
        Task::Claims(options) => claims::run(&project, options),
    }
}
