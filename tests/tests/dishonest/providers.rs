//! Two providers on one card, each with its own keys, condition and instrument: choosing one touches nothing of the
//! other, and one that is dishonest, its keys and domain in hand, learns nothing of the other and cannot act for it.

use std::collections::BTreeMap;

use apdu_spec::Status;
use apdu_spec::journal::Step;
use apdu_spec::provider::{Instrument, Policy};
use apdu_spec::transaction::KeyExchangeAnswer;
use card_os::store::{ObjectId, Store};
use futures_executor::block_on;
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret};
use protocol::message::Kind;
use protocol::message::descriptor::Descriptor;
use protocol::provider::sign_descriptor;
use protocol::types::Role;
use sim_reader::flash::RamFlash;
use symbolon_tests::canary::{Canary, contains};
use symbolon_tests::company::{Choice, OPENING, said};
use symbolon_tests::issuer::{Enrolled, Issuer};
use symbolon_tests::round::{Wires, up};
use symbolon_tests::scp03::{Host, Keys, plain_key_data};
use symbolon_tests::seat::{PIN, Record, Seat, status};

const FIRST: Record = Record::FIRST;
/// No PIN, but limits of the card's own.
const SECOND: Record = Record {
    number: 2,
    instrument: Instrument::Loyalty,
    pin: false,
    policy: Some(Policy { amount_max: OPENING, amount_without_pin: OPENING, times_without_pin: 9, pin: 1 }),
};

/// Objects in flash by their identifiers.
type Objects = BTreeMap<u32, Vec<u8>>;

const PAIR: &[Option<usize>] = &[None, Some(0)];
const DOMAIN_KEYS: [Keys; 2] = [[[0x41; 16], [0x42; 16], [0x43; 16]], [[0x51; 16], [0x52; 16], [0x53; 16]]];
const VERSION: u8 = 0x30;

/// A card with a record of each of two providers, and for each provider a shop.
struct Wallet {
    issuers: [Issuer; 2],
    accounts: [Enrolled; 2],
    card: Seat,
    shops: [Seat; 2],
}

impl Wallet {
    fn new(seed: u64) -> Self {
        let mut issuers =
            [seed, seed + 100].map(|seed| Issuer::new(seed, service_provider::engine::Policy::default()).unwrap());
        let numbers = ["7770001112223334", "8880005556667778"];
        let mut card = Seat::new(seed).unwrap();
        let mut accounts = Vec::new();
        let mut shops = Vec::new();
        for (index, (issuer, record)) in issuers.iter_mut().zip([FIRST, SECOND]).enumerate() {
            let enrolled = issuer.enrol(numbers[index], "Ada Lovelace", OPENING).unwrap();
            let key = card.personalise(issuer, &enrolled, record).unwrap();
            issuer.register(enrolled.account, key).unwrap();
            put_keys(&mut card, record.number, &DOMAIN_KEYS[index]);
            accounts.push(enrolled);
            let shop = issuer.enrol("SHOP0001", "Corner Shop", OPENING).unwrap();
            shops.push(Seat::issued(seed + 1 + index as u64, issuer, &shop).unwrap());
        }
        card.hand_over().unwrap();
        let accounts = accounts.try_into().map_err(|_| ()).unwrap();
        Self { issuers, accounts, card, shops: shops.try_into().map_err(|_| ()).unwrap() }
    }

    /// The card buys with one of its records; gives everything that passed to and from the provider.
    fn buy(&mut self, index: usize) -> Vec<Vec<u8>> {
        let issuer = &mut self.issuers[index];
        let number = [FIRST, SECOND][index].number;
        self.card.prepare(number, issuer.descriptor()).unwrap();
        self.shops[index].prepare(1, issuer.descriptor()).unwrap();
        let mut passed = Vec::new();
        for kind in [Kind::KeyExchangeRequest, Kind::TransactionRequest, Kind::Acknowledgment] {
            let parts = said(kind, &[Choice::PLAIN; 2], &[Role::PAYEE, Role::PAYER]);
            let leaf = self.card.combine(&parts[1], &[]).unwrap();
            let root = self.shops[index].combine(&parts[0], &[&leaf.message]).unwrap();
            let response = issuer.ask(&root.message).unwrap();
            let separated = root.separate(&response, "above").unwrap();
            let own = leaf.separate(&separated.branches[0], "above").unwrap().own;
            self.shops[index].receive(kind.answer().unwrap(), &separated.own).unwrap();
            self.card.receive(kind.answer().unwrap(), &own).unwrap();
            passed.extend([root.message, response]);
        }
        passed
    }

    fn objects(&self) -> Objects {
        let mut store: Store<RamFlash> = Store::mount(self.card.slot().flash().clone()).unwrap();
        let ids: Vec<_> = store.ids(ObjectId(0)..=ObjectId(u32::MAX)).collect();
        let mut content = |id| {
            let mut bytes = vec![0; store.length(id).unwrap()];
            store.read(id, 0, &mut bytes).unwrap();
            bytes
        };
        ids.into_iter().map(|id| (id.0, content(id))).collect()
    }
}

/// The objects of one record and its security domain: their kind is in the first byte, the record's number in the last
/// or, where a key set's version is last, in the one before it.
fn of_record(objects: &Objects, number: u8) -> Objects {
    let is_its = |id: u32| match id >> 24 {
        0x07..=0x0A | 0x0F => id & 0xFF == u32::from(number),
        0x0C..=0x0E => id >> 8 & 0xFF == u32::from(number),
        _ => false,
    };
    objects.iter().filter(|(id, _)| is_its(**id)).map(|(id, bytes)| (*id, bytes.clone())).collect()
}

fn transmit(card: &Seat, command: &[u8]) -> (Vec<u8>, u16) {
    let mut response = card.slot().transmit(command).unwrap();
    let status = response.split_off(response.len() - 2);
    (response, u16::from_be_bytes([status[0], status[1]]))
}

fn select_domain(card: &Seat, number: u8) {
    let name = [b"\xF0SYMBOLON\x02", &[number][..]].concat();
    let command = [&[0x00, 0xA4, 0x04, 0x0C, name.len() as u8][..], &name].concat();
    assert_eq!(transmit(card, &command).1, 0x9000);
}

/// A provider's keys for its domain, brought while the card is personalised.
fn put_keys(card: &mut Seat, number: u8, keys: &Keys) {
    select_domain(card, number);
    let data = plain_key_data(VERSION, keys);
    let command = [&[0x80, 0xD8, 0x00, 0x81, data.len() as u8][..], &data, &[0]].concat();
    assert_eq!(transmit(card, &command).1, 0x9000);
    let issuer = apdu_spec::Aid::ISSUER_SECURITY_DOMAIN;
    let name = issuer.as_bytes();
    let command = [&[0x00, 0xA4, 0x04, 0x0C, name.len() as u8][..], name].concat();
    assert_eq!(transmit(card, &command).1, 0x9000);
}

/// A provider in its own domain, with everything encrypted.
fn enter(card: &Seat, number: u8, keys: &Keys) -> Option<Host> {
    select_domain(card, number);
    let challenge = [0xA5; 8];
    let command = [&[0x80, 0x50, VERSION, 0x00, 8][..], &challenge, &[0]].concat();
    let (answer, status) = transmit(card, &command);
    assert_eq!(status, 0x9000);
    let mut host = Host::begin(keys, &challenge, &answer).ok()?;
    (transmit(card, &host.authenticate(0x33)).1 == 0x9000).then_some(host)
}

#[test]
fn choosing_one_provider_touches_nothing_of_the_other() {
    let mut wallet = Wallet::new(71);
    for index in [0, 1, 0, 1, 1, 0] {
        let (own, other) = ([1, 2][index], [2, 1][index]);
        let before = wallet.objects();
        let passed = wallet.buy(index);
        let after = wallet.objects();
        assert_eq!(of_record(&after, other), of_record(&before, other), "record {other}");
        assert!(of_record(&before, other).len() > 2, "there is something to be left alone");
        let entry = wallet.card.journal().unwrap()[0];
        assert_eq!((entry.provider.number(), entry.step), (own, Step::Posted));
        // Nothing of the other's record passes, in any form.
        let account = Canary::bytes("the other's account", wallet.accounts[1 - index].number.as_bytes());
        let identification = Canary::bytes("the other provider", wallet.issuers[1 - index].id.as_bytes());
        let secret = Canary::bytes("the other's secret", wallet.accounts[1 - index].secret.as_bytes());
        let key = Canary::bytes("the other's root key", &wallet.issuers[1 - index].root.0[1..33]);
        for canary in [account, identification, secret, key] {
            assert_eq!(canary.find(&passed), None, "{}", canary.name);
            assert_eq!(canary.find(wallet.card.take_seen()), None, "{}", canary.name);
        }
    }
    let balance =
        |wallet: &Wallet, index: usize| wallet.issuers[index].balance(wallet.accounts[index].account).unwrap();
    let paid = 3 * i64::try_from(symbolon_tests::company::AMOUNT).unwrap();
    assert_eq!([0, 1].map(|index| balance(&wallet, index)), [i64::try_from(OPENING).unwrap() - paid; 2]);
}

/// Each record keeps its own condition: the PIN opens the one, and the other needs none.
#[test]
fn each_record_has_its_own_condition_instrument_and_descriptor() {
    let mut wallet = Wallet::new(72);
    let listed = block_on(wallet.card.card.accounts()).unwrap();
    let instruments: Vec<_> = listed.iter().map(|account| account.instrument).collect();
    assert_eq!(instruments, [Instrument::Debit, Instrument::Loyalty]);
    let descriptors = [0, 1].map(|index: usize| wallet.issuers[index].descriptor().to_vec());
    wallet.card.slot().power_off();
    wallet.card.slot().power_on().unwrap();
    block_on(wallet.card.card.select()).unwrap();
    assert_eq!(status(&wallet.card.prepare(1, &descriptors[0])), Some(Status::SECURITY_NOT_SATISFIED));
    wallet.card.prepare(2, &descriptors[1]).unwrap();
    wallet.card.wake().unwrap();
    for (number, own, other) in [(1, 0, 1), (2, 1, 0)] {
        assert_eq!(status(&wallet.card.prepare(number, &descriptors[other])), Some(Status::SECURITY_NOT_SATISFIED));
        wallet.card.prepare(number, &descriptors[own]).unwrap();
    }
}

/// The dishonest provider's descriptor says that it is the other; its root key signs whatever it likes.
#[test]
fn a_provider_cannot_pass_for_another() {
    let mut wallet = Wallet::new(73);
    let victim = Descriptor::read_unverified(wallet.issuers[0].descriptor()).unwrap();
    let scalar = Secret::from([0x35; 32]);
    let own = RustCrypto::signing_key(&scalar).unwrap();
    let own_public: PublicKey = RustCrypto::verification_key(&own);
    for descriptor in [
        victim,
        Descriptor { version: victim.version + 1, ..victim },
        Descriptor { version: 9, encryption: own_public, verification: own_public, ..victim },
    ] {
        let signed = sign_descriptor::<RustCrypto>(&descriptor, &own, &[]);
        assert_eq!(status(&wallet.card.prepare(1, &signed)), Some(Status::SECURITY_NOT_SATISFIED));
    }
    // The other's real descriptor under its own record, and a session's answers under the other's.
    let other = wallet.issuers[1].descriptor().to_vec();
    assert_eq!(status(&wallet.card.prepare(1, &other)), Some(Status::SECURITY_NOT_SATISFIED));
    wallet.card.prepare(1, wallet.issuers[0].descriptor()).unwrap();
    let parts = said(Kind::KeyExchangeRequest, &[Choice::PLAIN], &[]);
    let leaf = wallet.card.combine(&parts[0], &[]).unwrap();
    assert!(wallet.issuers[1].ask(&leaf.message).is_err(), "the request is sealed to the one that was chosen");
    let response = wallet.issuers[0].ask(&leaf.message).unwrap();
    let own = leaf.separate(&response, "above").unwrap().own;
    wallet.card.receive(Kind::KeyExchangeResponse, &own).unwrap();
}

/// With the keys of its own domain a provider changes its own record, and nothing beside it.
#[test]
fn a_provider_in_its_own_domain_reaches_nothing_of_the_other() {
    let mut wallet = Wallet::new(74);
    wallet.buy(0);
    wallet.buy(1);
    assert!(enter(&wallet.card, 1, &DOMAIN_KEYS[1]).is_none(), "its keys do not open the other's domain");
    let before = wallet.objects();
    let mut host = enter(&wallet.card, 2, &DOMAIN_KEYS[1]).unwrap();
    let mut heard = Vec::new();
    let mut tell = |header: [u8; 4], data: &[u8]| {
        let command = host.wrap(header, data);
        let mut response = wallet.card.slot().transmit(&command).unwrap();
        let (data, status) = host.unwrap(&response).unwrap();
        response.extend(data.clone());
        heard.extend([response, data]);
        status
    };
    let name = |number: u8| [&[0x4F, 0x0B][..], b"\xF0SYMBOLON\x02", &[number]].concat();
    let generate = |number: u8| vec![0xB6, 0x03, 0x84, 0x01, number];
    let rename: &[u8] = &[0xA4, 0x05, 0x82, 0x03, b'N', b'e', b'w'];
    let refused: Vec<([u8; 4], Vec<u8>)> = vec![
        ([0x80, 0xE4, 0x00, 0x00], name(1)),
        ([0x80, 0xE4, 0x00, 0x00], name(2)),
        ([0x80, 0xF0, 0x40, 0x80], name(1)[2..].to_vec()),
        ([0x00, 0x47, 0x80, 0x00], generate(1)),
        ([0x80, 0xF0, 0x80, 0x7F], Vec::new()),
        ([0x80, 0x10, 0x01, 0x00], Vec::new()),
        ([0x80, 0x1A, 0x10, 0x00], Vec::new()),
        ([0x80, 0x14, 0x01, 0x00], vec![0x80, 1, 0, 0x81, 1, 0, 0x82, 1, 0]),
        ([0x00, 0xB0, 0x81, 0x00], Vec::new()),
    ];
    for (header, data) in &refused {
        let status = tell(*header, data);
        assert!(status >> 8 == 0x69 || status >> 8 == 0x6A || status >> 8 == 0x6D, "{header:02X?}: {status:04X}");
    }
    for (header, data) in [([0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00][..]), ([0x80, 0xCA, 0x00, 0xE0], &[])] {
        tell(header, data);
    }
    assert_eq!(tell([0x80, 0xE2, 0x90, 0x00], rename), 0x9000);
    assert_eq!(tell([0x00, 0x47, 0x80, 0x00], &generate(2)), 0x9000);

    let after = wallet.objects();
    assert_eq!(of_record(&after, 1), of_record(&before, 1));
    assert_ne!(of_record(&after, 2), of_record(&before, 2), "its own it changes");
    let canaries = [
        Canary::bytes("account", wallet.accounts[0].number.as_bytes()),
        Canary::bytes("secret", wallet.accounts[0].secret.as_bytes()),
        Canary::bytes("provider", wallet.issuers[0].id.as_bytes()),
        Canary::bytes("PIN", PIN),
    ];
    for canary in &canaries {
        assert_eq!(canary.find(&heard), None, "{}", canary.name);
    }
    assert!(heard.iter().any(|answer| contains(answer, b"\xF0SYMBOLON\x02\x02")), "the search finds what is there");

    // The first record works as before.
    wallet.card.wake().unwrap();
    wallet.buy(0);
}

/// The journal shows each provider's transactions to whoever meets that record's condition.
#[test]
fn a_session_with_one_provider_ends_nothing_of_the_others() {
    let mut wallet = Wallet::new(75);
    wallet.card.prepare(1, wallet.issuers[0].descriptor()).unwrap();
    let parts = said(Kind::KeyExchangeRequest, &[Choice::PLAIN], &[]);
    let asked = up(std::slice::from_mut(&mut wallet.card), &PAIR[..1], &parts, &mut Wires::new(1)).unwrap();
    let response = wallet.issuers[0].ask(&asked.message).unwrap();
    // The second provider changes its record meanwhile, from its own domain.
    let own = asked.down(&PAIR[..1], response, &mut Wires::new(1)).remove(0).unwrap();
    let shown = wallet.card.receive(Kind::KeyExchangeResponse, &own).unwrap();
    assert!(KeyExchangeAnswer::parse(&shown).unwrap().refused.is_none());
    wallet.buy(1);
    wallet.buy(0);
    let steps: Vec<_> =
        wallet.card.journal().unwrap().iter().map(|entry| (entry.provider.number(), entry.step)).collect();
    assert_eq!(steps, [(1, Step::Posted), (2, Step::Posted)]);
}
