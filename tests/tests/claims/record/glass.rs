//! A member of glass: the protocol's member in this process, over TCP with a provider in its own; its random numbers
//! are written down. So a test knows what a card would never tell, and opens what only the member can.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, anyhow};
use protocol::crypto::{Crypto, PublicKey, RustCrypto, Secret, random_scalar};
use protocol::frame::FrameHeader;
use protocol::hpke;
use protocol::label;
use protocol::member::{FreshKey, KeyExchange};
use protocol::message::descriptor::{self, Descriptor};
use protocol::message::key_exchange::{Cryptogram2, Response};
use protocol::message::request::{SEALED_SIGNATURE_LENGTH, Tree};
use protocol::message::response::Batch;
use protocol::message::{Kind, SUITE_1, bare};
use protocol::provider::Requests;
use protocol::provider::key_exchange::{Asked, verify};
use protocol::types::{Digest, Options};
use rand::rngs::OsRng;
use rand_core::{CryptoRng, RngCore};
use service_provider::Backend;
use service_provider::keys::files::read_provider;
use symbolon_tests::group::{Person, Town};

use super::door::{Exchange, read_frame, remembered};
use super::scenes::{notices, text};
use super::sessions::{Sessions, digest};

/// A key exchange of the member of glass.
pub(crate) struct Glass {
    /// The messages.
    pub(crate) exchange: Exchange,
    /// The digest of its request.
    pub(crate) request: Digest,
    /// N_m.
    pub(crate) challenge: Secret<32>,
    options: Options,
    /// The plain text of cryptogram 2, opened with the member's key.
    plain: Vec<u8>,
    /// What the provider opened of the request.
    pub(crate) asked: Asked,
    /// What the provider remembers.
    pub(crate) sessions: Sessions,
}

/// The member's name.
pub(crate) const NAME: &str = "glass";

/// A key exchange with nothing inside that can be outside, and one with everything inside.
pub(crate) fn glass(inside: bool) -> Result<&'static Glass> {
    static GLASS: LazyLock<Result<[Glass; 2], String>> = LazyLock::new(|| both().map_err(|error| format!("{error:?}")));
    let [without, with] = GLASS.as_ref().map_err(|error| anyhow!("the member of glass: {error}"))?;
    Ok(if inside { with } else { without })
}

fn both() -> Result<[Glass; 2]> {
    let mut town = Town::new(&[Person::new(NAME).cards(0)])?;
    std::fs::write(town.path("provider/notices.toml"), notices())?;
    let signing = random_scalar::<RustCrypto>(&mut OsRng);
    let key = RustCrypto::verification_key(&RustCrypto::signing_key(&signing).ok().context("no key")?);
    town.kill_provider()?;
    town.administer(&["register-key", "--account", &Person::new(NAME).account(), "--key", &hex::encode(key.0)])?;
    town.open()?;
    let inside = Options::ANSWER_INSIDE.with(Options::TRANSACTION_INSIDE);
    Ok([ask(&town, &signing, &key, Options::none())?, ask(&town, &signing, &key, inside)?])
}

/// A key exchange with the town's provider.
fn ask(town: &Town, signing: &Secret<32>, verification: &PublicKey, options: Options) -> Result<Glass> {
    let mut provider = TcpStream::connect(&town.address)?;
    let answer = exchange(&mut provider, &bare(Kind::DescriptorRequest))?;
    let descriptor = Descriptor::read_unverified(descriptor::parse(&answer)?)?;
    let sensitive = text(NAME, "for the provider", "key_exchange");
    let offer = KeyExchange {
        descriptor: &descriptor,
        signing,
        verification,
        fresh_key: FreshKey::No,
        options,
        account: None,
        plain_text: &[],
        sensitive: sensitive.as_bytes(),
    };
    let mut random = Recorder::default();
    let mut own = vec![0; protocol::limits::CARD_MESSAGE_MAX];
    let (length, unsigned) = offer.request::<RustCrypto>(&mut random, &mut own)?;
    own.truncate(length);
    let mut signature = [0; SEALED_SIGNATURE_LENGTH];
    let (length, _) = unsigned.combine(0)?.sign(&mut random, &mut signature)?;
    let tree = Tree::combine(Kind::KeyExchangeRequest, &own, &signature[..length], &[])?;
    let message = tree.encode();
    let response = exchange(&mut provider, &message)?;

    // PROTOCOL.md, 13: the encryption scalar and N_m are drawn first.
    let [encryption, challenge, ..] = random.drawn.as_slice() else { anyhow::bail!("too few draws") };
    let plain = open_cryptogram_2(&descriptor, encryption, &response)?;
    let data = town.path("provider");
    let data = Path::new(&data);
    let transaction = Cryptogram2::parse(&plain, options)?.transaction;
    let transaction = transaction.or(item(&response)?.outer.transaction).context("no transaction")?;
    let keys = read_provider(data)?;
    let keys = keys.ring.find(&descriptor.key_id::<RustCrypto>()).context("no descriptor")?;
    let requests = Requests::new::<Backend>(Tree::parse(&message)?)?;
    Ok(Glass {
        request: requests.root(),
        asked: verify(keys, &requests)?,
        challenge: challenge.clone(),
        options,
        plain,
        sessions: Sessions::parse(&remembered(data, transaction)?)?,
        exchange: Exchange { request: message, response },
    })
}

impl Glass {
    /// What the provider says beside cryptogram 2.
    pub(crate) fn item(&self) -> Result<Response<'_>> {
        item(&self.exchange.response)
    }

    /// What the provider says inside.
    pub(crate) fn inside(&self) -> Result<Cryptogram2<'_>> {
        Ok(Cryptogram2::parse(&self.plain, self.options)?)
    }

    /// What answers a member challenge in this exchange (PROTOCOL.md, 6.2).
    pub(crate) fn answer_to(&self, challenge: &[u8; 32]) -> Result<Digest> {
        let (item, inside) = (self.item()?, self.inside()?);
        let secrets = [inside.session_secret.as_bytes(), inside.challenge.as_bytes()];
        let fields: [&[u8]; 4] = [&self.request.0, item.outer_bytes, secrets[0], secrets[1]];
        let said = digest(label::MEMBER_ANSWER, &fields);
        Ok(Digest(RustCrypto::hmac_sha256(challenge, &[&said.0])))
    }

    /// The session's secret that both ends derive all keys from (PROTOCOL.md, 6.4 and 6.5).
    pub(crate) fn private(&self) -> Result<Secret<32>> {
        let batch = Batch::parse(&self.exchange.response)?;
        let session = digest(label::SESSION, &[&self.request.0, batch.parts[0].item]);
        let secret = self.inside()?.session_secret;
        Ok(RustCrypto::hkdf_extract(&session.0, &[secret.as_bytes(), self.challenge.as_bytes()]))
    }
}

fn item(response: &[u8]) -> Result<Response<'_>> {
    Ok(Response::parse(Batch::parse(response)?.parts[0].item)?)
}

fn open_cryptogram_2(descriptor: &Descriptor, encryption: &Secret<32>, response: &[u8]) -> Result<Vec<u8>> {
    let key_id = descriptor.key_id::<RustCrypto>();
    let info = digest(label::CRYPTOGRAM_2, &[&[SUITE_1], &descriptor.provider.0, &key_id.0]);
    let key = RustCrypto::agreement_key(encryption).ok().context("no key")?;
    let public = RustCrypto::agreement_public_key(&key);
    let item = item(response)?;
    let cryptogram = item.seals.cryptogram_2;
    let context = hpke::setup_receiver::<RustCrypto>(&key, &public, &cryptogram.encapsulated, &[&info.0]);
    let (cipher, tag) = cryptogram.sealed.split_last_chunk::<16>().context("no tag")?;
    let mut plain = cipher.to_vec();
    let opened = context.and_then(|mut context| context.open(item.outer_bytes, &mut plain, tag));
    opened.ok().context("cryptogram 2 does not open")?;
    Ok(plain)
}

fn exchange(provider: &mut TcpStream, message: &[u8]) -> Result<Vec<u8>> {
    let header = FrameHeader { number: 1, length: message.len() }.encode()?;
    provider.write_all(&[header.as_slice(), message].concat())?;
    Ok(read_frame(provider)?.1)
}

/// Random numbers that are written down: each draw of 32 bytes.
#[derive(Default)]
struct Recorder {
    drawn: Vec<Secret<32>>,
}

impl CryptoRng for Recorder {}

impl RngCore for Recorder {
    fn next_u32(&mut self) -> u32 {
        OsRng.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        OsRng.next_u64()
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        OsRng.fill_bytes(out);
        self.drawn.extend(<[u8; 32]>::try_from(&*out).map(Secret::from));
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}
