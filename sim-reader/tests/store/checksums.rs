//! Checksums made right again in flash that was changed, by the store's format and not by its code.

/// Where a page's records start.
pub(crate) const BODY: usize = 56;

/// Makes the checksums of everything that looks like a page header or a record right again, in pages of this size.
pub(crate) fn mend(bytes: &mut [u8], page_size: usize) {
    for page in bytes.chunks_mut(page_size) {
        let checksum = crc32(&[&page[..20]]);
        page[20..24].copy_from_slice(&checksum.to_le_bytes());
        let sequence = page[4..8].to_vec();
        let mut offset = BODY;
        while offset + 12 <= page_size && page[offset] != 0xFF {
            let end = offset + 12 + usize::from(page[offset + 1]);
            if end > page_size {
                break;
            }
            let place = ((offset / 4) as u32).to_le_bytes();
            let checksum = crc32(&[&place, &sequence, &page[offset..offset + 8], &page[offset + 12..end]]);
            page[offset + 8..offset + 12].copy_from_slice(&checksum.to_le_bytes());
            let seal = if page[offset] & 0x20 == 0 { 0 } else { 4 };
            offset = end.next_multiple_of(4) + seal;
        }
    }
}

/// ISO 3309's without the final complement, as the store's format says.
fn crc32(parts: &[&[u8]]) -> u32 {
    let shifted = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    parts.iter().copied().flatten().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| shifted(crc)))
}
