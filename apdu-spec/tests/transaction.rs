//! What the transaction application's commands carry: encoded, parsed, cut, lengthened and bent.

use apdu_spec::instruction::{Sign, Wire};
use apdu_spec::transaction::{
    AcknowledgmentInput, CHILDREN_MAX, Child, Children, Decision, Ending, FinalAnswer, FreshKey, KeyExchangeAnswer,
    KeyExchangeInput, Numbers, Outcome, Party, PeerKey, Reason, TransactionAnswer, TransactionInput,
};
use apdu_spec::{Command, Full, Malformed, ParseError, Writer};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// The bytes that `encode` writes.
fn bytes(encode: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut space = [0; 8192];
    let mut out = Writer::new(&mut space);
    assert_eq!(encode(&mut out), Ok(()));
    out.written().to_vec()
}

/// What the bytes mean, encoded once more; nothing if they mean nothing.
fn again(kind: Object, bytes_in: &[u8]) -> Option<Vec<u8>> {
    Some(match kind {
        Object::KeyExchangeInput => {
            let value = KeyExchangeInput::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
        Object::TransactionInput => {
            let value = TransactionInput::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
        Object::AcknowledgmentInput => {
            let value = AcknowledgmentInput::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
        Object::Children => {
            let children = Children::parse(bytes_in).ok()?;
            bytes(|out| children.clone().try_for_each(|child| child.encode(out)))
        }
        Object::KeyExchangeAnswer => {
            let value = KeyExchangeAnswer::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
        Object::TransactionAnswer => {
            let value = TransactionAnswer::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
        Object::FinalAnswer => {
            let value = FinalAnswer::parse(bytes_in).ok()?;
            bytes(|out| value.encode(out))
        }
    })
}

#[derive(Clone, Copy, Debug)]
enum Object {
    KeyExchangeInput,
    TransactionInput,
    AcknowledgmentInput,
    Children,
    KeyExchangeAnswer,
    TransactionAnswer,
    FinalAnswer,
}

const OBJECTS: [Object; 7] = [
    Object::KeyExchangeInput,
    Object::TransactionInput,
    Object::AcknowledgmentInput,
    Object::Children,
    Object::KeyExchangeAnswer,
    Object::TransactionAnswer,
    Object::FinalAnswer,
];

/// One of every object, with every field in it.
fn full(kind: Object) -> Vec<u8> {
    let parties = [Party { number: 0, name: "Bäckerei" }, Party { number: 300, name: "Ada" }];
    let reason = Reason { code: 5, line: "The account does not hold the money." };
    bytes(|out| match kind {
        Object::KeyExchangeInput => KeyExchangeInput {
            options: 0x3F,
            fresh_key: FreshKey::Endorsed,
            prove_account: true,
            plain_text: b"plain",
            sensitive: b"sensitive",
        }
        .encode(out),
        Object::TransactionInput => TransactionInput {
            kind: 2,
            role: 1,
            amount: u64::MAX,
            currency: *b"EUR",
            counterparties: [1, 256].into_iter(),
            reference: Some(&[7; 16]),
            plain_text: b"plain",
            sensitive: b"sensitive",
        }
        .encode(out),
        Object::AcknowledgmentInput => AcknowledgmentInput {
            decision: Decision::Reject,
            plain_text: b"plain",
            data: b"data",
            sensitive: b"sensitive",
        }
        .encode(out),
        Object::Children => {
            Child { digest: &[1; 32], signature: &[2; 64] }.encode(out)?;
            Child { digest: &[3; 32], signature: &[4; 80] }.encode(out)
        }
        Object::KeyExchangeAnswer => KeyExchangeAnswer {
            transaction: &[9; 16],
            number: 1,
            count: 301,
            refused: Some(reason),
            parties: parties.into_iter(),
            peers: [PeerKey { number: 0, key: [4; 65] }].into_iter(),
            plain_text: b"plain",
        }
        .encode(out),
        Object::TransactionAnswer => TransactionAnswer {
            outcome: Outcome::Declined(reason),
            amount: 1250,
            currency: *b"EUR",
            parties: parties.into_iter(),
            plain_text: b"plain",
            receipt: "receipt",
        }
        .encode(out),
        Object::FinalAnswer => {
            FinalAnswer { ending: Ending::Released, plain_text: b"plain", receipt: "receipt" }.encode(out)
        }
    })
}

#[test]
fn the_bytes_are_those_of_the_manual() {
    let input = KeyExchangeInput {
        options: 0x11,
        fresh_key: FreshKey::No,
        prove_account: true,
        plain_text: b"",
        sensitive: b"s",
    };
    assert_eq!(bytes(|out| input.encode(out)), *b"\x80\x01\x11\x81\x01\x00\x82\x01\x01\x84\x01s");
    let notice = FinalAnswer { ending: Ending::Posted, plain_text: b"", receipt: "ok" };
    assert_eq!(bytes(|out| notice.encode(out)), *b"\x80\x01\x00\x87\x02ok");
    let answer = TransactionAnswer {
        outcome: Outcome::Declined(Reason { code: 0x0102, line: "no" }),
        amount: 0x1234,
        currency: *b"CHF",
        parties: [Party { number: 1, name: "B" }].into_iter(),
        plain_text: b"",
        receipt: "",
    };
    let expected: &[u8] = b"\x80\x01\x01\xA1\x08\x80\x02\x01\x02\x81\x02no\x82\x08\0\0\0\0\0\0\x12\x34\x83\x03CHF\
        \xA4\x07\x80\x02\0\x01\x81\x01B";
    assert_eq!(bytes(|out| answer.encode(out)), expected);
}

#[test]
fn every_object_is_read_as_it_was_written_and_not_with_one_byte_more() {
    for kind in OBJECTS {
        let whole = full(kind);
        assert_eq!(again(kind, &whole).as_ref(), Some(&whole), "{kind:?}");
        assert_eq!(again(kind, &[whole.as_slice(), &[0]].concat()), None, "{kind:?}");
    }
}

#[test]
fn a_cut_object_is_refused_unless_only_what_may_be_left_out_is_missing() {
    for kind in OBJECTS {
        let whole = full(kind);
        let least = match kind {
            Object::KeyExchangeInput => 9,
            Object::TransactionInput => 27,
            Object::AcknowledgmentInput | Object::FinalAnswer => 3,
            Object::Children => 0,
            Object::KeyExchangeAnswer => 26,
            Object::TransactionAnswer => 62,
        };
        for length in 0..whole.len() {
            let cut = &whole[..length];
            let meaning = again(kind, cut);
            assert!(meaning.is_none() || length >= least, "{kind:?} {length}");
            assert!(meaning.is_none_or(|meaning| meaning == cut), "{kind:?} {length}");
        }
        assert!(again(kind, &whole[..least]).is_some(), "{kind:?}");
    }
}

#[test]
fn values_without_a_meaning_are_refused() {
    assert_eq!(Numbers::parse(&[0, 1, 0, 1]), Err(ParseError::Invalid), "the same twice");
    assert_eq!(Numbers::parse(&[0, 1, 0]), Err(ParseError::Invalid), "half a number");
    assert_eq!(Numbers::parse(&(0..17).flat_map(u16::to_be_bytes).collect::<Vec<_>>()), Err(ParseError::Invalid));
    assert!(KeyExchangeInput::parse(b"\x80\x01\x11\x81\x01\x03\x82\x01\x01").is_err(), "fresh key");
    assert!(KeyExchangeInput::parse(b"\x80\x01\x11\x81\x01\x00\x82\x01\x02").is_err(), "prove account");
    assert!(KeyExchangeInput::parse(b"\x80\x01\x11\x81\x01\x00\x82\x01\x01\x83\x00").is_err(), "empty text");
    assert!(AcknowledgmentInput::parse(b"\x80\x01\x02").is_err(), "decision");
    assert!(FinalAnswer::parse(b"\x80\x01\x02").is_err(), "ending");
    assert!(FinalAnswer::parse(b"\x80\x01\x00\x87\x01\xFF").is_err(), "not UTF-8");
    assert!(Children::parse(&[0; 97]).is_err(), "a signature of no known length");
}

#[test]
fn sign_says_how_many_children_there_are() {
    for (last, count) in [(false, 0), (true, 3), (true, CHILDREN_MAX)] {
        let sign = Sign { last, count, children: b"children" };
        let encoded = bytes(|out| sign.encode(out));
        assert_eq!(encoded[2..4], [u8::from(last) << 7, count]);
        assert_eq!(Sign::parse(&Command::parse(&encoded).unwrap()), Ok(sign));
    }
    let over = bytes(|out| Sign { last: true, count: CHILDREN_MAX + 1, children: b"" }.encode(out));
    assert_eq!(Sign::parse(&Command::parse(&over).unwrap()), Err(Malformed::Parameters));
}

fn blob() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

fn reason() -> impl Strategy<Value = (u16, String)> {
    (any::<u16>(), ".{0,60}")
}

fn outcome(byte: u8, reason: &(u16, String)) -> Outcome<'_> {
    match byte {
        0 => Outcome::Approved,
        1 => Outcome::Declined(Reason { code: reason.0, line: &reason.1 }),
        2 => Outcome::Stands(None),
        3 => Outcome::Stands(Some(Ending::Posted)),
        _ => Outcome::Stands(Some(Ending::Released)),
    }
}

proptest! {
    #[test]
    fn inputs_come_through(
        (options, fresh, prove, decision) in (any::<u8>(), 0..3_usize, any::<bool>(), any::<bool>()),
        (plain_text, sensitive, data) in (blob(), blob(), blob()),
        (kind, role, amount, currency) in (any::<u8>(), any::<u8>(), any::<u64>(), any::<[u8; 3]>()),
        (numbers, reference) in (btree_set(any::<u16>(), 0..=16), any::<Option<[u8; 16]>>()),
    ) {
        let fresh_key = [FreshKey::No, FreshKey::Unendorsed, FreshKey::Endorsed][fresh];
        let (plain_text, sensitive) = (plain_text.as_slice(), sensitive.as_slice());
        let input = KeyExchangeInput { options, fresh_key, prove_account: prove, plain_text, sensitive };
        let encoded = bytes(|out| input.encode(out));
        prop_assert_eq!(KeyExchangeInput::parse(&encoded), Ok(input));

        let decision = if decision { Decision::Accept } else { Decision::Reject };
        let input = AcknowledgmentInput { decision, plain_text, data: &data, sensitive };
        let encoded = bytes(|out| input.encode(out));
        prop_assert_eq!(AcknowledgmentInput::parse(&encoded), Ok(input));

        let counterparties = numbers.iter().copied();
        let reference = reference.as_ref();
        let input = TransactionInput { kind, role, amount, currency, counterparties, reference, plain_text, sensitive };
        let encoded = bytes(|out| input.encode(out));
        let parsed = TransactionInput::parse(&encoded).unwrap();
        prop_assert!(parsed.counterparties.clone().eq(numbers.iter().copied()));
        prop_assert_eq!((parsed.kind, parsed.role, parsed.amount, parsed.currency), (kind, role, amount, currency));
        prop_assert_eq!((parsed.reference, parsed.plain_text, parsed.sensitive), (reference, plain_text, sensitive));
    }

    #[test]
    fn answers_come_through(
        (transaction, number, count) in (any::<[u8; 16]>(), any::<u16>(), any::<u16>()),
        (refused, reason) in (any::<bool>(), reason()),
        names in btree_map(any::<u16>(), ".{0,12}", 0..16),
        keys in btree_map(any::<u16>(), any::<u8>(), 0..16),
        (plain_text, receipt) in (blob(), ".{0,60}"),
        (decided, amount, currency) in (0..5_u8, any::<u64>(), any::<[u8; 3]>()),
    ) {
        let parties = names.iter().map(|(number, name)| Party { number: *number, name });
        let peers = keys.iter().map(|(number, byte)| PeerKey { number: *number, key: [*byte; 65] });
        let refused = refused.then_some(Reason { code: reason.0, line: &reason.1 });
        let plain_text = plain_text.as_slice();
        let answer = KeyExchangeAnswer {
            transaction: &transaction,
            number,
            count,
            refused,
            parties: parties.clone(),
            peers: peers.clone(),
            plain_text,
        };
        let encoded = bytes(|out| answer.encode(out));
        let parsed = KeyExchangeAnswer::parse(&encoded).unwrap();
        prop_assert_eq!((*parsed.transaction, parsed.number, parsed.count), (transaction, number, count));
        prop_assert_eq!((parsed.refused, parsed.plain_text), (refused, plain_text));
        prop_assert!(parsed.parties.eq(parties.clone()) && parsed.peers.eq(peers));

        let outcome = outcome(decided, &reason);
        let answer = TransactionAnswer {
            outcome,
            amount,
            currency,
            parties: parties.clone(),
            plain_text,
            receipt: &receipt,
        };
        let encoded = bytes(|out| answer.encode(out));
        let parsed = TransactionAnswer::parse(&encoded).unwrap();
        prop_assert_eq!((parsed.outcome, parsed.amount, parsed.currency), (outcome, amount, currency));
        prop_assert_eq!((parsed.plain_text, parsed.receipt), (plain_text, receipt.as_str()));
        prop_assert!(parsed.parties.eq(parties));

        let ending = if decided == 0 { Ending::Posted } else { Ending::Released };
        let answer = FinalAnswer { ending, plain_text, receipt: &receipt };
        let encoded = bytes(|out| answer.encode(out));
        prop_assert_eq!(FinalAnswer::parse(&encoded), Ok(answer));
    }

    #[test]
    fn bent_bytes_are_refused_or_mean_one_thing(
        object in 0..OBJECTS.len(),
        place in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let kind = OBJECTS[object];
        let mut bent = full(kind);
        let place = place.index(bent.len());
        bent[place] = byte;
        if let Some(meaning) = again(kind, &bent) {
            prop_assert_eq!(again(kind, &meaning), Some(meaning.clone()));
        }
    }

    #[test]
    fn junk_does_no_harm(object in 0..OBJECTS.len(), junk in vec(any::<u8>(), 0..400)) {
        if let Some(meaning) = again(OBJECTS[object], &junk) {
            prop_assert_eq!(again(OBJECTS[object], &meaning), Some(meaning.clone()));
        }
    }
}
