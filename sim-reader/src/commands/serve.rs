//! `sim-reader serve`: a card over TCP.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use sim_reader::tcp;
use tokio::net::TcpListener;

use super::image::{Inserting, insert};
use super::stop;
use crate::tell;

#[derive(Args)]
pub(crate) struct Serve {
    /// The card image.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    #[command(flatten)]
    pub(crate) inserting: Inserting,
    /// Where to listen; port 0 takes a free one. The address is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Allows an address that other hosts reach. The connection is not protected: whoever reaches it has the card.
    #[arg(long)]
    allow_remote: bool,
}

/// Serves the card until it is told to end.
pub(crate) fn run(arguments: &Serve) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(arguments))
}

async fn serve(Serve { image, inserting, listen, allow_remote }: &Serve) -> Result<()> {
    ensure!(listen.ip().is_loopback() || *allow_remote, "{listen} is reached from other hosts: add --allow-remote");
    let stop = stop()?;
    let card = insert(image, inserting)?;
    let listener = TcpListener::bind(listen).await.with_context(|| listen.to_string())?;
    let address = listener.local_addr()?;
    let json = serde_json::json!({ "listening": address });
    tell(inserting.opening.json, &json, || format!("listening on {address}"))?;
    tcp::serve(listener, card, stop).await;
    Ok(())
}
