//! What each command of the program does.

pub(crate) mod control;
pub(crate) mod image;
pub(crate) mod serve;
pub(crate) mod vpcd;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Ready when somebody asks this process to end. From this call on no signal ends it rudely.
fn stop() -> Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
