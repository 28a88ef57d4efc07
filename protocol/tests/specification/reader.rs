//! A reader of the encoding in section 3 of `PROTOCOL.md`.

pub(crate) struct Reader<'a> {
    whole: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(whole: &'a [u8]) -> Self {
        Self { whole, at: 0 }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let bytes = &self.whole[self.at..self.at + count];
        self.at += count;
        bytes
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn number(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        value
    }

    pub(crate) fn index(&mut self) -> u16 {
        self.number().try_into().unwrap()
    }

    pub(crate) fn string(&mut self) -> &'a [u8] {
        let length = self.number().try_into().unwrap();
        self.bytes(length)
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.byte() {
            0 => None,
            1 => Some(read(self)),
            tag => panic!("{tag} is neither absent nor present"),
        }
    }

    /// What was read so far.
    pub(crate) fn before(&self) -> &'a [u8] {
        &self.whole[..self.at]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.whole.len()
    }

    pub(crate) fn end(&self) {
        assert!(self.is_empty(), "{} bytes are left", self.whole.len() - self.at);
    }
}
