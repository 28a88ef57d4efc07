//! The file format pcapng (draft-ietf-opsawg-pcapng), as far as it is written here: a section, its interfaces, its
//! packets. All numbers are little-endian; the byte order magic says so.

/// Time counts in 10 to the power of minus this, seconds.
pub(super) const RESOLUTION: u8 = 9;

/// LINKTYPE_WIRESHARK_UPPER_PDU: a packet says first which dissector reads it.
const LINK_TYPE: u16 = 252;

const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;
const VERSION: [u16; 2] = [1, 0];
/// The length of the section is not told.
const UNKNOWN_LENGTH: u64 = u64::MAX;
/// Packets are not cut.
const NO_SNAP_LENGTH: u32 = 0;

/// Options: a comment, of anything; then what is said of a section, an interface, a packet.
const END: u16 = 0;
const COMMENT: u16 = 1;
const SECTION_PROGRAM: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_RESOLUTION: u16 = 9;
const PACKET_FLAGS: u16 = 2;

/// The longest option that is written, bytes: its length has two bytes.
const OPTION_MAX: usize = 0xFFF0;

/// Which way a packet went, as its flags say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// From the card.
    Inbound = 1,
    /// To the card.
    Outbound = 2,
}

/// A packet of an interface.
pub(super) struct Packet<'a> {
    /// Which interface, in the order in which they were written.
    pub(super) interface: u32,
    /// When, in units of [`RESOLUTION`] since 1970.
    pub(super) at: u64,
    /// Which way.
    pub(super) direction: Direction,
    /// As much of it as there is.
    pub(super) bytes: &'a [u8],
    /// How many more bytes it had.
    pub(super) cut: usize,
    /// What people are told of it.
    pub(super) comment: &'a str,
}

/// The beginning of a file that `program` writes.
pub(super) fn section(program: &str) -> Vec<u8> {
    let mut body = BYTE_ORDER.to_le_bytes().to_vec();
    VERSION.iter().for_each(|part| body.extend(part.to_le_bytes()));
    body.extend(UNKNOWN_LENGTH.to_le_bytes());
    options(&mut body, &[(SECTION_PROGRAM, program.as_bytes())]);
    block(SECTION, &body)
}

/// An interface that packets go through.
pub(super) fn interface(name: &str) -> Vec<u8> {
    let mut body = LINK_TYPE.to_le_bytes().to_vec();
    body.extend([0; 2]);
    body.extend(NO_SNAP_LENGTH.to_le_bytes());
    options(&mut body, &[(INTERFACE_NAME, name.as_bytes()), (INTERFACE_RESOLUTION, &[RESOLUTION])]);
    block(INTERFACE, &body)
}

impl Packet<'_> {
    /// The packet in the file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut body = self.interface.to_le_bytes().to_vec();
        let [high, low] = [self.at >> 32, self.at & 0xFFFF_FFFF].map(|half| u32::try_from(half).unwrap_or(u32::MAX));
        for number in [high, low, length(self.bytes.len()), length(self.bytes.len() + self.cut)] {
            body.extend(number.to_le_bytes());
        }
        put_padded(&mut body, self.bytes);
        let flags = (self.direction as u32).to_le_bytes();
        let (comment, _) = self.comment.split_at(self.comment.floor_char_boundary(OPTION_MAX));
        options(&mut body, &[(COMMENT, comment.as_bytes()), (PACKET_FLAGS, &flags)]);
        block(PACKET, &body)
    }
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    // The kind, the length twice.
    let length = length(body.len() + 12).to_le_bytes();
    [&kind.to_le_bytes(), &length, body, &length].concat()
}

fn options(body: &mut Vec<u8>, options: &[(u16, &[u8])]) {
    for (code, value) in options {
        let value = value.get(..OPTION_MAX).unwrap_or(value);
        body.extend(code.to_le_bytes());
        body.extend(u16::try_from(value.len()).unwrap_or_default().to_le_bytes());
        put_padded(body, value);
    }
    body.extend(END.to_le_bytes());
    body.extend([0; 2]);
}

/// Bytes, and zeros up to a multiple of four.
fn put_padded(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend(bytes);
    body.extend(vec![0; bytes.len().next_multiple_of(4) - bytes.len()]);
}

/// No block comes near what 32 bits say: APDUs have 64 KiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
