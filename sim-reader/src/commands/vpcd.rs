//! `sim-reader vpcd`: cards in virtual PC/SC readers, each served by a thread of its own.

use std::convert::Infallible;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::json;
use sim_reader::card::SoftwareCard;
use sim_reader::control::{self, Controlled};
use sim_reader::hand::Hand;
use sim_reader::image::Image;
use sim_reader::vpcd;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::image::{Inserting, insert};
use super::stop;
use crate::tell;

#[derive(Args)]
pub(crate) struct Vpcd {
    /// The card image; as often as there are cards.
    #[arg(long = "image", value_name = "FILE", required = true)]
    images: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) inserting: Inserting,
    /// Where the readers listen. The connection is not protected: whoever is on the way has the card.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of the first card's slot; the others have the next ones, or as many ports are given as cards. The
    /// second slot of Debian's reader has port 35964.
    #[arg(long = "port", default_values_t = [vpcd::PORT])]
    ports: Vec<u16>,
    /// Makes a Unix domain socket there by which `sim-reader control` takes the cards out and puts them in.
    #[arg(long, value_name = "SOCKET")]
    control: Option<PathBuf>,
}

/// A card, and where it goes.
struct Placed {
    port: u16,
    card: SoftwareCard<Image>,
    controlled: Controlled,
}

/// Keeps the cards in their readers until it is told to end.
pub(crate) fn run(arguments: &Vpcd) -> Result<()> {
    runtime()?.block_on(serve(arguments))
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

async fn serve(arguments: &Vpcd) -> Result<()> {
    let stop = stop()?;
    let placed = place(arguments)?;
    let socket = arguments.control.as_deref().map(Socket::listen).transpose()?;
    let mut threads = JoinSet::new();
    let mut cards = Vec::new();
    for Placed { port, card, controlled } in placed {
        let (host, hand) = (arguments.host.clone(), controlled.hand.clone());
        threads.spawn_blocking(move || keep((&host, port), card, &hand));
        cards.push(controlled);
    }
    let cards: Arc<[Controlled]> = cards.into();
    let ended = tokio::select! {
        () = stop => Ok(()),
        Some(ended) = threads.join_next() => ended.context("a card's thread failed")?,
        Err(failed) = announce(&cards, arguments.inserting.opening.json) => Err(failed),
        () = control(socket, Arc::clone(&cards)) => Ok(()),
    };
    cards.iter().for_each(|card| card.hand.dismiss());
    threads.join_all().await.into_iter().fold(ended, Result::and)
}

/// Opens the images and says which card goes where. Where that cannot be, none is made.
fn place(arguments: &Vpcd) -> Result<Vec<Placed>> {
    let ports = ports(&arguments.ports, arguments.images.len())?;
    ensure!(!has_twice(&arguments.images), "one card cannot be in two slots");
    if let Some(image) = arguments.images.iter().find(|image| arguments.inserting.new && image.exists()) {
        bail!("{} is there already", image.display());
    }
    let place = |(image, port): (&PathBuf, u16)| {
        let card = insert(image, &arguments.inserting)?;
        let (reader, hand) = (format!("{}:{port}", arguments.host), Hand::new(card.user_presence()));
        Ok(Placed { port, card, controlled: Controlled { image: image.display().to_string(), reader, hand } })
    };
    arguments.images.iter().zip(ports).map(place).collect()
}

/// The port of each card.
fn ports(given: &[u16], cards: usize) -> Result<Vec<u16>> {
    let ports: Vec<u16> = match given {
        [first] => (*first..=u16::MAX).take(cards).collect(),
        given => given.to_vec(),
    };
    ensure!(ports.len() == cards, "{} ports for {cards} cards: give one, or one for each card", ports.len());
    ensure!(!has_twice(&ports), "two cards cannot be in one slot");
    Ok(ports)
}

fn has_twice<T: PartialEq>(values: &[T]) -> bool {
    values.iter().enumerate().any(|(place, value)| values.iter().take(place).any(|other| other == value))
}

/// The thread of one card.
fn keep(reader: (&str, u16), card: SoftwareCard<Image>, hand: &Hand) -> Result<()> {
    runtime()?.block_on(vpcd::serve(reader, card, hand));
    Ok(())
}

/// Says of each card that programs see it, once they do. Never ends well.
async fn announce(cards: &[Controlled], json: bool) -> Result<Infallible> {
    let mut announcing = JoinSet::new();
    for Controlled { image, reader, hand } in cards {
        let (image, reader, hand) = (image.clone(), reader.clone(), hand.clone());
        announcing.spawn(async move {
            hand.seen().await;
            let value = json!({ "connected": reader, "image": image });
            tell(json, &value, || format!("the card in {image} is in the reader at {reader}"))
        });
    }
    while let Some(told) = announcing.join_next().await {
        told??;
    }
    pending().await
}

async fn control(socket: Option<Socket>, cards: Arc<[Controlled]>) {
    match &socket {
        Some(socket) => control::serve(&socket.listener, cards).await,
        None => pending().await,
    }
}

/// The socket by which the cards are controlled, gone when dropped.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    fn listen(path: &Path) -> Result<Self> {
        let listener = control::listen(path).with_context(|| path.display().to_string())?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = std::fs::remove_file(&self.path);
    }
}
