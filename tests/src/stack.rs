//! How deep a stack goes, measured: the stack of a new thread is painted, work is done on it, and the paint that is
//! left is looked for. The thread's memory is reached through Linux's `/proc/self/mem`.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::thread::Builder;

use anyhow::{Result, anyhow, ensure};

/// What is painted and looked through; deeper work is an error.
const SPAN: usize = 256 * 1024;

/// The stack that painting itself uses, which it must leave alone: less depth than this is not seen.
const GAP: usize = 2048;

const STACK: usize = 2 * SPAN;

/// An unlikely value of a byte in a stack.
const PAINT: u8 = 0xA7;

/// Does `work` and tells how many bytes of stack it took, and what it gave.
///
/// # Errors
/// The memory of this process cannot be reached, or the work goes deeper than 256 KiB.
pub fn depth_of<T: Send>(work: impl FnOnce() -> T + Send) -> Result<(usize, T)> {
    std::thread::scope(|scope| {
        let thread = Builder::new().stack_size(STACK).spawn_scoped(scope, || on_painted_stack(work))?;
        thread.join().map_err(|_| anyhow!("the work panicked"))?
    })
}

#[inline(never)]
fn on_painted_stack<T>(work: impl FnOnce() -> T) -> Result<(usize, T)> {
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    let mut painted = vec![PAINT; SPAN];
    let top = here() - GAP;
    memory.write_all_at(&painted, start(top)?)?;
    let done = run(work);
    look(&memory, &mut painted, top)?;
    let untouched = painted.iter().take_while(|byte| **byte == PAINT).count();
    ensure!(untouched > 0, "the work takes more than {SPAN} bytes of stack");
    Ok((SPAN - untouched + GAP, done))
}

/// Not to become part of the frame from which the depth is counted.
#[inline(never)]
fn run<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn look(memory: &File, painted: &mut [u8], top: usize) -> Result<()> {
    Ok(memory.read_exact_at(painted, start(top)?)?)
}

fn start(top: usize) -> Result<u64> {
    Ok(u64::try_from(top - SPAN)?)
}

/// An address at the end of the stack.
#[inline(never)]
fn here() -> usize {
    let local = black_box(0_u8);
    std::ptr::from_ref(&local).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_on_the_stack_is_seen_and_one_on_the_heap_is_not() {
        let buffer = |length| depth_of(move || black_box(vec![1_u8; length]).len()).unwrap().0;
        let array = depth_of(|| black_box([1_u8; 50_000])[49_999]).unwrap();
        assert_eq!(array.1, 1);
        assert!((50_000..60_000).contains(&array.0), "{}", array.0);
        assert!(buffer(50_000) < 10_000, "{}", buffer(50_000));
    }

    #[test]
    fn what_is_too_deep_is_said() {
        assert!(depth_of(|| black_box([1_u8; SPAN + 2 * GAP])[0]).is_err());
    }
}
