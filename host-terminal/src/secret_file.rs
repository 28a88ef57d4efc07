//! Secrets in files: the first line of one.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

/// The longest first line, bytes: more than any card takes.
pub const LINE_MAX: usize = 4096;

/// The first line of a file without its end, which may be another system's. Erased when it is dropped.
///
/// # Errors
/// The file cannot be read, or the line is longer than [`LINE_MAX`].
pub fn first_line(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    const READ_MAX: usize = LINE_MAX + 1;
    // With all its space from the start, so that no part of it is left where it grew.
    let mut line = Zeroizing::new(Vec::with_capacity(READ_MAX));
    File::open(path)?.take(READ_MAX as u64).read_to_end(&mut line)?;
    let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
    line.truncate(end);
    if end > LINE_MAX { Err(io::Error::other("its first line is too long for a secret")) } else { Ok(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_read_whatever_ends_it_and_however_long_the_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pin");
        for text in ["123456", "123456\n", "123456\r\n", "123456\nmore\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(first_line(&path).unwrap().as_slice(), b"123456", "{text:?}");
        }
        std::fs::write(&path, ["1\n", &"x".repeat(2 * LINE_MAX)].concat()).unwrap();
        assert_eq!(first_line(&path).unwrap().as_slice(), b"1");
        assert!(first_line(Path::new("/dev/zero")).is_err() && first_line(folder.path()).is_err());
    }
}
