//! A key that the group shares: its members can read what is meant for the group and nothing else. Seen with the eyes
//! of a member that is no card and keeps every secret it is given.

use protocol::crypto::{RustCrypto, Secret, random_scalar};
use protocol::limits::{CARD_MESSAGE_MAX, OPENED_MAX};
use protocol::member::{Account, FreshKey, KeyExchange, Unsigned};
use protocol::message::acknowledgment::{self, Decision};
use protocol::message::descriptor::Descriptor;
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::message::transaction::{self, Terms};
use protocol::message::{Kind, final_notice};
use protocol::types::{Currency, Options, Role, TransactionKind};
use rand::SeedableRng;
use rand::rngs::StdRng;
use symbolon_tests::by_hand::{ByHand, Recorder, Session, open_field};
use symbolon_tests::canary::contains;
use symbolon_tests::issuer::Enrolled;

use symbolon_tests::company::{AMOUNT, Choice, Company, account, said, words};

/// Fields as section 6.5 of the specification numbers them.
const CRYPTOGRAM_3: u8 = 1;
const TERMS: u8 = 2;
const PRIVATE: u8 = 3;
const DISPLAY: u8 = 4;
const DATA: u8 = 5;
const RECEIPT: u8 = 7;

const OWN_ACCOUNT: &str = "5551234567890";

/// A member that is no card, below one with a card; it keeps what it is given.
pub(crate) struct Insider {
    pub(crate) group: Company,
    enrolled: Enrolled,
    by_hand: ByHand,
    random: StdRng,
}

/// What passed, and what the insider knows.
pub(crate) struct Seen {
    pub(crate) session: Session,
    pub(crate) messages: Vec<Vec<u8>>,
}

/// A sealed field of a member's.
struct Sealed {
    kind: Kind,
    field: u8,
    outer: Vec<u8>,
    sealed: Vec<u8>,
}

impl Insider {
    pub(crate) fn new(seed: u64) -> Self {
        let mut group = Company::new(1, seed);
        let mut random = StdRng::seed_from_u64(seed);
        let enrolled = group.issuer.enrol(OWN_ACCOUNT, "Insider", symbolon_tests::company::OPENING).unwrap();
        let by_hand = ByHand { signing: random_scalar::<RustCrypto>(&mut random), ..ByHand::new(&mut random) };
        group.issuer.register(enrolled.account, by_hand.verification().unwrap()).unwrap();
        Self { group, enrolled, by_hand, random }
    }

    /// A purchase from the card, to the end.
    pub(crate) fn buy(&mut self, options: Options) -> Seen {
        let descriptor = Descriptor::read_unverified(self.group.issuer.descriptor()).unwrap();
        self.group.seats[0].prepare(1, self.group.issuer.descriptor()).unwrap();
        let verification = self.by_hand.verification().unwrap();
        let exchange = KeyExchange {
            descriptor: &descriptor,
            signing: &self.by_hand.signing.clone(),
            verification: &verification,
            fresh_key: FreshKey::No,
            options,
            account: None,
            plain_text: &[],
            sensitive: &[],
        };
        let mut random = Recorder::new(self.random.clone());
        let mut own = vec![0; CARD_MESSAGE_MAX];
        let (length, unsigned) = exchange.request::<RustCrypto>(&mut random, &mut own).unwrap();
        self.by_hand.encryption = drawn(&random.draws[0]);
        self.by_hand.challenge = *drawn(&random.draws[1]).as_bytes();
        let (sent, first) = sign(Kind::KeyExchangeRequest, &own[..length], unsigned, &mut self.random);
        let [request, response] = self.pass(&first, Kind::KeyExchangeRequest, options);
        let session = self.by_hand.open(&descriptor, &response, 1).unwrap();

        let mut scratch = vec![0; OPENED_MAX];
        let part = Batch::parse(&response).unwrap().slice(1..2).encode();
        let established = sent.receive::<RustCrypto>(&part, &mut scratch).unwrap().1.unwrap();
        let terms = Terms {
            kind: TransactionKind::PURCHASE,
            role: Role::PAYER,
            amount: AMOUNT,
            currency: Currency(*b"EUR"),
            counterparties: [0].into_iter().collect(),
            reference: None,
        };
        let account = Account { information: OWN_ACCOUNT.as_bytes(), secret: &self.enrolled.secret };
        let (length, unsigned) = established.request(&terms, account, &[], &[], &mut own).unwrap();
        let (sent, second) = sign(Kind::TransactionRequest, &own[..length], unsigned, &mut self.random);
        let [second_request, second_response] = self.pass(&second, Kind::TransactionRequest, options);

        let part = Batch::parse(&second_response).unwrap().slice(1..2).encode();
        let decided = sent.receive::<RustCrypto>(&part, &mut scratch).unwrap().1.unwrap();
        let (length, unsigned) = decided.acknowledge(Decision::Accept, &[], &[], &[], &mut own).unwrap();
        let (_, third) = sign(Kind::Acknowledgment, &own[..length], unsigned, &mut self.random);
        let [third_request, third_response] = self.pass(&third, Kind::Acknowledgment, options);
        let messages = vec![request, response, second_request, second_response, third_request, third_response];
        Seen { session, messages }
    }

    /// The card above combines the insider's message; gives request and response.
    fn pass(&mut self, message: &[u8], kind: Kind, options: Options) -> [Vec<u8>; 2] {
        let above = Choice { options: Options::none().with(shared(options)), ..Choice::PLAIN };
        let parts = said(kind, &[above, Choice::PLAIN], &[Role::PAYEE, Role::PAYER]);
        let seat = &mut self.group.seats[0];
        let combined = seat.combine(&parts[0], &[message]).unwrap();
        let response = self.group.issuer.ask(&combined.message).unwrap();
        let separated = combined.separate(&response, "above").unwrap();
        seat.receive(kind.answer().unwrap(), &separated.own).unwrap();
        [combined.message, response]
    }
}

fn shared(options: Options) -> Options {
    if options.has(Options::SHARED_KEY) { Options::SHARED_KEY } else { Options::none() }
}

fn drawn(bytes: &[u8]) -> Secret<32> {
    Secret::from(<[u8; 32]>::try_from(bytes).unwrap())
}

fn sign<Next>(
    kind: Kind,
    own: &[u8],
    unsigned: Unsigned<RustCrypto, Next>,
    random: &mut StdRng,
) -> (protocol::member::Awaiting<Next>, Vec<u8>) {
    let mut signature = [0; 80];
    let (length, sent) = unsigned.combine(0).unwrap().sign(random, &mut signature).unwrap();
    (sent, Tree::combine(kind, own, &signature[..length], &[]).unwrap().encode())
}

/// The sealed fields of a member: those for the group, and those for the provider or the member alone.
fn fields(messages: &[Vec<u8>], member: usize) -> [Vec<Sealed>; 2] {
    let seal = |kind, field, outer: &[u8], sealed: &[u8]| Sealed {
        kind,
        field,
        outer: outer.to_vec(),
        sealed: sealed.to_vec(),
    };
    let own = |message: &[u8]| Tree::parse(message).unwrap().nodes()[member].own.to_vec();
    let item = |message: &[u8]| Batch::parse(message).unwrap().parts[member].item.to_vec();
    let (request, response) = (own(&messages[2]), item(&messages[3]));
    let (acknowledgment, notice) = (own(&messages[4]), item(&messages[5]));
    let request = transaction::Request::parse(&request).unwrap();
    let response = transaction::Response::parse(&response).unwrap();
    let acknowledgment = acknowledgment::Acknowledgment::parse(&acknowledgment).unwrap();
    let notice = final_notice::FinalNotice::parse(&notice).unwrap();
    [
        vec![
            seal(Kind::TransactionRequest, TERMS, request.outer_bytes, request.terms),
            seal(Kind::TransactionResponse, DISPLAY, response.outer_bytes, response.seals.display),
            seal(Kind::Acknowledgment, DATA, acknowledgment.outer_bytes, acknowledgment.seals.data),
        ],
        vec![
            seal(Kind::TransactionRequest, CRYPTOGRAM_3, request.outer_bytes, request.cryptogram_3),
            seal(Kind::TransactionRequest, PRIVATE, request.outer_bytes, request.private),
            seal(Kind::TransactionResponse, PRIVATE, response.outer_bytes, response.seals.private),
            seal(Kind::Acknowledgment, PRIVATE, acknowledgment.outer_bytes, acknowledgment.seals.sensitive),
            seal(Kind::FinalNotice, RECEIPT, notice.outer_bytes, notice.seals.receipt),
        ],
    ]
}

/// Every key that can be computed from what the insider knows.
fn all_keys(session: &Session) -> Vec<Secret<16>> {
    let kinds = [Kind::TransactionRequest, Kind::TransactionResponse, Kind::Acknowledgment, Kind::FinalNotice];
    let places = kinds.into_iter().flat_map(|kind| (0..=8).map(move |field| (kind, field)));
    let keys = places.flat_map(|(kind, field)| {
        let group = (0..3).filter_map(move |number| session.group_key(kind, field, number));
        group.chain(session.private_key_from_shared(kind, field)).chain([session.private_key(kind, field)])
    });
    keys.collect()
}

fn open(field: &Sealed, key: &Secret<16>) -> Option<Vec<u8>> {
    open_field(key, &field.outer, &field.sealed).ok()
}

#[test]
fn what_is_for_the_group_its_members_can_read_and_nothing_else() {
    let mut insider = Insider::new(21);
    for extra in [0, 1, 2, 4, 0x10, 0x31, 0x37] {
        let options = Options::from_bits(extra).unwrap().with(Options::SHARED_KEY);
        let seen = insider.buy(options);
        let [for_group, private] = fields(&seen.messages, 0);
        let read = |field: &Sealed| open(field, &seen.session.group_key(field.kind, field.field, 0).unwrap());
        let terms = Terms::parse(&read(&for_group[0]).unwrap()).unwrap();
        assert_eq!((terms.role, terms.amount), (Role::PAYEE, AMOUNT));
        let display = read(&for_group[1]).unwrap();
        assert_eq!(transaction::Display::parse(&display).unwrap().amount, AMOUNT);
        assert_eq!(read(&for_group[2]).unwrap(), words("Group", 5, 0));
        check_closed(&seen.session, &private);
        check_own(&seen);
    }
}

#[test]
fn without_a_shared_key_a_member_reads_nothing_of_another() {
    let mut insider = Insider::new(22);
    let seen = insider.buy(Options::none());
    let [for_group, private] = fields(&seen.messages, 0);
    check_closed(&seen.session, &for_group);
    check_closed(&seen.session, &private);
    check_own(&seen);
}

/// No key that the insider can compute opens these.
fn check_closed(session: &Session, fields: &[Sealed]) {
    let keys = all_keys(session);
    for field in fields {
        assert!(keys.iter().all(|key| open(field, key).is_none()), "kind {:?} field {}", field.kind, field.field);
    }
}

/// Its own fields it opens: the keys are computed right.
fn check_own(seen: &Seen) {
    let [_, private] = fields(&seen.messages, 1);
    for field in &private {
        open(field, &seen.session.private_key(field.kind, field.field)).unwrap();
    }
    let own = open(&private[1], &seen.session.private_key(Kind::TransactionRequest, PRIVATE)).unwrap();
    assert!(contains(&own, OWN_ACCOUNT.as_bytes()) && !contains(&own, account(0).as_bytes()));
}
