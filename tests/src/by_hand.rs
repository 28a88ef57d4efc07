//! A member made by hand out of the protocol's specification: it can ask for what no card asks for, and shows every key
//! that it can compute. Written over the cryptographic primitives alone, as a second implementation of what it does.

use anyhow::{Context, Result};
use protocol::crypto::{Crypto, Hasher, PublicKey, RustCrypto, Secret, random_scalar};
use protocol::hpke::{SenderContext, setup_receiver, setup_sender};
use protocol::message::Kind;
use protocol::message::descriptor::Descriptor;
use protocol::message::key_exchange::{Cryptogram2, Response, Verdict};
use protocol::message::request::Tree;
use protocol::message::response::Batch;
use protocol::types::{GroupId, Number, Options, Reason, ReasonCode, TransactionId};
use rand_core::{CryptoRng, RngCore};

/// A random source that remembers what was drawn.
pub struct Recorder<R> {
    source: R,
    /// Every draw, in order.
    pub draws: Vec<Vec<u8>>,
}

impl<R> Recorder<R> {
    /// Remembers what is drawn from `source`.
    pub const fn new(source: R) -> Self {
        Self { source, draws: Vec::new() }
    }
}

impl<R: RngCore> RngCore for Recorder<R> {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.source.fill_bytes(out);
        self.draws.push(out.to_vec());
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl<R: CryptoRng> CryptoRng for Recorder<R> {}

/// `digest` of the specification: a label and fields, each with its length before it.
#[must_use]
pub fn digest(label: &str, fields: &[&[u8]]) -> [u8; 32] {
    let label = format!("symbolon/1 {label}");
    let mut hasher = <RustCrypto as Crypto>::Sha256::new();
    for field in [label.as_bytes()].iter().chain(fields) {
        hasher.update(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(field);
    }
    hasher.finish()
}

/// The secrets of one member in one key exchange.
#[derive(Clone)]
pub struct ByHand {
    /// Signs.
    pub signing: Secret<32>,
    /// Receives cryptogram 2.
    pub encryption: Secret<32>,
    /// The challenge to the provider.
    pub challenge: [u8; 32],
}

/// Where a member puts its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Where anybody reads them.
    Outside,
    /// In cryptogram 1.
    Inside,
    /// In both places.
    Both,
    /// Nowhere.
    Nowhere,
}

impl ByHand {
    /// With new keys.
    pub fn new(random: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut challenge = [0; 32];
        random.fill_bytes(&mut challenge);
        let (signing, encryption) = (random_scalar::<RustCrypto>(random), random_scalar::<RustCrypto>(random));
        Self { signing, encryption, challenge }
    }

    /// The key that verifies what it signs.
    pub fn verification(&self) -> Result<PublicKey> {
        Ok(RustCrypto::verification_key(&RustCrypto::signing_key(&self.signing)?))
    }

    /// A key exchange request with any byte of options and the keys in any place, above `children`.
    pub fn key_exchange(
        &self,
        descriptor: &Descriptor,
        options: u8,
        keys: Keys,
        children: &[Tree<'_>],
        random: &mut (impl RngCore + CryptoRng),
    ) -> Result<Vec<u8>> {
        let both = [self.verification()?.0, self.encryption_public()?.0].concat();
        let keys_in = |here: bool| if here { [&[1], both.as_slice()].concat() } else { vec![0] };
        let key = descriptor.key_id::<RustCrypto>();
        let outside = keys_in(matches!(keys, Keys::Outside | Keys::Both));
        let outer = [&[options], key.0.as_slice(), &outside, &[0]].concat();
        let inside = keys_in(matches!(keys, Keys::Inside | Keys::Both));
        // No endorsement, no sensitive data, no account.
        let mut sealed = [self.challenge.as_slice(), &inside, &[0, 0, 0]].concat();
        let info = digest("cryptogram 1", &[&[1], &descriptor.provider.0, &key.0]);
        let (encapsulated, mut context) = setup_sender::<RustCrypto>(&descriptor.encryption, &[&info], random)?;
        let tag = context.seal(&outer, &mut sealed);
        sealed.extend(tag);
        let own = [outer, encapsulated.0.to_vec(), varint(sealed.len()), sealed].concat();
        let hidden = options & Options::HIDDEN_KEY.bits() != 0;
        self.sign(Kind::KeyExchangeRequest, &own, children, hidden.then_some(&mut context))
    }

    /// Signs a node, and seals the signature where a context is given.
    fn sign(
        &self,
        kind: Kind,
        own: &[u8],
        children: &[Tree<'_>],
        seal: Option<&mut SenderContext<RustCrypto>>,
    ) -> Result<Vec<u8>> {
        // A node's digest does not contain its own signature.
        let node = Tree::combine(kind, own, &[0; 64], children)?.digests::<RustCrypto>();
        let node = node.first().context("no root")?;
        let signed = digest("node signature", &[&node.0]);
        let mut signature = RustCrypto::sign(&RustCrypto::signing_key(&self.signing)?, &signed, &[]).0.to_vec();
        if let Some(context) = seal {
            let tag = context.seal(&node.0, &mut signature);
            signature.extend(tag);
        }
        Ok(Tree::combine(kind, own, &signature, children)?.encode())
    }

    /// Opens this member's part of a key exchange response.
    pub fn open(&self, descriptor: &Descriptor, response: &[u8], number: Number) -> Result<Session> {
        let batch = Batch::parse(response)?;
        let part = batch.parts.iter().find(|part| part.number == number).context("no part")?;
        let response = Response::parse(part.item)?;
        let info = digest("cryptogram 2", &[&[1], &descriptor.provider.0, &descriptor.key_id::<RustCrypto>().0]);
        let cryptogram = &response.seals.cryptogram_2;
        let (cipher, tag) = cryptogram.sealed.split_last_chunk::<16>().context("no tag")?;
        let key = RustCrypto::agreement_key(&self.encryption)?;
        let public = self.encryption_public()?;
        let mut context = setup_receiver::<RustCrypto>(&key, &public, &cryptogram.encapsulated, &[&info])?;
        let mut plain = cipher.to_vec();
        context.open(response.outer_bytes, &mut plain, tag)?;
        let inside = Cryptogram2::parse(&plain, response.outer.options)?;
        let session = digest("session", &[&response.outer.request.0, part.item]);
        let material: [&[u8]; 2] = [inside.session_secret.as_bytes(), &self.challenge];
        let group = response.outer.group;
        Ok(Session {
            transaction: response.outer.transaction.or(inside.transaction).context("no transaction")?,
            group,
            refused: match inside.verdict {
                Verdict::Granted => None,
                Verdict::Refused(Reason { code, .. }) => Some(code),
            },
            sensitive: inside.sensitive.to_vec(),
            private: RustCrypto::hkdf_extract(&session, &material),
            shared: inside.shared_secret.map(|secret| RustCrypto::hkdf_extract(&group.0, &[secret.as_bytes()])),
        })
    }

    fn encryption_public(&self) -> Result<PublicKey> {
        Ok(RustCrypto::agreement_public_key(&RustCrypto::agreement_key(&self.encryption)?))
    }
}

/// What one member knows after a key exchange.
pub struct Session {
    /// The transaction.
    pub transaction: TransactionId,
    /// The group.
    pub group: GroupId,
    /// Why there is none.
    pub refused: Option<ReasonCode>,
    /// What the provider says to this member alone.
    pub sensitive: Vec<u8>,
    private: Secret<32>,
    shared: Option<Secret<32>>,
}

impl Session {
    /// The member's private key for a field of a message.
    #[must_use]
    pub fn private_key(&self, kind: Kind, field: u8) -> Secret<16> {
        expand(&self.private, &digest("traffic", &[&[kind.byte()], &[field]]))
    }

    /// The key of any member for a field that the group shares; none where it shares none.
    #[must_use]
    pub fn group_key(&self, kind: Kind, field: u8, number: Number) -> Option<Secret<16>> {
        let label = digest("group traffic", &[&[kind.byte()], &[field], &number.to_be_bytes()]);
        self.shared.as_ref().map(|shared| expand(shared, &label))
    }

    /// What would be a private key, were it derived from what the group shares.
    #[must_use]
    pub fn private_key_from_shared(&self, kind: Kind, field: u8) -> Option<Secret<16>> {
        self.shared.as_ref().map(|shared| expand(shared, &digest("traffic", &[&[kind.byte()], &[field]])))
    }
}

/// Opens a sealed field; its associated data is the part's outer bytes.
pub fn open_field(key: &Secret<16>, outer: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
    let (cipher, tag) = sealed.split_last_chunk::<16>().context("no tag")?;
    let mut plain = cipher.to_vec();
    RustCrypto::aes128_gcm_open(key, &[0; 12], outer, &mut plain, tag)?;
    Ok(plain)
}

fn expand(prk: &Secret<32>, label: &[u8; 32]) -> Secret<16> {
    let mut key = [0; 16];
    RustCrypto::hkdf_expand(prk, &[label], &mut key);
    Secret::from(key)
}

fn varint(length: usize) -> Vec<u8> {
    let [.., high, low] = (length << 1 & 0x7F00 | length & 0x7F).to_be_bytes();
    if high == 0 { vec![low] } else { vec![low | 0x80, high] }
}
