//! Amounts as people write them: `12.50` and a currency, where a message counts minor units.

use core::fmt;

use crate::types::Currency;

/// An amount in minor units and its currency; displays as `12.50 EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Minor units.
    pub minor: u64,
    /// Which.
    pub currency: Currency,
}

impl Currency {
    /// A currency from its three capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// How many digits its minor unit has behind the point (ISO 4217, column "minor unit"; 2 where it is not listed
    /// here). Points are whole.
    #[must_use]
    pub const fn minor_digits(self) -> u32 {
        match &self.0 {
            _ if self.is_points() => 0,
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" | b"XXX" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl Amount {
    /// Reads an amount such as `12.50`, `12.5` or `12`; `None` where it is none, or has more digits than the currency.
    #[must_use]
    pub fn parse(text: &str, currency: Currency) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let mut minor: u64 = whole.parse().ok()?;
        let mut rest = fraction.bytes().map(|byte| u64::from(byte - b'0'));
        for _ in 0..currency.minor_digits() {
            minor = minor.checked_mul(10)?.checked_add(rest.next().unwrap_or(0))?;
        }
        rest.all(|digit| digit == 0).then_some(Self { minor, currency })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        let unit = 10_u64.pow(digits);
        let (whole, fraction) = (self.minor / unit, self.minor % unit);
        match digits {
            0 => write!(f, "{whole} {}", self.currency.as_str()),
            digits => write!(f, "{whole}.{fraction:0width$} {}", self.currency.as_str(), width = digits as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    const EUR: Currency = Currency(*b"EUR");
    const JPY: Currency = Currency(*b"JPY");

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, currency, minor) in [("12.50", EUR, 1250), ("12.5", EUR, 1250), ("12", EUR, 1200), ("0.01", EUR, 1)]
        {
            assert_eq!(Amount::parse(text, currency), Some(Amount { minor, currency }), "{text}");
        }
        for currency in [JPY, Currency(*b"QPT"), Currency::NONE] {
            assert_eq!(Amount::parse("500", currency), Some(Amount { minor: 500, currency }));
        }
        assert!(!Currency(*b"QAR").is_points(), "the Qatari rial");
        for text in ["", ".", "1.", ".5", "-1", "+1", "1,50", "0.001", "1e3", " 1", "99999999999999999999"] {
            assert_eq!(Amount::parse(text, EUR), None, "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_with_their_currency() {
        assert_eq!(Amount { minor: 1250, currency: EUR }.to_string(), "12.50 EUR");
        assert_eq!(Amount { minor: 5, currency: EUR }.to_string(), "0.05 EUR");
        assert_eq!(Amount { minor: 500, currency: JPY }.to_string(), "500 JPY");
    }
}
