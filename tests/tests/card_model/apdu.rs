//! Commands as bytes.

/// A command, not yet on a logical channel and not yet protected.
#[derive(Clone, Debug)]
pub(crate) struct Apdu {
    pub(crate) header: [u8; 4],
    pub(crate) data: Vec<u8>,
    pub(crate) expected: Option<u8>,
}

impl Apdu {
    pub(crate) fn new(header: [u8; 4], data: impl Into<Vec<u8>>) -> Self {
        Self { header, data: data.into(), expected: None }
    }

    /// With a field that says how long the answer may be; 0 is 256.
    pub(crate) fn expecting(self, length: u8) -> Self {
        Self { expected: Some(length), ..self }
    }

    /// As it is sent in the clear.
    pub(crate) fn bytes(&self, channel: u8) -> Vec<u8> {
        let [class, rest @ ..] = self.header;
        let mut bytes = [&[class | channel], &rest[..]].concat();
        if !self.data.is_empty() {
            bytes.push(u8::try_from(self.data.len()).unwrap());
            bytes.extend(&self.data);
        }
        bytes.extend(self.expected);
        bytes
    }
}

/// A data object in BER-TLV.
pub(crate) fn object(tag: &[u8], value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let length = if length < 0x80 { vec![length] } else { vec![0x81, length] };
    [tag, &length, value].concat()
}
