//! The provider as a process, killed again and again while members buy and sell over TCP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use protocol::crypto::AwsLc;
use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::message::acknowledgment::Decision;
use protocol::types::Ending;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use service_provider::store::Store;
use service_provider::store::sqlite::SqliteStore;
use symbolon_tests::member::{Group, Member};
use symbolon_tests::process::{Listener, build};
use symbolon_tests::world::{OPENING, World};

const KILLS: usize = 20;

/// Enough that a commit serves many, and a kill cuts many short at once.
const BUYERS: u64 = 48;

/// How long a buyer asks for an answer: far longer than the provider is ever away.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the buyers share.
struct Shop {
    members: Arc<[Member; 2]>,
    address: Mutex<String>,
    closing: AtomicBool,
    posted: AtomicUsize,
    resent: AtomicUsize,
}

impl Shop {
    /// Sends the same bytes until they are answered.
    fn ask(&self, message: &[u8]) -> Vec<u8> {
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < PATIENCE, "the provider does not come back");
            let address = self.address.lock().unwrap().clone();
            match exchange(&address, message) {
                Ok(answer) => return answer,
                Err(_) => {
                    self.resent.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }

    fn buy(&self, random: &mut StdRng) -> Result<Ending> {
        let group = Group::purchase(&self.members, 1);
        let (request, awaiting) = group.key_exchange::<AwsLc>(random)?;
        let established = group.establish::<AwsLc>(&awaiting, &self.ask(&request))?;
        let (request, awaiting) = group.request::<AwsLc>(established, random)?;
        let decided = group.approved::<AwsLc>(&awaiting, &self.ask(&request))?;
        let (request, awaiting) = group.acknowledge::<AwsLc>(decided, Decision::Accept, random)?;
        group.ending::<AwsLc>(&awaiting, &self.ask(&request))
    }
}

fn exchange(address: &str, message: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let header = FrameHeader { number: 7, length: message.len() }.encode()?;
    stream.write_all(&[&header, message].concat())?;
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header)?;
    let header = FrameHeader::parse(&header)?;
    ensure!(header.number == 7, "an answer to another request");
    let mut answer = vec![0; header.length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[tokio::test]
async fn a_provider_killed_at_any_moment_loses_no_answer_and_no_money() {
    let mut random = StdRng::seed_from_u64(7);
    let world = World::new(|path| Ok(SqliteStore::open(path)?), &mut random).await.unwrap();
    let (members, directory) = world.close();
    let program = build("service-provider").unwrap();
    let data = directory.path().to_str().unwrap();
    let start = || Listener::start(&program, &["--json", "--data", data, "serve", "--listen", "127.0.0.1:0"]).unwrap();

    let mut server = start();
    let shop = Arc::new(Shop {
        members,
        address: Mutex::new(server.address.clone()),
        closing: AtomicBool::new(false),
        posted: AtomicUsize::new(0),
        resent: AtomicUsize::new(0),
    });
    let buyers: Vec<_> = (0..BUYERS)
        .map(|seed| {
            let shop = Arc::clone(&shop);
            std::thread::spawn(move || {
                let mut random = StdRng::seed_from_u64(seed);
                while !shop.closing.load(Ordering::Relaxed) {
                    assert_eq!(shop.buy(&mut random).unwrap(), Ending::Posted);
                    shop.posted.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(random.gen_range(20..400)));
        server.kill().unwrap();
        server = start();
        *shop.address.lock().unwrap() = server.address.clone();
    }
    shop.closing.store(true, Ordering::Relaxed);
    buyers.into_iter().for_each(|buyer| buyer.join().unwrap());
    server.kill().unwrap();

    let posted = shop.posted.load(Ordering::Relaxed);
    let store = SqliteStore::open(directory.path()).unwrap();
    let audit = store.verify().await.unwrap();
    assert_eq!((audit.flaws, audit.holds), (Vec::new(), 0));
    assert_eq!(audit.entries, posted as u64 + 1, "the purchases and the payer's funding");
    let balances = store.balances(None, 10).await.unwrap();
    let paid: i64 = posted.try_into().unwrap();
    assert!(balances.iter().any(|account| account.funds.balance == paid));
    assert!(balances.iter().any(|account| account.funds.balance == OPENING.cast_signed() - paid));
    let resent = shop.resent.load(Ordering::Relaxed);
    println!("{posted} purchases posted through {KILLS} kills; {resent} requests sent again");
    assert!(posted > 0 && resent > 0);
}
