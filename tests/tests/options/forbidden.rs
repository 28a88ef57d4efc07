//! Every combination of options that is not permitted, refused by the card and by the provider.

use apdu_spec::instruction::Build;
use apdu_spec::transaction::{FreshKey, KeyExchangeInput};
use apdu_spec::{Status, Writer};
use futures_executor::block_on;
use host_terminal::card::CardError;
use protocol::limits::PEER_KEYS_MAX;
use protocol::message::descriptor::Descriptor;
use protocol::message::request::Tree;
use protocol::types::{Options, ReasonCode};
use rand::SeedableRng;
use rand::rngs::StdRng;
use symbolon_tests::by_hand::{ByHand, Keys};
use symbolon_tests::issuer::Issuer;
use symbolon_tests::seat::status;

use symbolon_tests::company::Company;

/// Bits that mean nothing, and what nobody can reveal that hides nothing.
fn is_permitted(bits: u8) -> bool {
    let (hidden, reveals) = (bits & 0x01 != 0, bits & 0x20 != 0);
    bits & 0xC0 == 0 && (hidden || !reveals)
}

/// Where a member of these options has to put its keys.
fn place(bits: u8) -> Keys {
    if bits & 0x01 == 0 { Keys::Outside } else { Keys::Inside }
}

#[test]
fn a_card_builds_no_forbidden_combination_and_goes_on() {
    let mut group = Company::new(1, 31);
    group.seats[0].prepare(1, group.issuer.descriptor()).unwrap();
    let mut refused = 0;
    let mut build = |options: u8, change: fn(&mut [u8])| {
        let mut space = [0; 64];
        let mut out = Writer::new(&mut space);
        let input = KeyExchangeInput {
            options,
            fresh_key: FreshKey::No,
            prove_account: false,
            plain_text: &[],
            sensitive: &[],
        };
        input.encode(&mut out).unwrap();
        change(out.written_mut());
        let input = out.written().to_vec();
        block_on(group.seats[0].card.send("BUILD", &Build { kind: 1, input: &input }))
    };
    for bits in (0..=u8::MAX).filter(|bits| !is_permitted(*bits)) {
        assert_eq!(status(&build(bits, |_| {})), Some(Status::WRONG_DATA), "{bits:#04x}");
        refused += 1;
    }
    // No such kind of key, and no such answer to whether the account is to be proved.
    assert_eq!(status(&build(0, |input| input[5] = 3)), Some(Status::WRONG_DATA));
    assert_eq!(status(&build(0, |input| input[8] = 2)), Some(Status::WRONG_DATA));
    println!("{refused} forbidden bytes of options");
    assert_eq!(refused, 256 - 48);
    assert!(build(0x3f, |_| {}).is_ok(), "the session waits for a combination that is permitted");
    let again: Result<_, CardError> = build(0, |_| {});
    assert_eq!(status(&again), Some(Status::CONDITIONS_NOT_SATISFIED), "there is one key exchange a session");
}

/// A provider, and members that are no cards.
struct Provider {
    issuer: Issuer,
    descriptor: Descriptor,
    random: StdRng,
}

impl Provider {
    fn new(seed: u64) -> Self {
        let issuer = Issuer::new(seed, service_provider::engine::Policy::default()).unwrap();
        let descriptor = Descriptor::read_unverified(issuer.descriptor()).unwrap();
        Self { issuer, descriptor, random: StdRng::seed_from_u64(seed) }
    }

    fn member(&mut self, number: usize) -> ByHand {
        let member = ByHand::new(&mut self.random);
        let enrolled = self.issuer.enrol(&format!("MEMBER{number}"), "Member", 0).unwrap();
        self.issuer.register(enrolled.account, member.verification().unwrap()).unwrap();
        member
    }

    /// What the members are told, the first of whom combines the others.
    fn told(&mut self, members: &[ByHand], options: &[u8]) -> Vec<Option<ReasonCode>> {
        let said = members.iter().zip(options).skip(1).map(|(member, options)| {
            member.key_exchange(&self.descriptor, *options, place(*options), &[], &mut self.random).unwrap()
        });
        let said: Vec<Vec<u8>> = said.collect();
        let trees: Vec<Tree<'_>> = said.iter().map(|message| Tree::parse(message).unwrap()).collect();
        let root = &members[0];
        let place = place(options[0]);
        let request = root.key_exchange(&self.descriptor, options[0], place, &trees, &mut self.random).unwrap();
        let response = self.issuer.ask(&request).unwrap();
        let told = (0..).zip(members).map(|(number, member)| member.open(&self.descriptor, &response, number));
        told.map(|session| session.unwrap().refused).collect()
    }
}

#[test]
fn a_provider_refuses_every_forbidden_combination_with_its_code() {
    let mut provider = Provider::new(32);
    let members = [provider.member(0), provider.member(1)];
    for bits in 0..=u8::MAX {
        let alone = provider.told(&members[..1], &[bits]);
        let expected = (!is_permitted(bits)).then_some(ReasonCode::OPTIONS);
        assert_eq!(alone, [expected], "{bits:#04x}");
        // Beside another, who is told that somebody did not agree.
        let shared = bits & Options::SHARED_KEY.bits();
        let both = provider.told(&members, &[shared, bits]);
        assert_eq!(both, [expected.map(|_| ReasonCode::DISAGREEMENT), expected], "{bits:#04x}");
    }
}

#[test]
fn a_shared_key_is_refused_unless_all_ask_for_it() {
    let mut provider = Provider::new(33);
    let members: Vec<ByHand> = (0..3).map(|number| provider.member(number)).collect();
    let shared = Options::SHARED_KEY.bits();
    for asks in 0..8_u8 {
        let options = [0, 1, 2].map(|member| if asks & 1 << member == 0 { 0 } else { shared });
        let expected = (asks != 0 && asks != 7).then_some(ReasonCode::OPTIONS);
        assert_eq!(provider.told(&members, &options), [expected; 3], "{options:?}");
    }
}

#[test]
fn peers_keys_are_refused_where_there_are_more_than_sixteen() {
    let mut provider = Provider::new(34);
    let members: Vec<ByHand> = (0..=PEER_KEYS_MAX).map(|number| provider.member(number)).collect();
    let mut options = vec![0; members.len()];
    options[3] = Options::PEER_KEYS.bits();
    assert_eq!(provider.told(&members[..PEER_KEYS_MAX], &options), [None; PEER_KEYS_MAX]);
    let mut expected = vec![Some(ReasonCode::DISAGREEMENT); members.len()];
    expected[3] = Some(ReasonCode::OPTIONS);
    assert_eq!(provider.told(&members, &options), expected);
    options[3] = 0;
    assert_eq!(provider.told(&members, &options), vec![None; members.len()], "without the keys there may be more");
}

/// A key belongs where the options say, and nowhere else: what contradicts itself gets no signed word.
#[test]
fn keys_in_the_wrong_place_get_the_uniform_refusal() {
    let mut provider = Provider::new(35);
    let member = provider.member(0);
    for bits in [0x00, 0x01] {
        for keys in [Keys::Outside, Keys::Inside, Keys::Both, Keys::Nowhere] {
            let random = &mut provider.random;
            let request = member.key_exchange(&provider.descriptor, bits, keys, &[], random).unwrap();
            let answer = provider.issuer.ask(&request);
            assert_eq!(answer.is_ok(), keys == place(bits), "{bits:#04x} {keys:?}");
        }
    }
}
