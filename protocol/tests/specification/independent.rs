//! A second implementation of what `PROTOCOL.md` says: from the inputs and messages of a vector file alone, everything
//! that both ends compute on the way. It checks all signatures, seals, proofs and answers; a wrong one is a panic.

use serde_json::{Map, Value, json};

use super::primitives::{digest, expand, hmac, public_key, verify};
use super::reader::Reader;
use super::requests::{self, Node};
use super::responses;

/// The inputs of a vector file.
pub(crate) struct Case {
    pub(crate) provider_id: [u8; 16],
    pub(crate) key_id: [u8; 16],
    pub(crate) encryption_scalar: Vec<u8>,
    pub(crate) verification: [u8; 65],
    pub(crate) transaction: [u8; 16],
    pub(crate) members: Vec<MemberInputs>,
}

pub(crate) struct MemberInputs {
    pub(crate) account: Vec<u8>,
    pub(crate) account_secret: Vec<u8>,
    pub(crate) encryption_scalar: Vec<u8>,
    pub(crate) commitment_salt: Vec<u8>,
}

/// What both ends of one member's session hold.
pub(crate) struct Session {
    pub(crate) options: u8,
    pub(crate) verification: [u8; 65],
    pub(crate) challenge: [u8; 32],
    pub(crate) parent: Option<u16>,
    pub(crate) request: [u8; 32],
    pub(crate) number: u16,
    pub(crate) group: [u8; 32],
    pub(crate) transaction: [u8; 16],
    pub(crate) provider_challenge: [u8; 32],
    pub(crate) t: [u8; 32],
    pub(crate) private: [u8; 32],
    pub(crate) shared: Option<[u8; 32]>,
}

impl Session {
    pub(crate) fn new(options: u8, verification: [u8; 65], challenge: [u8; 32], node: &Node<'_>) -> Self {
        Self {
            options,
            verification,
            challenge,
            parent: node.parent,
            request: node.digest,
            number: 0,
            group: [0; 32],
            transaction: [0; 16],
            provider_challenge: [0; 32],
            t: [0; 32],
            private: [0; 32],
            shared: None,
        }
    }

    pub(crate) const fn hidden(&self) -> bool {
        self.options & 1 != 0
    }

    pub(crate) fn private_key(&self, kind: u8, field: u8) -> [u8; 16] {
        expand(&self.private, &digest("traffic", &[&[kind], &[field]]))
    }

    pub(crate) fn group_key(&self, kind: u8, field: u8) -> [u8; 16] {
        let Some(shared) = self.shared else { return self.private_key(kind, field) };
        expand(&shared, &digest("group traffic", &[&[kind], &[field], &self.number.to_be_bytes()]))
    }

    pub(crate) fn provider_answer(&self) -> [u8; 32] {
        hmac(&self.provider_challenge, &digest("provider answer", &[&self.t]))
    }

    pub(crate) fn check_header(&self, reader: &mut Reader<'_>) {
        assert_eq!(reader.array(), self.transaction);
        assert_eq!(reader.array(), self.group);
        assert_eq!(reader.index(), self.number);
    }
}

/// Everything that is computed on the way, from a file's `inputs` and `messages`.
pub(crate) fn compute(inputs: &Value, messages: &Value) -> Value {
    let message = |name: &str| messages.get(name).map(bytes);
    let (case, provider) = descriptor(inputs, &message("descriptor").unwrap());
    let mut computed = Map::new();
    computed.insert("provider".into(), provider);

    let (mut sessions, one) = requests::key_exchange(&case, &message("key exchange request").unwrap());
    computed.insert("key exchange request".into(), one);
    let one = responses::key_exchange(&case, &mut sessions, &message("key exchange response").unwrap());
    computed.insert("key exchange response".into(), one);

    let (digests, one) = requests::transaction(&case, &sessions, &message("transaction request").unwrap());
    computed.insert("transaction request".into(), one);
    let (root, one) = responses::transaction(&case, &sessions, &digests, &message("transaction response").unwrap());
    computed.insert("transaction response".into(), one);

    // An inquiry ends with its response.
    if let Some(acknowledgment) = message("acknowledgment") {
        let (digests, one) = requests::acknowledgment(&sessions, &root, &acknowledgment);
        computed.insert("acknowledgment".into(), one);
        let one = responses::final_notice(&case, &sessions, &digests, &message("final notice").unwrap());
        computed.insert("final notice".into(), one);
    }
    computed.into()
}

/// Section 4.
fn descriptor(inputs: &Value, message: &[u8]) -> (Case, Value) {
    let provider = &inputs["provider"];
    let root = public_key(&bytes(&provider["root scalar"]));
    assert_eq!(message[..2], [1, 9]);
    let mut reader = Reader::new(&message[2..]);
    reader.number();
    let provider_id = reader.array::<16>();
    let encryption = reader.array::<65>();
    let verification = reader.array::<65>();
    reader.number();
    reader.number();
    let descriptor = reader.before();
    let signature = reader.array::<64>();
    reader.end();

    let encryption_scalar = bytes(&provider["encryption scalar"]);
    assert_eq!(provider_id, digest("provider id", &[&root])[..16]);
    assert_eq!(encryption, public_key(&encryption_scalar));
    assert_eq!(verification, public_key(&bytes(&provider["signing scalar"])));
    let signed = digest("descriptor signature", &[&[1], descriptor]);
    verify(&root, &signed, &signature);
    let key_id: [u8; 16] = digest("key id", &[descriptor])[..16].try_into().unwrap();
    let computed = json!({
        "provider id": hex::encode(provider_id),
        "key id": hex::encode(key_id),
        "signed": hex::encode(signed),
    });
    let members = inputs["members"].as_array().unwrap().iter().map(MemberInputs::read).collect();
    let transaction = bytes(&inputs["transaction"]).try_into().unwrap();
    (Case { provider_id, key_id, encryption_scalar, verification, transaction, members }, computed)
}

impl MemberInputs {
    fn read(member: &Value) -> Self {
        Self {
            account: bytes(&member["account"]),
            account_secret: bytes(&member["account secret"]),
            encryption_scalar: bytes(&member["encryption scalar"]),
            commitment_salt: bytes(&member["commitment salt"]),
        }
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}
