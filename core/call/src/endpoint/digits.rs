//! Digits: by telephone-event (RFC 4733), or by INFO where the far side does not know that.

use std::time::Duration;

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers};

use super::call::Doing;
use super::{Deadline, Endpoint};
use crate::{CallHandle, CommandError, MediaCommand, MediaFailure};

/// How long a tone lasts; phones and menus hear 100 ms reliably.
const TONE: Duration = Duration::from_millis(160);
/// From one INFO to the next: the far side plays the tone meanwhile.
const INFO_GAP: Duration = Duration::from_millis(260);

/// A character that can be sent, in upper case.
pub(super) fn digit(c: char) -> Option<char> {
    let c = c.to_ascii_uppercase();
    matches!(c, '0'..='9' | '*' | '#' | 'A'..='D').then_some(c)
}

impl Endpoint {
    pub(super) fn send_dtmf(&mut self, handle: CallHandle, digits: &str) -> Result<(), CommandError> {
        let most = self.config.max_queued_digits;
        let call = self.calls.get_mut(&handle).ok_or(CommandError::NoSuchCall)?;
        if digits.len() > most.saturating_sub(call.digits.len()) {
            return Err(CommandError::TooManyDigits);
        }
        let digits: Option<Vec<char>> = digits.chars().map(digit).collect();
        call.digits.extend(digits.ok_or(CommandError::InvalidDigit)?);
        self.next_digit(handle);
        Ok(())
    }

    /// Sends the next digit, unless one is being sent or nobody would hear it.
    pub(super) fn next_digit(&mut self, handle: CallHandle) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let can = call.active().is_some_and(|active| !active.reconnecting && !active.awaits_answer);
        if !can || call.digit.is_some() || self.deadlines.runs(Deadline::Digit(handle)) {
            return;
        }
        let (Some(leg), Some(session)) = (call.leg, call.session) else { return };
        let by_event = call.telephone_event;
        let Some(digit) = call.digits.pop_front() else { return };
        if by_event {
            let op = self.next_op(handle, Doing::Digit);
            if let Some(call) = self.calls.get_mut(&handle) {
                call.digit = Some((op, digit));
            }
            self.order_media(MediaCommand::SendDtmf { leg, op, digit, duration: TONE });
            return;
        }
        let mut headers = Headers::default();
        let body = Bytes::from(format!("Signal={digit}\r\nDuration={}\r\n", TONE.as_millis()));
        let sent = headers
            .push(HeaderName::ContentType, "application/dtmf-relay")
            .map_err(Into::into)
            .and_then(|()| self.ua.info(self.now, session, headers, body));
        if let Err(error) = sent {
            tracing::debug!(%error, "a digit could not be sent");
        }
        self.deadlines.set(Deadline::Digit(handle), self.now + INFO_GAP);
    }

    pub(super) fn digit_sent(&mut self, handle: CallHandle) {
        if let Some(call) = self.calls.get_mut(&handle) {
            call.digit = None;
        }
        self.next_digit(handle);
    }

    pub(super) fn digit_failed(&mut self, handle: CallHandle, reason: MediaFailure) {
        let Some(call) = self.calls.get_mut(&handle) else { return };
        let digit = call.digit.take();
        if reason == MediaFailure::NoTelephoneEvent
            && let Some((_, digit)) = digit
        {
            // The voice engine knows better than the SDP.
            call.telephone_event = false;
            call.digits.push_front(digit);
        }
        self.next_digit(handle);
    }
}
