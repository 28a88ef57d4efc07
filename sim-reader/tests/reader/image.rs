//! A card image as its owner sees it: what was written is there, whatever happened to the file, process or host.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
use sim_reader::image::{ERASE_UNIT, Image, ImageError, SyncPolicy};
use sim_reader::passphrase::Passphrase;
use tempfile::TempDir;

/// How long a process may take to run its own program.
const STARTING: Duration = Duration::from_secs(5);

const PAGES: u32 = 4;
const HEADER: usize = 128;

struct Folder {
    _folder: TempDir,
    image: PathBuf,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("card.image");
    Folder { _folder: folder, image }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes().to_vec()).unwrap()
}

fn content(image: &mut Image) -> Vec<u8> {
    let mut bytes = vec![0; image.capacity()];
    image.read(0, &mut bytes).unwrap();
    bytes
}

/// What an image holds when it is opened again. A process that another test is just starting has the file for an
/// instant, until it runs its own program: it is waited for.
fn reopened(path: &Path) -> Result<Vec<u8>, ImageError> {
    let began = Instant::now();
    loop {
        match Image::open(path, None, SyncPolicy::Command) {
            Err(ImageError::InUse(_)) if began.elapsed() < STARTING => sleep(Duration::from_millis(1)),
            opened => return opened.map(|mut image| content(&mut image)),
        }
    }
}

/// Writes one word a command; returns the content after each command and the length of the log then.
fn history(path: &Path, commands: u32) -> Vec<(usize, Vec<u8>)> {
    let mut image = Image::create(path, PAGES, None, SyncPolicy::Command).unwrap();
    let mut states = vec![(HEADER, content(&mut image))];
    for number in 0..commands {
        if number % 7 == 6 {
            image.erase(0, ERASE_UNIT).unwrap();
        } else {
            image.write(number * 4, &number.to_be_bytes()).unwrap();
        }
        image.finish_command().unwrap();
        states.push((usize::try_from(image.info().log_length).unwrap(), content(&mut image)));
    }
    states
}

#[test]
fn flash_behaves_like_flash_and_is_there_again() {
    let Folder { image: path, _folder } = folder();
    let mut image = Image::create(&path, PAGES, None, SyncPolicy::Command).unwrap();
    assert!(content(&mut image).iter().all(|byte| *byte == 0xFF));

    image.write(8, &[0x0F, 0xFF, 0xFF, 0xFF]).unwrap();
    image.write(8, &[0xF0, 0x55, 0xFF, 0xFF]).unwrap();
    image.write(2 * ERASE_UNIT, &vec![0xA5; 2 * ERASE_UNIT as usize]).unwrap();
    image.erase(3 * ERASE_UNIT, 4 * ERASE_UNIT).unwrap();
    image.finish_command().unwrap();

    let mut expected = vec![0xFF; (PAGES * ERASE_UNIT) as usize];
    expected[8..12].copy_from_slice(&[0x00, 0x55, 0xFF, 0xFF]); // programming only clears bits
    expected[2 * ERASE_UNIT as usize..3 * ERASE_UNIT as usize].fill(0xA5);
    assert_eq!(content(&mut image), expected);
    drop(image);
    assert_eq!(reopened(&path).unwrap(), expected);
}

#[test]
fn operations_beyond_the_flash_or_beside_its_units_change_nothing() {
    let Folder { image: path, _folder } = folder();
    let mut image = Image::create(&path, PAGES, None, SyncPolicy::Command).unwrap();
    let length = image.info().log_length;
    assert!(image.write(PAGES * ERASE_UNIT, &[0; 4]).is_err());
    assert!(image.write(2, &[0; 4]).is_err());
    assert!(image.write(0, &[0; 3]).is_err());
    assert!(image.erase(0, (PAGES + 1) * ERASE_UNIT).is_err());
    assert!(image.erase(4, ERASE_UNIT).is_err());
    assert!(image.read(PAGES * ERASE_UNIT - 1, &mut [0; 2]).is_err());
    image.finish_command().unwrap();
    assert_eq!(image.info().log_length, length);
    assert!(content(&mut image).iter().all(|byte| *byte == 0xFF));
}

#[test]
fn a_file_cut_anywhere_is_a_prefix_of_the_operations() {
    let Folder { image: path, _folder } = folder();
    let states = history(&path, 20);
    let whole = fs::read(&path).unwrap();
    let end = states.last().unwrap().0;
    for cut in HEADER..=end {
        fs::write(&path, &whole[..cut]).unwrap();
        let expected = states.iter().rev().find(|(length, _)| *length <= cut).unwrap();
        assert!(reopened(&path).unwrap() == expected.1, "cut at {cut}");
    }
    for cut in 0..HEADER {
        fs::write(&path, &whole[..cut]).unwrap();
        assert!(matches!(reopened(&path), Err(ImageError::NotAnImage(_))), "cut at {cut}");
    }
}

#[test]
fn what_a_crash_left_unsynced_is_dropped_whatever_order_the_host_wrote_it_in() {
    let Folder { image: path, _folder } = folder();
    let mut image = Image::create(&path, PAGES, None, SyncPolicy::Command).unwrap();
    image.write(0, &[1; 4]).unwrap();
    image.finish_command().unwrap();
    let before = content(&mut image);
    let begin = usize::try_from(image.info().log_length).unwrap();
    for number in 1..=6 {
        image.write(number * 4, &[2; 4]).unwrap();
    }
    let end = usize::try_from(image.info().log_length).unwrap();
    drop(image); // no finish_command: the six operations belong to a command that was never answered
    let whole = fs::read(&path).unwrap();
    let record = (end - begin) / 6;

    for lost in 0..6 {
        let mut torn = whole.clone();
        torn[begin + lost * record..begin + (lost + 1) * record].fill(0);
        fs::write(&path, &torn).unwrap();
        let mut expected = before.clone();
        expected[4..4 * (lost + 1)].fill(2);
        assert_eq!(reopened(&path).unwrap(), expected, "operation {lost} did not reach the disk");
        assert_eq!(reopened(&path).unwrap(), expected, "and again");
    }
}

#[test]
fn a_card_continues_behind_what_a_crash_left() {
    let Folder { image: path, _folder } = folder();
    let states = history(&path, 5);
    let (end, _) = states[5];
    let mut torn = fs::read(&path).unwrap();
    torn[end - 1] ^= 1; // the last record
    torn[end + 16..end + 80].fill(0xEE);
    fs::write(&path, &torn).unwrap();

    let mut image = Image::open(&path, None, SyncPolicy::Command).unwrap();
    assert_eq!(content(&mut image), states[4].1);
    for number in 100..110_u32 {
        image.write(number * 4, &number.to_be_bytes()).unwrap();
        image.finish_command().unwrap();
    }
    let expected = content(&mut image);
    drop(image);
    assert_eq!(reopened(&path).unwrap(), expected);
}

#[test]
fn damage_to_what_was_acknowledged_is_an_error_and_not_a_loss() {
    let Folder { image: path, _folder } = folder();
    let states = history(&path, 12);
    let whole = fs::read(&path).unwrap();
    let last = states[states.len() - 3].0; // damage to the last two cannot be told from a crash
    for place in (HEADER..last).step_by(5) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x40;
        fs::write(&path, &damaged).unwrap();
        assert!(matches!(reopened(&path), Err(ImageError::Damaged { .. })), "byte {place}");
        assert!(fs::read(&path).unwrap() == damaged, "a refused file is not touched");
    }
    for place in 0..HEADER {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x01;
        fs::write(&path, &damaged).unwrap();
        assert!(reopened(&path).is_err(), "byte {place} of the header");
    }
}

#[test]
fn the_log_is_written_anew_and_stays_small() {
    let Folder { image: path, _folder } = folder();
    let mut image = Image::create(&path, PAGES, Some(&passphrase("horse")), SyncPolicy::Never).unwrap();
    let bound = u64::from(2 * PAGES * ERASE_UNIT) + 1024 * 1024 + 8192;
    let (mut rewritten, mut before) = (0, 0);
    for number in 0..1200_u32 {
        let page = number % PAGES * ERASE_UNIT;
        image.erase(page, page + ERASE_UNIT).unwrap();
        image.write(page, &[number.to_le_bytes()[0]; ERASE_UNIT as usize]).unwrap();
        image.finish_command().unwrap();
        let length = image.info().log_length;
        rewritten += u32::from(length < before);
        before = length;
        assert!(length <= bound, "{length}");
    }
    assert!(rewritten >= 3, "{rewritten}");
    let expected = content(&mut image);
    assert!(matches!(Image::open(&path, Some(&passphrase("horse")), SyncPolicy::Never), Err(ImageError::InUse(_))));
    drop(image);
    fs::write(path.with_file_name("card.image.new"), b"left by a crash in the middle of writing anew").unwrap();
    let mut image = Image::open(&path, Some(&passphrase("horse")), SyncPolicy::Command).unwrap();
    assert_eq!(content(&mut image), expected);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside the image");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_encrypted_image_shows_nothing_and_opens_with_its_passphrase_alone() {
    let Folder { image: path, _folder } = folder();
    let secret = *b"account secret of the cardholder";
    let mut image = Image::create(&path, PAGES, Some(&passphrase("correct horse")), SyncPolicy::Command).unwrap();
    image.write(ERASE_UNIT, &secret).unwrap();
    image.finish_command().unwrap();
    assert!(image.info().encrypted);
    let expected = content(&mut image);
    drop(image);

    let file = fs::read(&path).unwrap();
    assert!(!file.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
    assert!(matches!(
        Image::open(&path, Some(&passphrase("correct mouse")), SyncPolicy::Command),
        Err(ImageError::WrongKey { encrypted: true, .. })
    ));
    assert!(matches!(Image::open(&path, None, SyncPolicy::Command), Err(ImageError::PassphraseNeeded(_))));
    let mut image = Image::open(&path, Some(&passphrase("correct horse")), SyncPolicy::Command).unwrap();
    assert_eq!(content(&mut image), expected);
}

#[test]
fn a_changed_moved_or_foreign_record_of_an_encrypted_image_is_found() {
    let Folder { image: path, _folder } = folder();
    let key = passphrase("correct horse");
    let mut image = Image::create(&path, PAGES, Some(&key), SyncPolicy::Command).unwrap();
    let mut ends = vec![HEADER];
    for number in 0..4_u32 {
        image.write(number * 4, &[3; 4]).unwrap();
        image.finish_command().unwrap();
        ends.push(usize::try_from(image.info().log_length).unwrap());
    }
    drop(image);
    let whole = fs::read(&path).unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(&path, changed).unwrap();
        Image::open(&path, Some(&key), SyncPolicy::Command)
    };
    assert!(matches!(with(&|file| file[ends[1] + 20] ^= 1), Err(ImageError::Damaged { .. })), "changed");
    assert!(matches!(
        with(&|file| {
            let first = file[ends[0]..ends[1]].to_vec();
            file.copy_within(ends[1]..ends[2], ends[0]);
            file[ends[1]..ends[2]].copy_from_slice(&first);
        }),
        Err(ImageError::Damaged { .. })
    ));
    assert!(matches!(with(&|file| drop(file.drain(ends[0]..ends[1]))), Err(ImageError::Damaged { .. })), "left out");
    assert!(matches!(with(&|file| file[60] ^= 1), Err(ImageError::WrongKey { .. })), "another generation");
    assert!(with(&|_| ()).is_ok());
}

#[test]
fn what_is_not_a_usable_image_is_said_clearly() {
    let Folder { image: path, _folder } = folder();
    assert!(matches!(reopened(&path), Err(ImageError::Io { .. })), "no file");
    fs::write(&path, vec![0x55; 4096]).unwrap();
    assert!(matches!(reopened(&path), Err(ImageError::NotAnImage(_))));
    assert!(matches!(Image::create(&path, PAGES, None, SyncPolicy::Command), Err(ImageError::Io { .. })), "exists");
    fs::remove_file(&path).unwrap();
    for pages in [0, 1, u32::MAX] {
        assert!(matches!(Image::create(&path, pages, None, SyncPolicy::Command), Err(ImageError::Pages { .. })));
    }
    assert!(!path.exists());

    let open = Image::create(&path, PAGES, None, SyncPolicy::Command).unwrap();
    assert!(matches!(reopened(&path), Err(ImageError::InUse(_))));
    drop(open);
    let given = Image::open(&path, Some(&passphrase("any")), SyncPolicy::Command);
    assert!(matches!(given, Err(ImageError::NotEncrypted(_))), "an open image in the place of a sealed one");

    let whole = fs::read(&path).unwrap();
    let mut later = whole.clone();
    later[9] = 2;
    fs::write(&path, later).unwrap();
    assert!(matches!(reopened(&path), Err(ImageError::Version { version: 2, .. })));

    // A file that would make Argon2id take 4 TiB.
    let mut greedy = whole;
    greedy[11] = 1;
    greedy[24..36].fill(0xFF);
    fs::write(&path, greedy).unwrap();
    let given = Image::open(&path, Some(&passphrase("any")), SyncPolicy::Command);
    assert!(matches!(given, Err(ImageError::Geometry(_))));
}
