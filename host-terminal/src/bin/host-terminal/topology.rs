//! `route`, `join` and `group`: routers, members, and all participants of a topology at once.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use host_terminal::hop::{Listener, Router, Upstream, serve};
use host_terminal::join::join;
use host_terminal::observe::{Observer, Tap};
use host_terminal::topology::{Member, Participant, Topology};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::report::Report;
use crate::{READERS, observer, pin};

/// What a router is called that has no topology.
const ROUTER: &str = "router";

/// How often a router sends a request: whoever asked it sends again what was lost.
const ROUTER_ATTEMPTS: u32 = 1;

#[derive(Args)]
pub(crate) struct Route {
    /// Where to listen; port 0 takes a free one. The address is printed.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: String,
    /// Where the next hop up listens.
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// One line of JSON a result instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes what travels to this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Join {
    /// The topology's file (TOML).
    #[arg(long, value_name = "FILE")]
    topology: PathBuf,
    /// Which participant of it to be: a member or a router.
    #[arg(long)]
    name: String,
    /// One line of JSON a result instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes what travels to this file, a line of JSON each.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Records what a member's cards are told and answer, PINs and keys left out: as a transcript for `replay`, or for
    /// Wireshark where the file's name ends with .pcapng. May be given twice.
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Group {
    /// The topology's file (TOML).
    #[arg(long, value_name = "FILE")]
    topology: PathBuf,
    /// One line of JSON a result instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Writes what travels at each participant to NAME.events in this folder, a line of JSON each.
    #[arg(long, value_name = "FOLDER")]
    events: Option<PathBuf>,
    /// Records what each member's cards are told and answer to NAME.apdu in this folder, as join --trace does.
    #[arg(long, value_name = "FOLDER")]
    trace: Option<PathBuf>,
}

pub(crate) async fn route(arguments: &Route) -> Result<ExitCode> {
    let report = Report::new(arguments.json, "");
    forward(&arguments.listen, &arguments.to, ROUTER, "next hop", arguments.events.as_deref(), &report).await
}

/// One participant.
pub(crate) async fn participate(arguments: &Join) -> Result<ExitCode> {
    let topology = read(&arguments.topology)?;
    let report = Report::new(arguments.json, "Done:");
    let events = arguments.events.as_deref();
    match topology.participant(&arguments.name) {
        Some(Participant::Member(member)) => {
            take_part(&topology, member, observer(events, &arguments.trace)?, &report).await
        }
        Some(Participant::Router(router)) => {
            forward(&router.listen, &router.next.address, &router.name, &router.next.name, events, &report).await
        }
        None => bail!("{} has no member or router {:?}", arguments.topology.display(), arguments.name),
    }
}

/// Forwards until SIGTERM or SIGINT.
async fn forward(
    listen: &str,
    to: &str,
    here: &str,
    there: &str,
    events: Option<&Path>,
    report: &Report,
) -> Result<ExitCode> {
    let observer = observer(events, &[])?;
    let upstream = Upstream::new(to, ROUTER_ATTEMPTS, Tap::new(Arc::clone(&observer), here, there));
    let stop = stop()?;
    let listener = Listener::bind(listen).await?;
    report.listening(listener.address()?)?;
    tokio::select! {
        // What is under way ends with it: whoever asked finds the connection closed.
        () = stop => {}
        () = serve(listener, Arc::new(Router(upstream)), observer, here.into(), std::future::pending()) => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn take_part(
    topology: &Topology,
    member: &Member,
    observer: Arc<dyn Observer>,
    report: &Report,
) -> Result<ExitCode> {
    let pin = pin(member.pin_file.as_deref())?;
    let listener = match &member.listen {
        Some(address) => Some(Listener::bind(address).await?),
        None => None,
    };
    if let Some(listener) = &listener {
        report.listening(listener.address()?)?;
    }
    let mut worst = Ok(0);
    let tell = |run, outcome| {
        let code = report.joined(&member.name, run, &outcome);
        worst = match (&worst, code) {
            (Ok(worst), Ok(code)) => Ok(code.max(*worst)),
            (Err(_), _) => return,
            (Ok(_), Err(error)) => Err(error),
        };
    };
    join(topology, member, pin, listener, (observer, READERS), tell).await;
    Ok(worst?.into())
}

/// All participants, each a process of its own, until every member has ended. No process outlives this one.
pub(crate) async fn group(arguments: &Group) -> Result<ExitCode> {
    let topology = read(&arguments.topology)?;
    if let Some(member) = topology.members.iter().find(|member| member.pin_file.is_none()) {
        bail!("{}: nobody is asked for PINs when all start at once: give it a pin_file", member.name);
    }
    let stop = stop()?;
    let routers: Vec<Running> = start(arguments, topology.routers.iter().map(|router| &router.name))?;
    let members: Vec<Running> = start(arguments, topology.members.iter().map(|member| &member.name))?;
    // Members end by themselves: every wait of theirs has an end.
    let worst = tokio::select! {
        worst = all(members) => worst,
        () = stop => bail!("stopped before all members had ended"),
    };
    drop(routers);
    worst
}

fn read(path: &Path) -> Result<Topology> {
    Topology::read(path).with_context(|| path.display().to_string())
}

/// A participant's process, killed with its owner, and the task that passes on what it prints.
struct Running {
    name: String,
    child: Child,
    output: tokio::task::JoinHandle<Result<()>>,
}

fn start<'a>(arguments: &Group, names: impl Iterator<Item = &'a String>) -> Result<Vec<Running>> {
    names.map(|name| Running::start(arguments, name).with_context(|| name.clone())).collect()
}

impl Running {
    fn start(arguments: &Group, name: &str) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("join").arg("--topology").arg(&arguments.topology).args(["--name", name]);
        if arguments.json {
            command.arg("--json");
        }
        if let Some(folder) = &arguments.events {
            command.arg("--events").arg(folder.join(format!("{name}.events")));
        }
        if let Some(folder) = &arguments.trace {
            command.arg("--trace").arg(folder.join(format!("{name}.apdu")));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self { name: name.to_owned(), child, output: tokio::spawn(pass_on(output)) })
    }

    async fn end(mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.with_context(|| self.name.clone())?;
        self.output.await??;
        Ok(status)
    }
}

/// Prints what a member prints, line by line, but not where it listens.
async fn pass_on(output: impl AsyncRead + Unpin) -> Result<()> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if !line.starts_with("listening on ") && !line.starts_with("{\"listening\":") {
            println!("{line}");
        }
    }
    Ok(())
}

/// The worst of how members end: their codes are in this order.
async fn all(members: Vec<Running>) -> Result<ExitCode> {
    let mut ending = JoinSet::new();
    members.into_iter().for_each(|member| drop(ending.spawn(member.end())));
    let mut worst = 0;
    while let Some(ended) = ending.join_next().await {
        let code = ended??.code().and_then(|code| u8::try_from(code).ok());
        worst = worst.max(code.unwrap_or(1));
    }
    Ok(worst.into())
}

/// Ready when somebody asks this process to end. From this call on no signal ends it rudely.
fn stop() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
