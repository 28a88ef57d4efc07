//! All that the card asks of the board it runs on, beside the flash.

use embedded_storage::nor_flash::NorFlash;

/// The board.
pub trait Platform {
    /// The flash that belongs to the card's store, all of it.
    type Flash: NorFlash;

    /// Fills `out` from the board's noise source. Raw is fine: the card tests its health and conditions it.
    ///
    /// # Errors
    /// [`NoiseFailure`] when the source does not deliver; the command that needed it is refused.
    fn noise(&mut self, out: &mut [u8]) -> Result<(), NoiseFailure>;

    /// Whether the user gives a sign of being there, for example holds a button down, at this moment.
    fn user_present(&mut self) -> bool;
}

/// The noise source does not deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoiseFailure;
