//! The three responses, read and checked as `PROTOCOL.md` says members do.

use serde_json::{Value, json};

use super::independent::{Case, Session};
use super::primitives::{Receiver, digest, extract, hmac, merkle_path, merkle_root, open, verify};
use super::reader::Reader;

/// What the members' parts of a response are read from.
struct Batch<'a> {
    items: Vec<&'a [u8]>,
    root: [u8; 32],
    computed: Value,
}

/// Section 5.4: proofs, root and signature.
fn batch<'a>(case: &Case, message: &'a [u8], kind: u8, group: &[u8], requests: &[[u8; 32]]) -> Batch<'a> {
    assert_eq!(message[..2], [1, kind]);
    let count = u16::try_from(requests.len()).unwrap().to_be_bytes();
    let mut reader = Reader::new(&message[2..]);
    assert_eq!(reader.array::<32>(), group);
    assert_eq!(reader.array::<32>(), requests[0]);
    assert_eq!(usize::from(reader.index()), requests.len());
    let signature = reader.array::<64>();
    assert_eq!(usize::from(reader.index()), requests.len());
    let (mut items, mut proofs, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
    for (number, request) in (0_u16..).zip(requests) {
        assert_eq!(reader.index(), number);
        let salt = reader.array::<16>();
        let item = reader.string();
        let proof = (0..reader.number()).map(|_| reader.array::<32>()).collect::<Vec<_>>();
        leaves.push(digest("batch leaf", &[&[kind], &number.to_be_bytes(), &count, request, &salt, item]));
        items.push(item);
        proofs.push(proof);
    }
    reader.end();
    for (number, proof) in proofs.iter().enumerate() {
        assert_eq!(*proof, merkle_path(number, &leaves));
    }
    let root = merkle_root(&leaves);
    let signed = digest("batch signature", &[&[1], &[kind], group, &requests[0], &count, &root]);
    verify(&case.verification, &signed, &signature);
    let computed = json!({
        "leaves": leaves.iter().map(hex::encode).collect::<Vec<_>>(),
        "root": hex::encode(root),
        "signed": hex::encode(signed),
    });
    Batch { items, root, computed }
}

/// Section 6.2 and 6.3: finds the group's identification, and finishes the sessions.
pub(crate) fn key_exchange(case: &Case, sessions: &mut [Session], message: &[u8]) -> Value {
    let requests: Vec<[u8; 32]> = sessions.iter().map(|session| session.request).collect();
    let commitments = sessions
        .iter()
        .zip(&case.members)
        .map(|(session, member)| digest("key commitment", &[&member.commitment_salt, &session.verification]));
    let commitments: Vec<[u8; 32]> = commitments.collect();
    let group = group(case, sessions, &commitments);
    let Batch { items, mut computed, .. } = batch(case, message, 2, &group, &requests);
    let members =
        sessions.iter_mut().zip(&case.members).zip(items).enumerate().map(|(number, ((session, member), item))| {
            session.number = number.try_into().unwrap();
            session.group = group;
            session.transaction = case.transaction;
            finish(case, session, &member.encryption_scalar, item, &commitments)
        });
    let members: Vec<Value> = members.collect();
    computed["commitments"] = commitments.iter().map(hex::encode).collect::<Vec<_>>().into();
    computed["group"] = hex::encode(group).into();
    computed["members"] = members.into();
    computed
}

fn group(case: &Case, sessions: &[Session], commitments: &[[u8; 32]]) -> [u8; 32] {
    let count = u16::try_from(sessions.len()).unwrap();
    let mode = u8::from(sessions[0].options & 8 != 0);
    let mut fields = vec![case.transaction.to_vec(), sessions[0].request.to_vec(), vec![mode]];
    fields.push(count.to_be_bytes().to_vec());
    for ((number, session), commitment) in (0_u16..).zip(sessions).zip(commitments) {
        fields.push(number.to_be_bytes().to_vec());
        fields.push(session.parent.unwrap_or(0xffff).to_be_bytes().to_vec());
        fields.extend([commitment.to_vec(), session.request.to_vec()]);
    }
    digest("group", &fields.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn finish(case: &Case, session: &mut Session, scalar: &[u8], item: &[u8], commitments: &[[u8; 32]]) -> Value {
    let mut reader = Reader::new(item);
    assert_eq!(reader.array(), session.request);
    assert_eq!(reader.array(), session.group);
    assert_eq!(reader.index(), session.number);
    assert_eq!(usize::from(reader.index()), commitments.len());
    assert_eq!(reader.byte(), session.options);
    let plain_transaction = reader.option(|reader| reader.array::<16>());
    reader.string();
    let outer = reader.before();
    let encapsulated = reader.array::<65>();
    let sealed = reader.string();
    let plain_answer = reader.option(|reader| reader.array::<32>());
    reader.end();

    let info = digest("cryptogram 2", &[&[1], &case.provider_id, &case.key_id]);
    let plain = Receiver::new(scalar, &encapsulated, &info).open(outer, sealed);
    let mut reader = Reader::new(&plain);
    let secret = reader.array::<32>();
    session.provider_challenge = reader.array();
    assert_eq!(reader.byte(), 0, "granted");
    let transaction = reader.option(|reader| reader.array::<16>()).or(plain_transaction);
    assert_eq!(transaction, Some(case.transaction));
    let answer = reader.option(|reader| reader.array::<32>()).or(plain_answer).unwrap();
    let shared = reader.option(|reader| reader.array::<32>());
    for _ in 0..reader.number() {
        reader.index();
        reader.string();
    }
    check_peers(reader.string(), commitments);
    reader.string();
    reader.end();

    let said = digest("member answer", &[&session.request, outer, &secret, &session.provider_challenge]);
    assert_eq!(answer, hmac(&session.challenge, &said));
    session.t = digest("session", &[&session.request, item]);
    session.private = extract(&session.t, &[secret, session.challenge].concat());
    session.shared = shared.map(|shared| extract(&session.group, &shared));
    json!({
        "cryptogram 2 info": hex::encode(info),
        "cryptogram 2": hex::encode(&plain),
        "answer said": hex::encode(said),
        "answer to the member challenge": hex::encode(answer),
        "T": hex::encode(session.t),
        "private PRK": hex::encode(session.private),
        "group PRK": session.shared.map(hex::encode),
    })
}

/// The peers that a member is told of are those whose commitments are in G.
fn check_peers(peers: &[u8], commitments: &[[u8; 32]]) {
    let mut reader = Reader::new(peers);
    for expected in commitments.iter().take_while(|_| !peers.is_empty()) {
        reader.option(Reader::index);
        reader.array::<32>();
        let commitment = match reader.number() {
            0 => digest("key commitment", &[&[], &reader.array::<65>()]),
            1 => {
                let key = reader.array::<65>();
                digest("key commitment", &[&reader.array::<16>(), &key])
            }
            2 => reader.array(),
            form => panic!("{form} is no form of a key"),
        };
        assert_eq!(commitment, *expected);
    }
    reader.end();
}

/// Section 7.2. Gives the root that acknowledgments name.
pub(crate) fn transaction(
    case: &Case,
    sessions: &[Session],
    requests: &[[u8; 32]],
    message: &[u8],
) -> ([u8; 32], Value) {
    let Batch { items, root, mut computed } = batch(case, message, 4, &sessions[0].group, requests);
    let members = items.iter().zip(sessions).zip(requests).map(|((item, session), request)| {
        let mut reader = Reader::new(item);
        session.check_header(&mut reader);
        assert_eq!(reader.array::<32>(), *request);
        reader.string();
        let outer = reader.before();
        let (display, private) = (reader.string(), reader.string());
        reader.end();
        let keys = [session.group_key(4, 4), session.private_key(4, 3)];
        json!({
            "key of the display": hex::encode(keys[0]),
            "display": hex::encode(open(&keys[0], outer, display)),
            "key of the private field": hex::encode(keys[1]),
            "private field": hex::encode(open(&keys[1], outer, private)),
        })
    });
    let members: Vec<Value> = members.collect();
    computed["members"] = members.into();
    (root, computed)
}

/// Section 8.2.
pub(crate) fn final_notice(case: &Case, sessions: &[Session], requests: &[[u8; 32]], message: &[u8]) -> Value {
    let Batch { items, mut computed, .. } = batch(case, message, 6, &sessions[0].group, requests);
    let members = items.iter().zip(sessions).zip(requests).map(|((item, session), request)| {
        let mut reader = Reader::new(item);
        session.check_header(&mut reader);
        assert_eq!(reader.array::<32>(), *request);
        assert!(reader.number() < 2, "posted or released");
        reader.string();
        let outer = reader.before();
        let receipt = reader.string();
        reader.end();
        let key = session.private_key(6, 7);
        json!({
            "key of the receipt": hex::encode(key),
            "receipt": hex::encode(open(&key, outer, receipt)),
        })
    });
    let members: Vec<Value> = members.collect();
    computed["members"] = members.into();
    computed
}
