//! Provider records: one account with one service provider.

use crate::limits::{ACCOUNT_INFORMATION_MAX, PROVIDER_ID_MAX, PROVIDER_NAME_MAX, PROVIDERS_MAX};
use crate::{Condition, Full, ParseError, Reader, Tag, Writer};

/// The number of a provider record on its card, 1 to [`PROVIDERS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProviderReference(u8);

impl ProviderReference {
    /// A reference from its number.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a number outside 1 to [`PROVIDERS_MAX`].
    pub const fn parse(number: u8) -> Result<Self, ParseError> {
        match number {
            1..=PROVIDERS_MAX => Ok(Self(number)),
            _ => Err(ParseError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// All references, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=PROVIDERS_MAX).map(Self)
    }
}

/// What the account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// A credit account.
    Credit,
    /// A current account.
    Debit,
    /// Cheques.
    Cheque,
    /// Stored value.
    StoredValue,
    /// A loyalty programme.
    Loyalty,
    /// An identity.
    Identity,
    /// Access to a place or a service.
    Access,
}

impl Instrument {
    /// The instrument a byte says.
    ///
    /// # Errors
    /// [`ParseError::Invalid`] for a byte that is none.
    pub const fn parse(byte: u8) -> Result<Self, ParseError> {
        Ok(match byte {
            1 => Self::Credit,
            2 => Self::Debit,
            3 => Self::Cheque,
            4 => Self::StoredValue,
            5 => Self::Loyalty,
            6 => Self::Identity,
            7 => Self::Access,
            _ => return Err(ParseError::Invalid),
        })
    }

    /// The byte.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Credit => 1,
            Self::Debit => 2,
            Self::Cheque => 3,
            Self::StoredValue => 4,
            Self::Loyalty => 5,
            Self::Identity => 6,
            Self::Access => 7,
        }
    }
}

/// The card's own policy for one account: what it asks before it signs an amount that a terminal supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The most that is signed at all, in minor units.
    pub amount_max: u64,
    /// The most that is signed without the PIN, in minor units.
    pub amount_without_pin: u64,
    /// How many transactions in a row are signed without the PIN.
    pub times_without_pin: u8,
    /// The PIN that counts.
    pub pin: u8,
}

impl Policy {
    /// Bytes of a policy on the wire and in storage.
    pub const LENGTH: usize = 8 + 8 + 1 + 1;

    /// ```text
    /// amount_max (8)  amount_without_pin (8)  times_without_pin (1)  pin (1)
    /// ```
    ///
    /// # Errors
    /// [`ParseError`] for anything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        Reader::all(bytes, |input| {
            let amount_max = u64::from_be_bytes(*input.array()?);
            let amount_without_pin = u64::from_be_bytes(*input.array()?);
            let times_without_pin = input.u8()?;
            let pin = input.u8()?;
            Condition::pin(pin)?;
            Ok(Self { amount_max, amount_without_pin, times_without_pin, pin })
        })
    }

    /// Appends the policy.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&self.amount_max.to_be_bytes())?;
        out.put(&self.amount_without_pin.to_be_bytes())?;
        out.put(&[self.times_without_pin, self.pin])
    }
}

impl Tag {
    /// A PIN, in STORE DATA.
    pub const PIN: Self = Self(0xA1);
    /// Changes of a provider record, in STORE DATA.
    pub const PROVIDER_UPDATE: Self = Self(0xA4);
    /// A provider record, in STORE DATA and LIST PROVIDERS.
    pub const PROVIDER: Self = Self(0xA2);

    pub(crate) const REFERENCE: Self = Self(0x80);
    const PROVIDER_ID: Self = Self(0x81);
    const PROVIDER_NAME: Self = Self(0x82);
    const INSTRUMENT: Self = Self(0x83);
    pub(crate) const CONDITION: Self = Self(0x84);
    const ACCOUNT_INFORMATION: Self = Self(0x85);
    const ACCOUNT_SECRET: Self = Self(0x86);
    const ROOT_KEY: Self = Self(0x87);
    const POLICY: Self = Self(0x88);
    const CONDITION_CHANGE: Self = Self(0x89);
}

/// The part of a provider record that anyone may see.
///
/// ```text
/// 80 01 reference  81 10 provider identifier  82 L name  83 01 instrument  84 L access condition
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderInfo<'a> {
    /// The record's number.
    pub reference: ProviderReference,
    /// The provider, as the transaction protocol names it.
    pub provider: &'a [u8; PROVIDER_ID_MAX],
    /// What to call it on a screen.
    pub name: &'a str,
    /// What the account is for.
    pub instrument: Instrument,
    /// What has to be so before the card uses the account.
    pub condition: Condition,
}

impl<'a> ProviderInfo<'a> {
    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a record.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        let reference = ProviderReference::parse(input.field_u8(Tag::REFERENCE)?)?;
        let provider = input.field_array(Tag::PROVIDER_ID)?;
        let name = name(input.field(Tag::PROVIDER_NAME)?)?;
        let instrument = Instrument::parse(input.field_u8(Tag::INSTRUMENT)?)?;
        let condition = Condition::parse(input.field(Tag::CONDITION)?)?;
        Ok(Self { reference, provider, name, instrument, condition })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.field(Tag::REFERENCE, &[self.reference.number()])?;
        out.field(Tag::PROVIDER_ID, self.provider)?;
        out.field(Tag::PROVIDER_NAME, self.name.as_bytes())?;
        out.field(Tag::INSTRUMENT, &[self.instrument.to_byte()])?;
        out.field(Tag::CONDITION, self.condition.as_bytes())
    }
}

/// A provider record as personalisation brings it. The registered signing key is not here: the card makes it.
///
/// ```text
/// A2 L  (the objects of ProviderInfo)  85 L account information  86 10 account secret  87 41 root verification key
///       [88 12 policy]  [89 L condition for changing the access condition]
/// ```
///
/// What begins at 85 never leaves the card; the type has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProviderRecord<'a> {
    /// What anyone may see.
    pub info: ProviderInfo<'a>,
    /// What the provider needs to know the account by; 1 to [`ACCOUNT_INFORMATION_MAX`] bytes.
    pub account: &'a [u8],
    /// AES-128: proves the account.
    pub account_secret: &'a [u8; 16],
    /// P-256, uncompressed: verifies the provider's descriptors.
    pub root_key: &'a [u8; 65],
    /// The card's own limits for the account.
    pub policy: Option<Policy>,
    /// What has to be so before the holder changes the access condition.
    pub condition_change: Option<Condition>,
}

impl<'a> ProviderRecord<'a> {
    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are not a record.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        Ok(Self {
            info: ProviderInfo::parse(input)?,
            account: account(input.field(Tag::ACCOUNT_INFORMATION)?)?,
            account_secret: input.field_array(Tag::ACCOUNT_SECRET)?,
            root_key: root_key(input)?,
            policy: input.optional_field(Tag::POLICY)?.map(Policy::parse).transpose()?,
            condition_change: input.optional_field(Tag::CONDITION_CHANGE)?.map(Condition::parse).transpose()?,
        })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.info.encode(out)?;
        out.field(Tag::ACCOUNT_INFORMATION, self.account)?;
        out.field(Tag::ACCOUNT_SECRET, self.account_secret)?;
        out.field(Tag::ROOT_KEY, self.root_key)?;
        if let Some(policy) = &self.policy {
            out.template(Tag::POLICY, |out| policy.encode(out))?;
        }
        match &self.condition_change {
            Some(condition) => out.field(Tag::CONDITION_CHANGE, condition.as_bytes()),
            None => Ok(()),
        }
    }
}

/// What a provider changes in its record; at least one thing.
///
/// ```text
/// A4 L  [81 10 provider identifier  87 41 root verification key]  [82 L name]  [85 L account information]
///       [86 10 account secret]  [88 12 policy]
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ProviderUpdate<'a> {
    /// Another root verification key, and the identifier that is computed from it.
    pub root: Option<(&'a [u8; PROVIDER_ID_MAX], &'a [u8; 65])>,
    /// Another name.
    pub name: Option<&'a str>,
    /// Other account information.
    pub account: Option<&'a [u8]>,
    /// Another account secret.
    pub account_secret: Option<&'a [u8; 16]>,
    /// Another policy.
    pub policy: Option<Policy>,
}

impl<'a> ProviderUpdate<'a> {
    /// From the data objects inside the template.
    ///
    /// # Errors
    /// [`ParseError`] when they are no change.
    pub fn parse(input: &mut Reader<'a>) -> Result<Self, ParseError> {
        if input.is_empty() {
            return Err(ParseError::Truncated);
        }
        let root = match input.optional_array(Tag::PROVIDER_ID)? {
            Some(provider) => Some((provider, root_key(input)?)),
            None => None,
        };
        Ok(Self {
            root,
            name: input.optional_field(Tag::PROVIDER_NAME)?.map(name).transpose()?,
            account: input.optional_field(Tag::ACCOUNT_INFORMATION)?.map(account).transpose()?,
            account_secret: input.optional_array(Tag::ACCOUNT_SECRET)?,
            policy: input.optional_field(Tag::POLICY)?.map(Policy::parse).transpose()?,
        })
    }

    /// Appends the data objects.
    ///
    /// # Errors
    /// [`Full`].
    pub fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        if let Some((provider, root_key)) = self.root {
            out.field(Tag::PROVIDER_ID, provider)?;
            out.field(Tag::ROOT_KEY, root_key)?;
        }
        let fields = [
            (Tag::PROVIDER_NAME, self.name.map(str::as_bytes)),
            (Tag::ACCOUNT_INFORMATION, self.account),
            (Tag::ACCOUNT_SECRET, self.account_secret.map(|secret| &secret[..])),
        ];
        for (tag, value) in fields {
            value.map_or(Ok(()), |value| out.field(tag, value))?;
        }
        self.policy.map_or(Ok(()), |policy| out.template(Tag::POLICY, |out| policy.encode(out)))
    }

    /// The record, changed.
    #[must_use]
    pub fn apply(self, record: ProviderRecord<'a>) -> ProviderRecord<'a> {
        let (provider, root_key) = self.root.unwrap_or((record.info.provider, record.root_key));
        ProviderRecord {
            info: ProviderInfo { provider, name: self.name.unwrap_or(record.info.name), ..record.info },
            account: self.account.unwrap_or(record.account),
            account_secret: self.account_secret.unwrap_or(record.account_secret),
            root_key,
            policy: self.policy.or(record.policy),
            condition_change: record.condition_change,
        }
    }
}

fn name(bytes: &[u8]) -> Result<&str, ParseError> {
    let name = core::str::from_utf8(bytes).map_err(|_| ParseError::Invalid)?;
    if (1..=PROVIDER_NAME_MAX).contains(&name.len()) { Ok(name) } else { Err(ParseError::Invalid) }
}

fn account(bytes: &[u8]) -> Result<&[u8], ParseError> {
    if (1..=ACCOUNT_INFORMATION_MAX).contains(&bytes.len()) { Ok(bytes) } else { Err(ParseError::Invalid) }
}

fn root_key<'a>(input: &mut Reader<'a>) -> Result<&'a [u8; 65], ParseError> {
    let key: &[u8; 65] = input.field_array(Tag::ROOT_KEY)?;
    if matches!(key, [0x04, ..]) { Ok(key) } else { Err(ParseError::Invalid) }
}
