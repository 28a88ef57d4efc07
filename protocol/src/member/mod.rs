//! The member's side.
