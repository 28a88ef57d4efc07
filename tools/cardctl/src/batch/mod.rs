//! `cardctl batch`: many simulated cards, each an image that is made and issued in this process.
//!
//! ```text
//! FOLDER/card-000001.image  the first card; while it is under way, card-000001.image.part
//! FOLDER/manifest.jsonl     a line for every card that is finished, in the order in which they were
//! ```
//!
//! A card is finished when its line is in the manifest: before, its image was made durable under its name. After a
//! batch was killed the same command makes what is not finished, from the beginning of each card.

mod manifest;
mod progress;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use host_terminal::card::Card;
use host_terminal::observe::Tap;
use serde_json::json;
use sim_reader::card::{Noise, SoftwareCard};
use sim_reader::image::{Image, SyncPolicy};

use self::manifest::Manifest;
use self::progress::Progress;
use self::rows::Rows;
use crate::profile::{self, Occasion, Profile};
use crate::software::Software;
use crate::{issue, print};

/// Cards in one batch, at most.
const COUNT_MAX: u32 = 1_000_000;

/// Cards that are made at a time.
const WORKERS: usize = 2;

/// Issues simulated cards.
#[derive(Args)]
pub(crate) struct Batch {
    /// How many cards; left out, one for every holder.
    #[arg(long, value_name = "NUMBER")]
    count: Option<u32>,
    /// What goes onto each card (TOML). A name in braces is filled in: n is the card's number, and any other is what
    /// the holders' column of this name says.
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The holders (CSV): a line with the names of the columns, then a line for each.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Where the images and the manifest go. What an earlier run has finished there is kept.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Pages of 4,096 bytes that each card's flash has.
    #[arg(long, default_value_t = 32)]
    pages: u32,
    /// One line of JSON instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What all workers share.
struct Work<'a> {
    batch: &'a Batch,
    template: &'a str,
    folder: &'a Path,
    rows: &'a Rows,
    manifest: &'a Manifest,
    progress: &'a Progress,
    count: u32,
    next: AtomicU32,
    is_over: AtomicBool,
}

pub(crate) fn run(batch: &Batch) -> Result<()> {
    let template = profile::read_text(&batch.profile)?;
    let rows = batch.csv.as_deref().map(Rows::read).transpose()?.unwrap_or_default();
    let count = count(batch, &rows)?;
    let folder = batch.profile.parent().unwrap_or(Path::new("."));
    // The first card's profile is understood before anything is made.
    read_profile(&template, &rows, 1, folder).context("card 1")?;
    fs::create_dir_all(&batch.out).with_context(|| format!("cannot make {}", batch.out.display()))?;
    let manifest = Manifest::open(&batch.out)?;
    let kept = manifest.count_up_to(count);
    let progress = Progress::new(count, kept);
    let (next, is_over) = (AtomicU32::new(1), AtomicBool::new(false));
    let (template, rows, manifest, progress) = (template.as_str(), &rows, &manifest, &progress);
    let work = Work { batch, template, folder, rows, manifest, progress, count, next, is_over };
    work.all()?;
    progress.finish();
    let made = count - kept;
    let told = json!({ "cards": count, "made": made, "kept": kept, "manifest": manifest.path() });
    print(batch.json, &told, || {
        let before = if kept == 0 { String::new() } else { format!(", {kept} of them by an earlier run") };
        format!("{count} cards are in {}{before}; {} lists them.", batch.out.display(), manifest.path().display())
    });
    Ok(())
}

fn count(batch: &Batch, rows: &Rows) -> Result<u32> {
    let holders = u32::try_from(rows.len())?;
    let count = match (batch.count, &batch.csv) {
        (Some(count), Some(_)) => {
            ensure!(count <= holders, "--count {count}, and there are {holders} holders");
            count
        }
        (Some(count), None) => count,
        (None, Some(_)) => holders,
        (None, None) => bail!("give --count, or the holders with --csv"),
    };
    ensure!((1..=COUNT_MAX).contains(&count), "1 to {COUNT_MAX} cards, not {count}");
    Ok(count)
}

fn read_profile(template: &str, rows: &Rows, number: u32, folder: &Path) -> Result<Profile> {
    let row = rows.row(number);
    let text = rows::fill_in(template, number, row)?;
    Profile::parse_with(&text, folder, Occasion::Issue, row)
}

impl Work<'_> {
    fn all(&self) -> Result<()> {
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| self.some())).collect();
            let joined = workers.into_iter().map(|worker| worker.join());
            joined.map(|result| result.unwrap_or_else(|_| Err(anyhow!("a worker failed")))).collect::<Vec<_>>()
        });
        results.into_iter().collect()
    }

    /// Makes cards until there are no more to make, or somebody has failed.
    fn some(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number > self.count {
                break;
            }
            if self.manifest.has(number) {
                continue;
            }
            let made = runtime.block_on(self.one(number));
            if made.is_err() {
                self.is_over.store(true, Ordering::Relaxed);
            }
            made.with_context(|| format!("card {number}; what is finished is kept, and the same command goes on"))?;
            self.progress.step();
        }
        Ok(())
    }

    async fn one(&self, number: u32) -> Result<()> {
        let profile = read_profile(self.template, self.rows, number, self.folder)?;
        let name = format!("card-{number:06}.image");
        let (path, part) = (self.batch.out.join(&name), self.batch.out.join(format!("{name}.part")));
        // What an earlier run left under way.
        for left in [&part, &path] {
            match fs::remove_file(left) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", left.display()));
                }
                _ => {}
            }
        }
        let image = Image::create(&part, self.batch.pages, None, SyncPolicy::Never)?;
        let reader = Software::new(SoftwareCard::format(image, Noise::Os)?)?;
        let mut card = Card::new(Box::new(reader), Tap::silent());
        let issued = issue::issue(&mut card, &profile).await?;
        drop(card);
        fs::File::open(&part)?.sync_all()?;
        fs::rename(&part, &path)?;
        self.manifest.add(number, &name, &issued)
    }
}
