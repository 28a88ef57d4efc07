//! The line for a person that goes with each reason's code.

use protocol::types::{Reason, ReasonCode};

/// The reason with its line.
pub(super) const fn reason(code: ReasonCode) -> Reason<'static> {
    Reason { code, line: line(code) }
}

const fn line(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::UNKNOWN_MEMBER => "This card is not registered here. Ask the provider to enrol it.",
        ReasonCode::OPTIONS => "The members' options do not go together. Try again with the same options for all.",
        ReasonCode::ACCOUNT => "The account is not known or was not proved. Ask the provider.",
        ReasonCode::DISAGREEMENT => "The members did not agree on what to do. Start again.",
        ReasonCode::INSUFFICIENT_FUNDS => "Insufficient funds.",
        ReasonCode::NOT_SERVED => "This is not possible with this instrument.",
        ReasonCode::AMOUNT => "The amount is zero or too high.",
        ReasonCode::CURRENCY => "The account is in another currency.",
        ReasonCode::REFERENCE => "The earlier transaction is not known, or not one of these members'.",
        ReasonCode::ACCOUNT_CLOSED => "The account is blocked. Ask the provider.",
        ReasonCode::USED_UP => "No payment is left on this instrument. Ask the provider for a new one.",
        ReasonCode::QUESTION => "This is no question that can be asked.",
        _ => "Declined. Ask the provider.",
    }
}
