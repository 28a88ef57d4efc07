//! The provider's side.
