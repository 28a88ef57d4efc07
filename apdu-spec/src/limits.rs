//! Every limit of the card's interface, and how they relate.

/// The longest data field of a command, after chaining is undone, and of a response, before GET RESPONSE cuts it,
/// bytes.
///
/// The longest message of the transaction protocol that a card takes is as long; what a card gives fits 2 KiB.
pub const DATA_MAX: usize = 3584;

/// The longest command without a secure channel, bytes: header, an extended `Lc`, the data, an extended `Le`.
pub const COMMAND_MAX: usize = 4 + 3 + DATA_MAX + 2;

/// The longest response without a secure channel, bytes: the data and a status word.
pub const RESPONSE_MAX: usize = DATA_MAX + 2;

/// What a secure channel adds to a data field at most: padding and a MAC, bytes.
pub const PROTECTION_MAX: usize = 32;

/// The buffer that holds any command or response the card knows, bytes: an extended header, the data, an extended `Le`.
pub const APDU_MAX: usize = 4096;

/// The buffer for a reply, bytes. It holds any response; and while the card opens a response of the transaction
/// protocol, what was sealed in it behind what is shown of it.
pub const REPLY_MAX: usize = 4864;

/// The longest data field of a short command, bytes (ISO/IEC 7816-3, 12.1).
pub const SHORT_DATA_MAX: usize = 255;

/// What a short `Le` of 00 asks for, bytes.
pub const SHORT_EXPECTED_MAX: usize = 256;

/// What an extended `Le` of 0000 asks for, bytes.
pub const EXTENDED_EXPECTED_MAX: usize = 65_536;

/// How many failed authentications in a row block a key set.
pub const KEY_TRIES_MAX: u8 = 255;

/// The longest name of an application, bytes.
pub const AID_LENGTH_MAX: usize = 16;

/// The longest issuer identification number or card image number, bytes.
pub const ISSUER_DATA_MAX: usize = 16;

/// What the blocks of STORE DATA may bring together, bytes: the longest object there is, encrypted, and some room.
pub const STORE_DATA_MAX: usize = 512;

/// Key sets that a security domain may have at a time.
pub const KEY_SETS_MAX: usize = 4;

/// Logical channels, the basic one among them.
pub const CHANNELS: u8 = 4;

/// Identifiers in the path of one SELECT.
pub const PATH_DEPTH_MAX: usize = 8;

/// The largest transparent file, bytes: what 15 bits of offset reach.
pub const TRANSPARENT_SIZE_MAX: u16 = 0x7FFF;

/// The longest record, bytes.
pub const RECORD_SIZE_MAX: u16 = 1024;

/// Records in a file: record numbers 1 to 254.
pub const RECORDS_MAX: u8 = 254;

/// Bytes of security attributes in compact format: an access mode byte and a condition for each of its seven bits.
pub const COMPACT_ATTRIBUTES_MAX: usize = 8;

/// Bytes of security attributes in any format. They are in the file's header, which is one small object in flash.
pub const SECURITY_ATTRIBUTES_MAX: usize = 96;

/// Bytes of a condition: a security condition byte, or a security condition data object with everything in it.
pub const CONDITION_MAX: usize = 64;

/// Templates that lie one in another in a condition.
pub const CONDITION_DEPTH_MAX: usize = 4;

/// PIN references, 1 to this.
pub const PIN_REFERENCE_MAX: u8 = 14;

/// The shortest and longest PIN, bytes.
pub const PIN_LENGTH_MIN: usize = 4;
/// See [`PIN_LENGTH_MIN`].
pub const PIN_LENGTH_MAX: usize = 16;

/// The most tries a PIN can have before it blocks: what 63Cx can tell.
pub const PIN_TRIES_MAX: u8 = 15;

/// References of keys in the key store, from this.
pub const KEY_REFERENCE_MIN: u8 = 0x21;
/// See [`KEY_REFERENCE_MIN`].
pub const KEY_REFERENCE_MAX: u8 = 0x3E;

/// The most failed authentications in a row that a key of the key store takes before it blocks: what 63Cx can tell.
pub const KEY_AUTHENTICATION_TRIES_MAX: u8 = 15;

/// The shortest and longest challenge that a host gives to INTERNAL AUTHENTICATE, bytes.
pub const HOST_CHALLENGE_MIN: usize = 8;
/// See [`HOST_CHALLENGE_MIN`].
pub const HOST_CHALLENGE_MAX: usize = 64;

/// The most that PERFORM SECURITY OPERATION enciphers, bytes: the response has padding indicator, nonce and tag more.
pub const PLAIN_MAX: usize = DATA_MAX - (1 + 12 + 16);

/// The longest answer to GET CHALLENGE, bytes.
pub const CHALLENGE_MAX: usize = 256;

/// Provider records on one card, numbered 1 to this.
pub const PROVIDERS_MAX: u8 = 16;

/// A provider's identifier, bytes.
pub const PROVIDER_ID_MAX: usize = 16;

/// A provider's name, bytes of UTF-8.
pub const PROVIDER_NAME_MAX: usize = 64;

/// Account information in a provider record, bytes.
pub const ACCOUNT_INFORMATION_MAX: usize = 64;

/// A provider's descriptor as the card stores it, bytes.
pub const DESCRIPTOR_MAX: usize = 512;

/// Entries in the transaction journal; the oldest gives way.
pub const JOURNAL_ENTRIES: u8 = 16;

const _: () = assert!(COMMAND_MAX + PROTECTION_MAX <= APDU_MAX, "the longest command fits its buffer");
const _: () = assert!(RESPONSE_MAX + PROTECTION_MAX <= REPLY_MAX, "the longest response fits its buffer");
const _: () = assert!(RECORD_SIZE_MAX as usize <= DATA_MAX, "a record is read by one command");
const _: () = assert!(
    (PROVIDERS_MAX as usize) * (PROVIDER_NAME_MAX + PROVIDER_ID_MAX + CONDITION_MAX + 20) <= DATA_MAX,
    "the list of all providers is one response"
);
