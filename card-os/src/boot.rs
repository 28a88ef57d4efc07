//! Why a card does not start.

use crate::refusal::Refusal;
use crate::store::Fault;

/// Why a card does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootError {
    /// The flash failed.
    Flash,
    /// The flash is too small, too large, or has pages of a size the card cannot use.
    Geometry,
    /// The flash holds no card.
    Unformatted,
    /// The flash holds a card whose contents contradict themselves.
    Corrupt,
}

impl<E> From<Fault<E>> for BootError {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Flash(_) | Fault::Halted => Self::Flash,
            Fault::Geometry | Fault::Full => Self::Geometry,
            Fault::Unformatted => Self::Unformatted,
            Fault::Corrupt | Fault::NotFound | Fault::OutOfRange => Self::Corrupt,
        }
    }
}

/// A new card takes nothing but flash, so its refusals are the flash's.
impl From<Refusal> for BootError {
    fn from(refusal: Refusal) -> Self {
        if refusal == Refusal::NoSpace { Self::Geometry } else { Self::Flash }
    }
}
