//! The provider's server against peers that trickle and stores that hang, stop or have much to expire.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "a panic fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::limits::MESSAGE_MAX;
use protocol::message::{Kind, bare};
use protocol::provider::Answer;
use protocol::types::{Digest, GroupId, TransactionId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use service_provider::engine::Engine;
use service_provider::server::memory::ARRIVING_MAX;
use service_provider::server::{EXPIRY_INTERVAL, serve};
use service_provider::store::memory::MemoryStore;
use service_provider::store::tables::Database;
use service_provider::store::transaction::{Opening, Phase};
use service_provider::store::{Store, StoreError, limits};
use service_provider::time::Timestamp;
use symbolon_tests::world::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longer than anything here takes that is not held up.
const SOON: Duration = Duration::from_secs(5);

/// What becomes of what is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    Hangs,
    Stopped,
}

/// A store whose writing fails as a test says.
struct Sick(MemoryStore, watch::Receiver<Health>);

impl Database for Sick {
    type Tables = <MemoryStore as Database>::Tables;

    async fn write<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut Self::Tables) -> Result<T, StoreError> + Send + 'static,
    {
        let health = *self.1.borrow();
        match health {
            Health::Well => self.0.write(operation).await,
            Health::Hangs => std::future::pending().await,
            Health::Stopped => Err(StoreError::Stopped),
        }
    }

    fn read<T>(&self, look_up: impl FnOnce(&Self::Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.0.read(look_up)
    }
}

/// A server on a port of its own.
struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), StoreError>>,
}

impl Server {
    async fn start<S: Store>(engine: &Arc<Engine<S>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = serve(Arc::clone(engine), listener, async { drop(stopped.await) });
        Self { address, stop, serving: tokio::spawn(serving) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        assert_eq!(timeout(SOON, self.serving).await.unwrap().unwrap(), Ok(()));
    }
}

async fn ask(stream: &mut TcpStream, message: &[u8]) -> Vec<u8> {
    let header = FrameHeader { number: 7, length: message.len() }.encode().unwrap();
    stream.write_all(&[header.as_slice(), message].concat()).await.unwrap();
    let mut header = [0; HEADER_LENGTH];
    stream.read_exact(&mut header).await.unwrap();
    let mut answer = vec![0; FrameHeader::parse(&header).unwrap().length];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}

async fn gives_its_descriptor(stream: &mut TcpStream) {
    let answer = timeout(SOON, ask(stream, &bare(Kind::DescriptorRequest))).await.unwrap();
    assert_eq!(answer[1], Kind::Descriptor.byte());
}

#[tokio::test]
async fn a_store_that_hangs_holds_up_nothing_else_and_one_that_stops_ends_the_server() {
    let (health, seen) = watch::channel(Health::Well);
    let mut random = StdRng::seed_from_u64(1);
    let world = World::new(|_| Ok(Sick(MemoryStore::new(), seen)), &mut random).await.unwrap();
    health.send(Health::Hangs).unwrap();
    let server = Server::start(&world.engine).await;
    gives_its_descriptor(&mut server.connect().await).await;
    server.stop().await;

    health.send(Health::Stopped).unwrap();
    let server = Server::start(&world.engine).await;
    assert_eq!(timeout(SOON, server.serving).await.unwrap().unwrap(), Err(StoreError::Stopped));
}

#[tokio::test]
async fn however_much_is_past_its_time_ends_at_once() {
    let mut random = StdRng::seed_from_u64(2);
    let world = World::new(|_| Ok(MemoryStore::new()), &mut random).await.unwrap();
    let past = Timestamp::now().before(Duration::from_secs(100));
    let mut opened = Vec::new();
    for _ in 0..4 * limits::EXPIRE_MAX {
        opened.push(open(world.engine.store(), past, &mut random).await);
    }
    let server = Server::start(&world.engine).await;
    gives_its_descriptor(&mut server.connect().await).await;
    tokio::time::sleep(EXPIRY_INTERVAL / 2).await;
    for transaction in opened {
        let group = world.engine.store().group(transaction).await.unwrap().unwrap();
        assert_eq!(group.phase, Phase::Closed);
    }
    server.stop().await;
}

/// A session that was to be used within a second.
async fn open(store: &impl Store, at: Timestamp, random: &mut StdRng) -> TransactionId {
    let transaction = service_provider::id::draw(at, random);
    let opening = Opening {
        transaction,
        group: GroupId([1; 32]),
        request: Digest([2; 32]),
        nodes: vec![Digest(random.r#gen())],
        sessions: vec![3; 100],
        until: Some(at.after(Duration::from_secs(1))),
        answer: Answer { message: vec![4], root: Digest([5; 32]) },
    };
    store.open(opening).await.unwrap();
    transaction
}

#[tokio::test]
async fn long_frames_that_trickle_in_hold_up_no_short_ones() {
    let mut random = StdRng::seed_from_u64(3);
    let world = World::new(|_| Ok(MemoryStore::new()), &mut random).await.unwrap();
    let server = Server::start(&world.engine).await;
    let header = FrameHeader { number: 1, length: MESSAGE_MAX }.encode().unwrap();
    let mut trickling = Vec::new();
    for _ in 0..=ARRIVING_MAX / MESSAGE_MAX {
        let mut stream = server.connect().await;
        stream.write_all(&[header.as_slice(), &[1; 100]].concat()).await.unwrap();
        trickling.push(stream);
    }
    let mut honest = server.connect().await;
    gives_its_descriptor(&mut honest).await;
    // Nobody is answered out of turn: the long frame finds room once the others are gone.
    let long = ask(&mut honest, &[0; MESSAGE_MAX]);
    tokio::pin!(long);
    assert!(timeout(Duration::from_millis(300), &mut long).await.is_err(), "there is no room");
    drop(trickling);
    assert_eq!(timeout(SOON, long).await.unwrap(), bare(Kind::Refused));
    server.stop().await;
}
