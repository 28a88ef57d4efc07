//! Status words (ISO/IEC 7816-4, 5.6): the two bytes that end every response.

/// A status word, SW1 the high byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Nothing was found.
    pub const NOT_FOUND: Self = Self(0x6282);
    /// The file is selected, but deactivated.
    pub const FILE_DEACTIVATED: Self = Self(0x6283);
    /// The file is selected, but terminated.
    pub const FILE_TERMINATED: Self = Self(0x6285);
    /// A signature, a checksum or the other side's proof that it has the keys is wrong.
    pub const NOT_AUTHENTICATED: Self = Self(0x6300);
    /// The flash did not do what it was told; nothing of the command was kept.
    pub const MEMORY_FAILURE: Self = Self(0x6581);
    /// A data field or `Le` of the wrong length.
    pub const WRONG_LENGTH: Self = Self(0x6700);
    /// The class names a logical channel that is not open or does not exist.
    pub const CHANNEL_NOT_SUPPORTED: Self = Self(0x6881);
    /// Secure messaging is not available here.
    pub const SECURE_MESSAGING_NOT_SUPPORTED: Self = Self(0x6882);
    /// The command does not fit the structure of the current file.
    pub const INCOMPATIBLE_FILE: Self = Self(0x6981);
    /// The access condition is not met.
    pub const SECURITY_NOT_SATISFIED: Self = Self(0x6982);
    /// The PIN has no tries left.
    pub const PIN_BLOCKED: Self = Self(0x6983);
    /// There is nothing that could be compared: the PIN has no resetting code.
    pub const REFERENCE_NOT_USABLE: Self = Self(0x6984);
    /// A well-formed command at the wrong moment, or in the wrong life cycle state.
    pub const CONDITIONS_NOT_SATISFIED: Self = Self(0x6985);
    /// No file is selected.
    pub const NO_CURRENT_FILE: Self = Self(0x6986);
    /// The data field is not what the command takes.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// The command or this use of it is not offered.
    pub const FUNCTION_NOT_SUPPORTED: Self = Self(0x6A81);
    /// No such file or application.
    pub const FILE_NOT_FOUND: Self = Self(0x6A82);
    /// No such record.
    pub const RECORD_NOT_FOUND: Self = Self(0x6A83);
    /// The card or the file is full; nothing was changed.
    pub const NOT_ENOUGH_SPACE: Self = Self(0x6A84);
    /// P1 or P2 has a value the command does not take.
    pub const WRONG_P1_P2: Self = Self(0x6A86);
    /// No such PIN, key or provider record.
    pub const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    /// A file with this identifier exists.
    pub const FILE_EXISTS: Self = Self(0x6A89);
    /// An application with this identifier exists.
    pub const AID_EXISTS: Self = Self(0x6A8A);
    /// An offset behind the end of the file.
    pub const WRONG_OFFSET: Self = Self(0x6B00);
    /// The card has no such command, or not in this application.
    pub const INSTRUCTION_NOT_SUPPORTED: Self = Self(0x6D00);
    /// The card has no such class.
    pub const CLASS_NOT_SUPPORTED: Self = Self(0x6E00);
    /// The card's own failure; nothing of the command was kept.
    pub const FAILURE: Self = Self(0x6F00);

    /// 61xx: `remaining` more bytes wait for GET RESPONSE; 256 and more are told as 00.
    #[must_use]
    pub fn more(remaining: usize) -> Self {
        Self(0x6100 | u16::from(u8::try_from(remaining).unwrap_or(0)))
    }

    /// 6Cxx: wrong `Le`; exactly `available` bytes are there.
    #[must_use]
    pub fn wrong_expected(available: usize) -> Self {
        Self(0x6C00 | u16::from(u8::try_from(available).unwrap_or(0)))
    }

    /// 63Cx: not verified, `left` more tries (at most 15 can be told).
    #[must_use]
    pub fn tries_left(left: u8) -> Self {
        Self(0x63C0 | u16::from(left.min(15)))
    }

    /// The bytes that wait for GET RESPONSE, if this status says so; 256 stands for "256 or more".
    #[must_use]
    pub const fn waiting(self) -> Option<usize> {
        match self.0.to_be_bytes() {
            [0x61, 0] => Some(256),
            [0x61, count] => Some(count as usize),
            _ => None,
        }
    }

    /// The tries left, if this status says so.
    #[must_use]
    pub const fn tries(self) -> Option<u8> {
        if self.0 & 0xFFF0 == 0x63C0 { Some(self.0.to_be_bytes()[1] & 0x0F) } else { None }
    }

    /// Whether it ends a command that was executed, perhaps with a warning: 9000, 62xx, 63xx.
    #[must_use]
    pub const fn is_executed(self) -> bool {
        matches!(self.0.to_be_bytes(), [0x90, 0x00] | [0x62 | 0x63, _])
    }

    /// SW1 and SW2.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }
}

impl core::fmt::Debug for Status {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "Status({:04X})", self.0)
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{:04X}", self.0)
    }
}
