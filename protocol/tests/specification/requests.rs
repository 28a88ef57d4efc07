//! The three requests, read and checked as `PROTOCOL.md` says a provider does.

use serde_json::{Value, json};

use super::independent::{Case, Session};
use super::primitives::{Receiver, cmac, digest, open, sha256, verify};
use super::reader::Reader;

/// One node of a tree, its digest made.
pub(crate) struct Node<'a> {
    pub(crate) parent: Option<u16>,
    pub(crate) own: &'a [u8],
    signature: &'a [u8],
    pub(crate) digest: [u8; 32],
}

/// Section 5: nodes in pre-order.
pub(crate) fn nodes(message: &[u8], kind: u8) -> Vec<Node<'_>> {
    assert_eq!(message[..2], [1, kind]);
    let mut reader = Reader::new(&message[2..]);
    let read = (0..reader.number()).map(|_| (reader.byte(), reader.string(), reader.string()));
    let read: Vec<(u8, &[u8], &[u8])> = read.collect();
    reader.end();
    let mut nodes = Vec::new();
    subtree(kind, &read, None, &mut nodes);
    assert_eq!(nodes.len(), read.len());
    nodes
}

/// Appends the subtree that begins behind `nodes`.
fn subtree<'a>(kind: u8, read: &[(u8, &'a [u8], &'a [u8])], parent: Option<u16>, nodes: &mut Vec<Node<'a>>) {
    let number = nodes.len();
    let (children, own, signature) = read[number];
    nodes.push(Node { parent, own, signature, digest: [0; 32] });
    let mut fields = vec![vec![kind], sha256(&[own]).to_vec(), vec![children]];
    for _ in 0..children {
        let child = nodes.len();
        subtree(kind, read, Some(number.try_into().unwrap()), nodes);
        fields.extend([nodes[child].digest.to_vec(), nodes[child].signature.to_vec()]);
    }
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    nodes[number].digest = digest("node", &fields);
}

impl Node<'_> {
    /// Section 5.3: the signature, taken out of its seal where the key is hidden.
    fn check(&self, key: &[u8], signature: &[u8]) -> Value {
        let signed = digest("node signature", &[&self.digest]);
        verify(key, &signed, signature);
        json!({
            "own": hex::encode(sha256(&[self.own])),
            "node": hex::encode(self.digest),
            "signed": hex::encode(signed),
            "signature": hex::encode(signature),
        })
    }

    /// The same for a message under a session.
    fn check_in(&self, session: &Session, kind: u8) -> Value {
        if !session.hidden() {
            return self.check(&session.verification, self.signature);
        }
        let key = session.private_key(kind, 6);
        let mut computed = self.check(&session.verification, &open(&key, &self.digest, self.signature));
        computed["key of the signature"] = hex::encode(key).into();
        computed
    }
}

/// Section 6.1. Begins each member's session.
pub(crate) fn key_exchange(case: &Case, message: &[u8]) -> (Vec<Session>, Value) {
    let (mut sessions, mut computed) = (Vec::new(), Vec::new());
    for (node, member) in nodes(message, 1).iter().zip(&case.members) {
        let mut reader = Reader::new(node.own);
        let options = reader.byte();
        assert_eq!(reader.array(), case.key_id);
        let open_keys = reader.option(|reader| (reader.array::<65>(), reader.array::<65>()));
        reader.string();
        let outer = reader.before();
        let encapsulated = reader.array::<65>();
        let sealed = reader.string();
        reader.end();

        let info = digest("cryptogram 1", &[&[1], &case.provider_id, &case.key_id]);
        let mut receiver = Receiver::new(&case.encryption_scalar, &encapsulated, &info);
        let plain = receiver.open(outer, sealed);
        let mut reader = Reader::new(&plain);
        let challenge = reader.array::<32>();
        let keys = reader.option(|reader| (reader.array::<65>(), reader.array::<65>())).or(open_keys);
        let (verification, _) = keys.unwrap();
        let endorsement = reader.option(|reader| (reader.array::<65>(), reader.array::<64>()));
        reader.string();
        let account = reader.option(|reader| reader.string().to_vec());
        let before_proof = reader.before();

        let hidden = options & 1 != 0;
        let signature = if hidden { receiver.open(&node.digest, node.signature) } else { node.signature.to_vec() };
        let mut one = node.check(&verification, &signature);
        one["cryptogram 1 info"] = hex::encode(info).into();
        one["cryptogram 1"] = hex::encode(&plain).into();
        if let Some((registered, signature)) = endorsement {
            let endorsed = digest("endorsement", &[&[1], &verification, &case.key_id]);
            verify(&registered, &endorsed, &signature);
            one["endorsed"] = hex::encode(endorsed).into();
        }
        if account.is_some() {
            let said = digest("account proof, key exchange", &[outer, before_proof]);
            let proof = reader.array::<16>();
            assert_eq!(proof, cmac(&member.account_secret, &said));
            one["account said"] = hex::encode(said).into();
            one["account proof"] = hex::encode(proof).into();
        }
        reader.end();
        sessions.push(Session::new(options, verification, challenge, node));
        computed.push(one);
    }
    (sessions, computed.into())
}

/// Section 7.1.
pub(crate) fn transaction(case: &Case, sessions: &[Session], message: &[u8]) -> (Vec<[u8; 32]>, Value) {
    let nodes = nodes(message, 3);
    let members = nodes.iter().zip(sessions).zip(&case.members).map(|((node, session), member)| {
        let mut reader = Reader::new(node.own);
        session.check_header(&mut reader);
        reader.string();
        let outer = reader.before();
        let (cryptogram_3, terms) = (reader.string(), reader.string());
        let before_private = reader.before();
        let private = reader.string();
        reader.end();

        let mut one = node.check_in(session, 3);
        let answer_key = session.private_key(3, 1);
        let answer = open(&answer_key, outer, cryptogram_3);
        assert_eq!(answer, session.provider_answer());
        let terms_key = session.group_key(3, 2);
        let terms = open(&terms_key, outer, terms);
        let private_key = session.private_key(3, 3);
        let private = open(&private_key, outer, private);
        let mut reader = Reader::new(&private);
        assert_eq!(reader.string(), member.account);
        reader.string();
        let said = digest("account proof, transaction", &[&session.t, before_private, &terms, reader.before()]);
        let proof = reader.array::<16>();
        assert_eq!(proof, cmac(&member.account_secret, &said));
        reader.end();

        one["key of cryptogram 3"] = hex::encode(answer_key).into();
        one["answer to the provider challenge"] = hex::encode(&answer).into();
        one["key of the terms"] = hex::encode(terms_key).into();
        one["terms"] = hex::encode(&terms).into();
        one["key of the private field"] = hex::encode(private_key).into();
        one["private field"] = hex::encode(&private).into();
        one["account said"] = hex::encode(said).into();
        one["account proof"] = hex::encode(proof).into();
        one
    });
    let members: Vec<Value> = members.collect();
    (nodes.iter().map(|node| node.digest).collect(), members.into())
}

/// Section 8.1.
pub(crate) fn acknowledgment(sessions: &[Session], root: &[u8; 32], message: &[u8]) -> (Vec<[u8; 32]>, Value) {
    let nodes = nodes(message, 5);
    let members = nodes.iter().zip(sessions).map(|(node, session)| {
        let mut reader = Reader::new(node.own);
        session.check_header(&mut reader);
        assert_eq!(reader.array::<32>(), *root);
        assert!(reader.number() < 2, "accept or reject");
        reader.string();
        let outer = reader.before();
        let (data, sensitive) = (reader.string(), reader.string());
        reader.end();

        let mut one = node.check_in(session, 5);
        let keys = [session.group_key(5, 5), session.private_key(5, 3)];
        one["key of the data"] = hex::encode(keys[0]).into();
        one["data"] = hex::encode(open(&keys[0], outer, data)).into();
        one["key of the sensitive data"] = hex::encode(keys[1]).into();
        one["sensitive data"] = hex::encode(open(&keys[1], outer, sensitive)).into();
        one
    });
    let members: Vec<Value> = members.collect();
    (nodes.iter().map(|node| node.digest).collect(), members.into())
}
