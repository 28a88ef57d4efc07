//! The card in a real PC/SC reader: Debian's pcscd and virtual reader between our card and programs that are not ours.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a test's verdict")]

mod by_hand;
mod card_tools;
mod ci;
mod opensc;
mod pinpad;
mod programs;
mod reader;
mod readme;
mod reconnect;
mod removal;
mod slots;
mod terminal;
mod too_early;
mod transcripts;
mod yubikit;

use anyhow::{Context, Result};
use apdu_spec::limits::DATA_MAX;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::control::{Order, Report};
use sim_reader::image::{Image, SyncPolicy};
use symbolon_tests::pcsc::{Daemon, InsertedCard, Slot};
use symbolon_tests::transcript::Player;
use tempfile::TempDir;

use reader::Client;

/// A file of this many bytes, readable and writable by anyone; it takes extended commands to fill and read at once.
const FILE_LENGTH: usize = 300;
const CREATE: &[u8] = b"\x00\xE0\x00\x00\x12\x62\x10\x80\x02\x01\x2C\x82\x01\x01\x83\x02\x01\x01\x8C\x03\x03\x00\x00";
const SELECT: &[u8] = b"\x00\xA4\x00\x04\x02\x01\x01\x00";
const READ: &[u8] = b"\x00\xB0\x00\x00\x00\x01\x2C";
const OK: &[u8] = &[0x90, 0x00];
const NO_CURRENT_FILE: &[u8] = &[0x69, 0x86];

/// UPDATE BINARY of the whole file.
fn update(content: &[u8; FILE_LENGTH]) -> Vec<u8> {
    [b"\x00\xD6\x00\x00\x00\x01\x2C".as_slice(), content].concat()
}

fn content(seed: usize) -> [u8; FILE_LENGTH] {
    std::array::from_fn(|at| u8::try_from((at * 7 + seed) % 256).unwrap())
}

fn is_read(content: &[u8; FILE_LENGTH]) -> Vec<u8> {
    [content.as_slice(), OK].concat()
}

/// pcscd, a card with the file in its first slot, and a client that is connected to it.
struct Scene {
    folder: TempDir,
    card: Option<InsertedCard>,
    client: Client,
    daemon: Daemon,
}

impl Scene {
    fn new() -> Result<Self> {
        let (daemon, folder) = (Daemon::start()?, TempDir::new()?);
        let slot = daemon.slot(0)?;
        let card = Some(InsertedCard::create(&daemon, &folder.path().join("card"), &slot)?);
        let mut client = Client::connect(&daemon, &slot.name)?;
        assert_eq!(client.transmit(CREATE)?, OK);
        Ok(Self { folder, card, client, daemon })
    }

    fn card(&self) -> Result<&InsertedCard> {
        self.card.as_ref().context("there is no card")
    }

    fn control(&self, order: Order) -> Result<Report> {
        self.card()?.control(order)
    }

    fn insert_again(&mut self) -> Result<()> {
        let image = self.folder.path().join("card");
        self.card = Some(InsertedCard::insert(&self.daemon, &image, &Slot::number(0))?);
        self.client.connect_again()
    }
}

#[test]
fn what_comes_through_the_reader_is_what_the_card_gives_in_process() -> Result<()> {
    let mut scene = Scene::new()?;
    assert_eq!(scene.client.transmit(&update(&content(1)))?, OK);
    let commands =
        [SELECT, READ, b"\x00\xB0\x00\x00\x00", b"\x00\xB0\x01\x00\x00\x00\x00", b"\x00\xA4\x00\x00\x02\x3F\x00"];
    let through_reader: Vec<_> =
        commands.iter().map(|command| scene.client.transmit(command)).collect::<Result<_>>()?;
    assert_eq!(through_reader[1], is_read(&content(1)));
    let challenges = [(); 2].map(|()| scene.client.transmit(b"\x00\x84\x00\x00\x08").unwrap());
    assert!(challenges.iter().all(|challenge| challenge.len() == 10 && challenge.ends_with(OK)));
    assert_ne!(challenges[0], challenges[1]);
    scene.card.take().unwrap().take_out()?;

    let image = Image::open(&scene.folder.path().join("card"), None, SyncPolicy::Command)?;
    let mut card = SoftwareCard::new(image, Noise::Os);
    card.power_on()?;
    let in_process: Vec<_> = commands.iter().map(|command| card.transmit(command)).collect::<Result<_, _>>()?;
    assert_eq!(through_reader, in_process);
    Ok(())
}

#[test]
fn resets_forget_what_was_selected_and_nothing_else() -> Result<()> {
    let mut scene = Scene::new()?;
    scene.client.transmit(&update(&content(2)))?;
    for reset in [Client::warm_reset, Client::reset] {
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(2)));
        reset(&mut scene.client)?;
        assert_eq!(scene.client.transmit(READ)?, NO_CURRENT_FILE);
        assert!(scene.client.transmit(SELECT)?.ends_with(OK));
    }
    Ok(())
}

#[test]
fn the_longest_commands_and_responses_go_through_t_1_and_nothing_goes_through_t_0() -> Result<()> {
    let mut scene = Scene::new()?;
    let [high, low] = u16::try_from(DATA_MAX)?.to_be_bytes();
    let create = [
        b"\x00\xE0\x00\x00\x12\x62\x10\x80\x02",
        &[high, low][..],
        b"\x82\x01\x01\x83\x02\x01\x02\x8C\x03\x03\x00\x00",
    ]
    .concat();
    assert_eq!(scene.client.transmit(&create)?, OK);
    let content: Vec<u8> = (0..DATA_MAX).map(|at| u8::try_from(at * 11 % 251).unwrap()).collect();
    let update = |content: &[u8]| [&[0x00, 0xD6, 0x00, 0x00, 0x00, high, low], content].concat();
    assert_eq!(scene.client.transmit(&update(&content))?, OK);
    let whole = [content.as_slice(), OK].concat();
    assert_eq!(scene.client.transmit(&[0x00, 0xB0, 0x00, 0x00, 0x00, high, low])?, whole);
    assert_eq!(scene.client.transmit(b"\x00\xB0\x00\x00\x00\x00\x00")?, whole, "as much as there is");
    let longer = [b"\x00\xD6\x00\x00\x00".as_slice(), &u16::try_from(DATA_MAX + 1)?.to_be_bytes(), &content, &[0]];
    assert_eq!(scene.client.transmit(&longer.concat())?, [0x67, 0x00]);
    // As long as a frame of the reader can be.
    assert_eq!(scene.client.transmit(&[0x00; 65_535])?, [0x67, 0x00]);
    assert!(scene.client.connect_by_t_0().is_err());
    scene.client.connect_now()
}

#[test]
fn a_card_that_is_torn_out_is_missed_and_comes_back_with_what_it_had_promised() -> Result<()> {
    let mut scene = Scene::new()?;
    for round in 0..3 {
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(&update(&content(round)))?, OK);
        scene.card.take().unwrap().tear_out();
        assert!(scene.client.transmit(READ).is_err(), "nobody is there to answer");
        scene.insert_again()?;
        assert_eq!(scene.client.transmit(READ)?, NO_CURRENT_FILE);
        scene.client.transmit(SELECT)?;
        assert_eq!(scene.client.transmit(READ)?, is_read(&content(round)));
    }
    Ok(())
}

#[test]
fn two_cards_in_two_slots_do_not_meet() -> Result<()> {
    let mut scene = Scene::new()?;
    let slot = scene.daemon.slot(1)?;
    let second = InsertedCard::create(&scene.daemon, &scene.folder.path().join("second"), &slot)?;
    let mut other = Client::connect(&scene.daemon, &slot.name)?;
    assert_eq!(other.transmit(READ)?, NO_CURRENT_FILE);
    assert_eq!(other.transmit(CREATE)?, OK);
    scene.client.transmit(&update(&content(4)))?;
    other.transmit(&update(&content(5)))?;
    assert_eq!(scene.client.transmit(READ)?, is_read(&content(4)));
    assert_eq!(other.transmit(READ)?, is_read(&content(5)));
    second.take_out()?;
    assert!(other.transmit(READ).is_err());
    assert_eq!(scene.client.transmit(READ)?, is_read(&content(4)));
    Ok(())
}

#[test]
fn daemons_side_by_side_have_as_many_slots_as_they_are_asked_for_and_do_not_see_each_other() -> Result<()> {
    let folder = TempDir::new()?;
    let daemons = [Daemon::with_slots(4)?, Daemon::with_slots(16)?];
    let mut clients = Vec::new();
    for (number, (daemon, last)) in daemons.iter().zip([3, 15]).enumerate() {
        let slot = daemon.slot(last)?;
        let card = InsertedCard::create(daemon, &folder.path().join(number.to_string()), &slot)?;
        let mut client = Client::connect(daemon, &slot.name)?;
        assert_eq!(client.transmit(CREATE)?, OK);
        assert_eq!(client.transmit(&update(&content(number)))?, OK);
        clients.push((card, client));
        let readers = daemon.run("opensc-tool", &["--list-readers"])?;
        assert_eq!(readers.matches("Virtual PCD").count(), usize::from(last) + 1, "{readers}");
        assert_eq!(readers.matches(" Yes ").count(), 1, "{readers}");
    }
    for (number, (card, mut client)) in clients.into_iter().enumerate() {
        assert_eq!(client.transmit(READ)?, is_read(&content(number)));
        drop(client);
        card.take_out()?;
    }
    assert!(daemons[0].slot(4).is_err() && Daemon::with_slots(17).is_err());
    Ok(())
}

/// Where acknowledgments are delayed, every command takes 40 ms.
#[test]
fn no_command_waits_for_the_kernel() -> Result<()> {
    let answered = Scene::new()?.client.measure(1)?;
    println!("{answered} commands a second through pcscd");
    assert!(answered > 200, "{answered} commands a second");
    Ok(())
}
