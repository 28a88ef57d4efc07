//! The memory that messages take, under limits that hold over all connections together.
//!
//! | what | at most |
//! | --- | --- |
//! | short frames that arrive | [`SHORT_FRAME_MAX`] for each of [`super::CONNECTIONS_MAX`] connections: 14 MiB |
//! | longer frames that arrive | [`ARRIVING_MAX`]: 64 MiB |
//! | requests, from when they are there until their answers are sent | [`WORKING_MAX`]: 256 MiB |
//!
//! Whoever finds no room waits. A peer that announces long frames and lets them trickle in holds up long frames only,
//! and each for no longer than [`super::FRAME_TIME_MAX`].

use std::sync::Arc;

use protocol::limits::MESSAGE_MAX;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of a frame that needs no room of its own to arrive; most messages of a few members are shorter.
pub const SHORT_FRAME_MAX: usize = 16 * 1024;

/// Bytes of all longer frames that arrive at a time.
pub const ARRIVING_MAX: usize = 64 * 1024 * 1024;

/// Bytes of all requests that are worked on at a time and of answers that wait to be sent, reckoned with
/// [`REQUEST_COST`] and [`BYTE_COST`].
pub const WORKING_MAX: usize = 256 * 1024 * 1024;

/// Bytes reckoned for any request, however short.
pub const REQUEST_COST: usize = 1024;

/// Bytes reckoned for each byte of a request: itself, what it decodes to, and its answer, which is up to five times as
/// long and there twice while it is put together.
pub const BYTE_COST: usize = 16;

/// Room for messages.
pub(super) struct Memory {
    arriving: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

/// Room that a message has, until this is dropped.
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Memory {
    pub(super) fn new() -> Self {
        Self { arriving: Arc::new(Semaphore::new(ARRIVING_MAX)), working: Arc::new(Semaphore::new(WORKING_MAX)) }
    }

    /// Room for a frame of this length to arrive in.
    pub(super) async fn to_arrive(&self, length: usize) -> Room {
        if length <= SHORT_FRAME_MAX { Room(None) } else { take(&self.arriving, length).await }
    }

    /// Room to answer a request of this length.
    pub(super) async fn to_answer(&self, length: usize) -> Room {
        take(&self.working, REQUEST_COST + BYTE_COST * length).await
    }
}

impl Room {
    /// Gives up all but this many bytes.
    pub(super) fn keep(&mut self, length: usize) {
        self.0 = self.0.take().and_then(|mut all| {
            let length = length.min(all.num_permits());
            all.split(length)
        });
    }
}

async fn take(semaphore: &Arc<Semaphore>, bytes: usize) -> Room {
    let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
    // The semaphores are never closed.
    Room(Arc::clone(semaphore).acquire_many_owned(permits).await.ok())
}

const _: () = {
    // Room for the longest frame can be had.
    assert!(MESSAGE_MAX <= ARRIVING_MAX);
    assert!(REQUEST_COST + BYTE_COST * MESSAGE_MAX <= WORKING_MAX);
    assert!(WORKING_MAX <= u32::MAX as usize && WORKING_MAX <= Semaphore::MAX_PERMITS);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_given_up_in_part_is_there_again() {
        let memory = Memory::new();
        let mut room = memory.to_answer(1000).await;
        assert_eq!(memory.working.available_permits(), WORKING_MAX - REQUEST_COST - BYTE_COST * 1000);
        room.keep(500);
        assert_eq!(memory.working.available_permits(), WORKING_MAX - 500);
        room.keep(100_000);
        assert_eq!(memory.working.available_permits(), WORKING_MAX - 500);
        drop(room);
        assert_eq!(memory.working.available_permits(), WORKING_MAX);
        let _short = memory.to_arrive(SHORT_FRAME_MAX).await;
        assert_eq!(memory.arriving.available_permits(), ARRIVING_MAX);
        let _long = memory.to_arrive(SHORT_FRAME_MAX + 1).await;
        assert_eq!(memory.arriving.available_permits(), ARRIVING_MAX - SHORT_FRAME_MAX - 1);
    }
}
