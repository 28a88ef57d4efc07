//! Application identifiers (ISO/IEC 7816-4, 8.2.1.2).

use crate::ParseError;
use crate::limits::PROVIDERS_MAX;
use crate::provider::ProviderReference;

/// The name of an application: 5 to 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aid<'a>(&'a [u8]);

impl<'a> Aid<'a> {
    /// The issuer security domain (GlobalPlatform Card Specification 2.3.1, H.6).
    pub const ISSUER_SECURITY_DOMAIN: Aid<'static> = Aid(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00]);
    /// The transaction application: a proprietary, unregistered name (category F), "SYMBOLON", version 1.
    pub const TRANSACTION: Aid<'static> = Aid(b"\xF0SYMBOLON\x01");

    /// The security domain of a provider record: as the transaction application's name, 02 instead of the version, and
    /// the record's number.
    #[must_use]
    pub fn provider_security_domain(reference: ProviderReference) -> Aid<'static> {
        let name = usize::from(reference.number()).checked_sub(1).and_then(|index| PROVIDER_DOMAINS.get(index));
        // There is a name for every reference.
        name.map_or(Self::ISSUER_SECURITY_DOMAIN, |name| Aid(name))
    }

    /// A name from its bytes.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] when there are fewer than 5 or more than 16.
    pub const fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        match bytes.len() {
            5..=16 => Ok(Self(bytes)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

type ProviderDomainName = [u8; 11];

static PROVIDER_DOMAINS: [ProviderDomainName; PROVIDERS_MAX as usize] = provider_domains();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn provider_domains() -> [ProviderDomainName; PROVIDERS_MAX as usize] {
    let mut names = [*b"\xF0SYMBOLON\x02\x00"; PROVIDERS_MAX as usize];
    let mut number = 1;
    while number <= PROVIDERS_MAX {
        names[number as usize - 1][10] = number;
        number += 1;
    }
    names
}
