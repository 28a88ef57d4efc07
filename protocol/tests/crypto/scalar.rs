//! Private keys of Wycheproof's vectors.

/// Wycheproof writes scalars as signed integers of any length.
pub(crate) fn scalar(integer: &[u8]) -> [u8; 32] {
    let significant = &integer[integer.iter().take_while(|byte| **byte == 0).count()..];
    let mut scalar = [0; 32];
    scalar[32 - significant.len()..].copy_from_slice(significant);
    scalar
}
