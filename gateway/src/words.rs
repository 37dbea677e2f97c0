//! The words for directions, reasons and events in the store, the API, the metrics and the logs.

use crate::core::{CallEventKind, Direction, EndReason};

/// `courier_to_customer`, `customer_to_courier` or `click_to_call`.
pub fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::CourierToCustomer => "courier_to_customer",
        Direction::CustomerToCourier => "customer_to_courier",
        Direction::ClickToCall => "click_to_call",
    }
}

/// The reason of an end; a refusal's code stands beside it.
pub fn end(reason: EndReason) -> &'static str {
    match reason {
        EndReason::CourierHungUp => "courier_hung_up",
        EndReason::CustomerHungUp => "customer_hung_up",
        EndReason::CompanyHungUp => "company_hung_up",
        EndReason::Refused(_) => "refused",
        EndReason::NoAnswer => "no_answer",
        EndReason::Declined => "declined",
        EndReason::TalkLimit => "talk_limit",
        EndReason::Lost => "lost",
        EndReason::Transferred => "transferred",
        EndReason::Shutdown => "shutdown",
    }
}

/// The code of a refusal, as in `X-Doorstep-Error`.
pub fn refusal(reason: EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Refused(code) => Some(code.as_str()),
        EndReason::CourierHungUp
        | EndReason::CustomerHungUp
        | EndReason::CompanyHungUp
        | EndReason::NoAnswer
        | EndReason::Declined
        | EndReason::TalkLimit
        | EndReason::Lost
        | EndReason::Transferred
        | EndReason::Shutdown => None,
    }
}

/// `started`, `ringing`, `answered` or `ended`.
pub fn event(kind: CallEventKind) -> &'static str {
    match kind {
        CallEventKind::Started => "started",
        CallEventKind::Ringing => "ringing",
        CallEventKind::Answered => "answered",
        CallEventKind::Ended => "ended",
    }
}
