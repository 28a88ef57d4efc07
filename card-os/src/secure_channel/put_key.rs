//! PUT KEY (GlobalPlatform Card Specification 2.3.1, 11.8; Amendment D, 7.2).

use apdu_spec::Writer;
use apdu_spec::instruction::{KeyBlock, PutKey};
use protocol::crypto::Secret;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::SecureChannel;
use super::cipher::{self, BLOCK};
use super::key_set::{KeySet, KeySetName};
use crate::command::Handle;
use crate::context::Context;
use crate::platform::Platform;
use crate::refusal::Refusal;

impl Handle for PutKey<'_> {
    fn handle<P: Platform>(self, context: &mut Context<'_, P>, reply: &mut Writer<'_>) -> Result<(), Refusal> {
        let domain = context.domain()?;
        let granted = context.permit_keys(domain)?;
        let wrapping = match &*context.secure {
            SecureChannel::Open(open) if context.host.is_some() => Some(&open.keys.data),
            SecureChannel::Closed | SecureChannel::Begun(_) | SecureChannel::Open(_) => None,
        };
        let [encryption, mac, data] = &self.keys;
        let set = KeySet {
            name: KeySetName { domain, version: self.version },
            encryption: unwrap(encryption, wrapping)?,
            mac: unwrap(mac, wrapping)?,
            data: unwrap(data, wrapping)?,
        };
        set.put(context.store, &granted, self.replaced)?;
        reply.put_u8(self.version.number())?;
        Ok(self.keys.iter().try_for_each(|key| reply.put(key.check))?)
    }
}

/// The key, if it is the one that its check value tells of.
fn unwrap(block: &KeyBlock<'_>, wrapping: Option<&Secret<BLOCK>>) -> Result<Secret<BLOCK>, Refusal> {
    let mut bytes = Zeroizing::new(*block.value);
    if let Some(wrapping) = wrapping {
        cipher::decrypt(wrapping, [0; BLOCK], bytes.as_mut_slice());
    }
    let key = Secret::from(*bytes);
    if bool::from(cipher::check_value(&key).ct_eq(block.check)) { Ok(key) } else { Err(Refusal::WRONG_DATA) }
}
