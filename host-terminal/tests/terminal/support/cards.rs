//! Cards: issued as a card tool would, then served over TCP.

use std::future::pending;

use apdu_spec::instruction::{
    GenerateKeyPair, Occurrence, Pair, PinReference, Select, SelectAnswer, Selector, SetStatus, StoreData,
};
use apdu_spec::pin::PinRecord;
use apdu_spec::provider::{Instrument, Policy, ProviderInfo, ProviderRecord, ProviderReference};
use apdu_spec::{Aid, Condition, LifeCycle, Wire, Writer};
use host_terminal::card::Card;
use host_terminal::observe::Tap;
use host_terminal::reader::TcpReader;
use protocol::crypto::PublicKey;
use protocol::types::ProviderId;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::flash::RamFlash;
use tokio::net::TcpListener;

/// An account as the provider and the card know it.
#[derive(Clone)]
pub(crate) struct AccountData {
    pub(crate) information: Vec<u8>,
    pub(crate) secret: [u8; 16],
    pub(crate) holder: String,
}

impl AccountData {
    pub(crate) fn new(holder: &str) -> Self {
        let mut secret = [0x5A; 16];
        secret[0] = holder.len() as u8;
        Self { information: format!("account of {holder}").into_bytes(), secret, holder: holder.to_owned() }
    }
}

/// Where a card with this account is served. PIN 1 is 1234, three tries; the card signs 100.00 at most.
pub(crate) async fn serve(account: &AccountData, provider: ProviderId, root: &PublicKey) -> String {
    let mut card = SoftwareCard::format(RamFlash::<4>::new(32), Noise::Os).unwrap();
    card.power_on().unwrap();
    personalise(&mut card, account, provider, root);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(sim_reader::tcp::serve(listener, card, pending()));
    address
}

/// Where a card that nobody has used is served.
pub(crate) async fn serve_new() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let card = SoftwareCard::format(RamFlash::<4>::new(32), Noise::Os).unwrap();
    tokio::spawn(sim_reader::tcp::serve(listener, card, pending()));
    address
}

/// The card that is served there.
pub(crate) async fn reach(address: &str, tap: Tap) -> Card {
    Card::new(Box::new(TcpReader::connect(address).await.unwrap()), tap)
}

fn personalise(card: &mut SoftwareCard<RamFlash<4>>, account: &AccountData, provider: ProviderId, root: &PublicKey) {
    let issuer = Selector::Name(Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), Occurrence::First);
    tell(card, &Select { selector: issuer, answer: SelectAnswer::Nothing });
    let reference = PinReference::parse(1).unwrap();
    tell(card, &StoreData::Pin(PinRecord::new(reference, 3, b"1234")));
    let reference = ProviderReference::parse(1).unwrap();
    let record = ProviderRecord {
        info: ProviderInfo {
            reference,
            provider: &provider.0,
            name: "Test Bank",
            instrument: Instrument::Debit,
            condition: Condition::pin(1).unwrap(),
        },
        account: &account.information,
        account_secret: &account.secret,
        root_key: &root.0,
        policy: Some(Policy { amount_max: 10_000, amount_without_pin: 0, times_without_pin: 0, pin: 1 }),
        condition_change: None,
    };
    tell(card, &StoreData::Provider(record));
    tell(card, &GenerateKeyPair { pair: Pair::Provider(reference), generate: true });
    tell(card, &SetStatus::Card(LifeCycle::Initialized));
    tell(card, &SetStatus::Card(LifeCycle::Secured));
}

fn tell<'c>(card: &mut SoftwareCard<RamFlash<4>>, command: &impl Wire<'c>) {
    let mut space = [0; 1024];
    let mut out = Writer::new(&mut space);
    command.encode(&mut out).unwrap();
    let answer = card.transmit(out.written()).unwrap();
    assert!(answer.ends_with(&[0x90, 0x00]), "{:02X?}: {answer:02X?}", &out.written()[..4]);
}
