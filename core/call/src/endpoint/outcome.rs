//! What the far side's refusals and goodbyes mean (docs/protocol.md; RFC 3326 for the Reason header).

use doorstep_sip::msg::{HeaderName, Headers, Response};

use crate::EndReason;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) reason: EndReason,
    /// The far side's words for the courier.
    pub(super) text: Option<String>,
    /// What a NOTIFY says of it (RFC 3515).
    pub(super) status: u16,
}

impl From<EndReason> for Outcome {
    fn from(reason: EndReason) -> Self {
        Self { reason, text: None, status: status_of(reason) }
    }
}

impl Outcome {
    /// The far side refused the call.
    pub(super) fn of_refusal(response: &Response) -> Self {
        let code = extension(&response.headers, "X-Doorstep-Error");
        let by_code = code.and_then(of_code);
        let reason = by_code.unwrap_or_else(|| of_status(response.status.code()));
        let said =
            reasons(response.headers.all(&HeaderName::Reason)).into_iter().find_map(|reason| reason.text);
        // Another server's phrase is for engineers; the gateway's is for the courier.
        let phrase =
            || by_code.map(|_| response.reason.clone()).filter(|phrase| phrase != response.status.reason());
        let text = said.or_else(phrase).and_then(|text| readable(&text, MAX_TEXT));
        Self { reason, text, status: response.status.code() }
    }

    /// CANCEL before this side answered.
    pub(super) fn of_cancel(values: &[String]) -> Self {
        let reasons = reasons(values.iter().map(String::as_str));
        let says =
            |protocol, cause| reasons.iter().any(|reason| reason.is(protocol) && reason.cause == Some(cause));
        let reason = if says("SIP", 200) {
            EndReason::AnsweredElsewhere
        } else if says("SIP", 603) {
            EndReason::DeclinedElsewhere
        } else if says("Q.850", 19) {
            EndReason::NoAnswer
        } else {
            EndReason::Cancelled
        };
        // "Call completed elsewhere" is what `text` says, too, and in the courier's words.
        Self { reason, text: None, status: 487 }
    }

    /// BYE.
    pub(super) fn of_bye(values: &[String]) -> Self {
        let reasons = reasons(values.iter().map(String::as_str));
        let ours = reasons.iter().filter(|reason| reason.is("X-Doorstep"));
        let named = ours.filter_map(|reason| reason.text.as_deref()).find_map(|code| match code {
            "talk_limit" => Some(EndReason::TalkLimit),
            "transferred" => Some(EndReason::Transferred),
            "lost" => Some(EndReason::FarSideLost),
            _ => None,
        });
        // Q.850: network out of order, normal unspecified, temporary failure, recovery on timer expiry.
        let failed = |reason: &Reason| reason.is("Q.850") && matches!(reason.cause, Some(31 | 38 | 41 | 102));
        let by_cause =
            if reasons.iter().any(failed) { EndReason::FarSideLost } else { EndReason::HungUpThere };
        named.unwrap_or(by_cause).into()
    }
}

const MAX_TEXT: usize = 200;

/// What a person can read of a text that came from outside: no control characters, and not without end.
pub(super) fn readable(text: &str, max: usize) -> Option<String> {
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(max).collect();
    (!text.is_empty()).then_some(text)
}

/// The first value of a header that doorstep-sip has no name for.
pub(super) fn extension<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.get(&name.parse::<HeaderName>().ok()?)
}

fn of_code(code: &str) -> Option<EndReason> {
    Some(match code {
        "not_your_order" => EndReason::NotYourOrder,
        "no_such_order" => EndReason::NoSuchOrder,
        "order_closed" => EndReason::OrderClosed,
        "customer_unreachable" | "courier_unreachable" => EndReason::CustomerUnreachable,
        "customer_busy" => EndReason::Busy,
        "trunk_down" => EndReason::TrunkDown,
        "too_many_calls" => EndReason::TooManyCalls,
        "unavailable" => EndReason::Unavailable,
        "no_common_codec" => EndReason::NoCommonCodec,
        "target_not_allowed" => EndReason::NotAllowed,
        "unauthorized" | "token_expired" => EndReason::Unauthorized,
        "not_your_address" => EndReason::NotAllowed,
        "no_such_call" => EndReason::NoSuchTarget,
        _ => return None,
    })
}

fn of_status(status: u16) -> EndReason {
    match status {
        401 | 407 => EndReason::Unauthorized,
        403 => EndReason::NotAllowed,
        404 | 410 | 416 | 484 | 604 => EndReason::NoSuchTarget,
        408 => EndReason::NoAnswer,
        429 => EndReason::TooManyCalls,
        480 => EndReason::CustomerUnreachable,
        486 | 600 => EndReason::Busy,
        487 => EndReason::Cancelled,
        415 | 488 | 606 => EndReason::NoCommonCodec,
        603 => EndReason::Declined,
        500..=599 => EndReason::Unavailable,
        _ => EndReason::ProtocolError,
    }
}

/// What tells the one who asked for a transfer why it did not work.
fn status_of(reason: EndReason) -> u16 {
    match reason {
        EndReason::Declined | EndReason::DeclinedHere | EndReason::DeclinedElsewhere => 603,
        EndReason::Busy => 486,
        EndReason::NoSuchOrder | EndReason::NoSuchTarget => 404,
        EndReason::NotYourOrder | EndReason::NotAllowed | EndReason::Unauthorized => 403,
        EndReason::NoCommonCodec => 488,
        EndReason::NoAnswer | EndReason::TimedOut => 408,
        EndReason::HungUpHere
        | EndReason::HungUpThere
        | EndReason::Cancelled
        | EndReason::AnsweredElsewhere
        | EndReason::Transferred => 487,
        EndReason::OrderClosed | EndReason::CustomerUnreachable | EndReason::Expired => 480,
        EndReason::TrunkDown
        | EndReason::TooManyCalls
        | EndReason::Unavailable
        | EndReason::NoNetwork
        | EndReason::ConnectionLost
        | EndReason::FarSideLost
        | EndReason::MediaFailed
        | EndReason::TalkLimit
        | EndReason::Shutdown
        | EndReason::ProtocolError => 503,
    }
}

/// One value of a Reason header (RFC 3326): `SIP;cause=200;text="Call completed elsewhere"`.
#[derive(Debug, PartialEq, Eq)]
struct Reason {
    protocol: String,
    cause: Option<u16>,
    text: Option<String>,
}

impl Reason {
    fn is(&self, protocol: &str) -> bool {
        self.protocol.eq_ignore_ascii_case(protocol)
    }
}

fn reasons<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Reason> {
    let values = lines.flat_map(|line| split(line, ','));
    let read = values.filter_map(|value| {
        let mut parts = split(&value, ';').into_iter();
        let mut reason = Reason { protocol: parts.next()?.trim().to_owned(), cause: None, text: None };
        for part in parts {
            match part.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim())) {
                Some((name, value)) if name == "cause" => reason.cause = value.parse().ok(),
                Some((name, value)) if name == "text" => reason.text = Some(unquote(value)),
                Some(_) | None => {}
            }
        }
        Some(reason)
    });
    read.collect()
}

/// Splits outside of quoted strings.
fn split(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut quoted, mut escaped) = (vec![String::new()], false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        if c == separator && !quoted {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts
}

fn unquote(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let (mut text, mut escaped) = (String::new(), false);
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use doorstep_sip::msg::StatusCode;

    use super::*;

    fn refusal(code: u16, phrase: Option<&str>, headers: &[(&str, &str)]) -> Outcome {
        let status = StatusCode::new(code).unwrap();
        let mut response = Response {
            status,
            reason: phrase.unwrap_or(status.reason()).to_owned(),
            headers: Headers::default(),
            body: Default::default(),
        };
        for (name, value) in headers {
            response.headers.push(name.parse().unwrap(), value).unwrap();
        }
        Outcome::of_refusal(&response)
    }

    #[test]
    fn every_refusal_of_the_gateway_has_its_own_reason_and_words() {
        let cases = [
            (403, "not_your_order", EndReason::NotYourOrder),
            (404, "no_such_order", EndReason::NoSuchOrder),
            (410, "order_closed", EndReason::OrderClosed),
            (480, "customer_unreachable", EndReason::CustomerUnreachable),
            (486, "customer_busy", EndReason::Busy),
            (503, "trunk_down", EndReason::TrunkDown),
            (429, "too_many_calls", EndReason::TooManyCalls),
        ];
        for (status, code, reason) in cases {
            let outcome = refusal(status, Some("What the gateway says"), &[("X-Doorstep-Error", code)]);
            assert_eq!((outcome.reason, outcome.status), (reason, status));
            assert_eq!(outcome.text.as_deref(), Some("What the gateway says"));
        }
    }

    #[test]
    fn a_reason_header_speaks_before_the_phrase_and_a_foreign_phrase_not_at_all() {
        let reason = ("Reason", "Q.850;cause=17, SIP;cause=486;text=\"He \\\"talks\\\"; wait\"");
        let outcome = refusal(486, Some("x"), &[("X-Doorstep-Error", "customer_busy"), reason]);
        assert_eq!(outcome.text.as_deref(), Some("He \"talks\"; wait"));
        assert_eq!(
            refusal(486, Some("Busy in kamailio"), &[]),
            Outcome { reason: EndReason::Busy, text: None, status: 486 }
        );
    }

    #[test]
    fn an_unknown_code_or_status_still_has_an_end() {
        assert_eq!(refusal(503, None, &[("X-Doorstep-Error", "brand_new")]).reason, EndReason::Unavailable);
        assert_eq!(refusal(499, None, &[]).reason, EndReason::ProtocolError);
        assert_eq!(refusal(302, None, &[]).reason, EndReason::ProtocolError);
    }

    #[test]
    fn completed_elsewhere_is_no_missed_call() {
        let elsewhere = ["SIP;cause=200;text=\"Call completed elsewhere\"".to_owned()];
        assert_eq!(Outcome::of_cancel(&elsewhere).reason, EndReason::AnsweredElsewhere);
        assert_eq!(Outcome::of_cancel(&["SIP;cause=603".to_owned()]).reason, EndReason::DeclinedElsewhere);
        assert_eq!(Outcome::of_cancel(&["Q.850;cause=19".to_owned()]).reason, EndReason::NoAnswer);
        assert_eq!(Outcome::of_cancel(&[]).reason, EndReason::Cancelled);
    }

    #[test]
    fn a_goodbye_says_whether_somebody_hung_up_or_something_broke() {
        let of = |value: &str| Outcome::of_bye(&[value.to_owned()]).reason;
        assert_eq!(of("Q.850;cause=16;text=\"Normal call clearing\""), EndReason::HungUpThere);
        assert_eq!(of("Q.850;cause=31;text=\"Call ended\""), EndReason::FarSideLost);
        assert_eq!(of("X-Doorstep;text=\"talk_limit\""), EndReason::TalkLimit);
        assert_eq!(of(";;=,\"\\"), EndReason::HungUpThere);
    }
}
