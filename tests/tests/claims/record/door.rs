//! The provider's door: everything that comes in and goes out passes here, as it is, and is kept.
//!
//! An acknowledgment waits in it until the provider's memory of the transaction has been looked at: the answer ends
//! that memory.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use futures_executor::block_on;
use protocol::crypto::RustCrypto;
use protocol::frame::{FrameHeader, HEADER_LENGTH};
use protocol::message::Kind;
use protocol::message::request::Tree;
use protocol::provider::Requests;
use protocol::types::TransactionId;
use service_provider::keys::storage::StorageKeys;
use service_provider::store::Store;
use service_provider::store::sqlite::SqliteView;

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
}

/// What passed the door.
#[derive(Default)]
pub(crate) struct Passed {
    pub(crate) exchanges: Vec<Exchange>,
    /// What the provider remembered of each transaction before its acknowledgment, in its own encoding.
    pub(crate) remembered: BTreeMap<TransactionId, Vec<u8>>,
    failure: Option<anyhow::Error>,
}

/// A door that listens. It stays open as long as this process runs.
pub(crate) struct Door {
    /// Where it listens.
    pub(crate) address: String,
    state: Arc<State>,
}

struct State {
    provider: String,
    data: PathBuf,
    passed: Mutex<Passed>,
}

impl Door {
    /// In front of the provider at `provider`, whose data are in `data`.
    pub(crate) fn open(provider: &str, data: &Path) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let state = State { provider: provider.to_owned(), data: data.to_owned(), passed: Mutex::default() };
        let state = Arc::new(state);
        let owned = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&owned);
                thread::spawn(move || state.attend(stream));
            }
        });
        Ok(Self { address, state })
    }

    /// What passed since this was asked last.
    pub(crate) fn take(&self) -> Result<Passed> {
        let mut passed = self.state.passed.lock().unwrap_or_else(PoisonError::into_inner);
        let mut passed = std::mem::take(&mut *passed);
        passed.failure.take().map_or(Ok(passed), Err)
    }
}

type Asked = Arc<Mutex<BTreeMap<u64, Vec<u8>>>>;

impl State {
    /// One connection, until either end closes it.
    fn attend(self: Arc<Self>, below: TcpStream) {
        let Ok(above) = TcpStream::connect(&self.provider) else { return };
        let (Ok(mut up), Ok(mut down)) = (above.try_clone(), below.try_clone()) else { return };
        let asked = Asked::default();
        let (state, requests) = (Arc::clone(&self), Arc::clone(&asked));
        let ends = [above.try_clone(), below.try_clone()];
        let upward = thread::spawn(move || {
            let mut below = below;
            while let Ok((number, message, frame)) = read_frame(&mut below) {
                state.note(&message);
                requests.lock().unwrap_or_else(PoisonError::into_inner).insert(number, message);
                if up.write_all(&frame).is_err() {
                    break;
                }
            }
            ends.into_iter().flatten().for_each(|end| drop(end.shutdown(std::net::Shutdown::Both)));
        });
        let mut above = above;
        while let Ok((number, response, frame)) = read_frame(&mut above) {
            if let Some(request) = asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&number) {
                let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
                passed.exchanges.push(Exchange { request, response });
            }
            if down.write_all(&frame).is_err() {
                break;
            }
        }
        drop(down.shutdown(std::net::Shutdown::Both));
        drop(upward.join());
    }

    /// Looks at what the provider remembers before an acknowledgment reaches it.
    fn note(&self, message: &[u8]) {
        if message.get(1) != Some(&Kind::Acknowledgment.byte()) {
            return;
        }
        let transaction = Tree::parse(message).and_then(|tree| Requests::new::<RustCrypto>(tree)?.transaction());
        let remembered = transaction.map_err(Into::into).and_then(|id| Ok((id, remembered(&self.data, id)?)));
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        match remembered {
            Ok((transaction, bytes)) => drop(passed.remembered.insert(transaction, bytes)),
            Err(error) => passed.failure = Some(error),
        }
    }
}

/// What the provider whose data are in `data` remembers of a transaction, opened with its own storage key.
pub(super) fn remembered(data: &Path, transaction: TransactionId) -> Result<Vec<u8>> {
    let row = block_on(SqliteView::open(data)?.group(transaction))?.context("an unknown transaction")?;
    let sealed = row.sessions.context("a transaction without sessions")?;
    let keys = StorageKeys::read(data)?;
    let plain = keys.sessions.open(&transaction.0, &sealed).ok().context("a row that does not open")?;
    Ok(plain.to_vec())
}

/// A frame's request number, its message, and its bytes.
pub(super) fn read_frame(input: &mut TcpStream) -> Result<(u64, Vec<u8>, Vec<u8>)> {
    let mut header = [0; HEADER_LENGTH];
    input.read_exact(&mut header)?;
    let FrameHeader { number, length } = FrameHeader::parse(&header)?;
    let mut message = vec![0; length];
    input.read_exact(&mut message)?;
    let frame = [header.as_slice(), &message].concat();
    Ok((number, message, frame))
}
