//! What the gateway reads out of SIP messages: orders, numbers, digits, session descriptions. All of it is untrusted.

use doorstep_sip::Sensitive;
use doorstep_sip::msg::{HeaderName, Headers, NameAddr, Request, Uri};

use super::ids::{OrderId, PhoneNumber, Sdp};
use crate::bridge::ReferTarget;
use crate::masking::NumberPlan;

/// The user part that means the contact centre in a Refer-To.
const CONTACT_CENTRE: &str = "contact-centre";

/// The order that a courier calls: `sip:order.ID@…`.
pub(super) fn order_of(uri: &Uri) -> Option<OrderId> {
    let user = uri.as_sip()?.user()?;
    let order = user.strip_prefix("order.")?;
    (!order.is_empty()).then(|| OrderId(order.to_owned()))
}

/// Where a REFER wants the other side to go.
pub(super) fn refer_target(request: &Request) -> ReferTarget {
    let to = request.headers.get(&HeaderName::ReferTo).and_then(|to| to.parse::<NameAddr>().ok());
    let centre = to.is_some_and(|to| {
        to.uri.as_sip().is_some_and(|uri| !uri.has_headers() && uri.user().as_deref() == Some(CONTACT_CENTRE))
    });
    if centre { ReferTarget::ContactCentre } else { ReferTarget::Other }
}

/// Who calls, by what the carrier says. `asserted`: by P-Asserted-Identity (RFC 3325), where there is one.
pub(super) fn caller_of(request: &Request, numbers: NumberPlan, asserted: bool) -> Option<PhoneNumber> {
    let identity = asserted.then(|| {
        let named = request.headers.all(&HeaderName::PAssertedIdentity);
        named
            .filter_map(|line| line.parse::<NameAddr>().ok())
            .find_map(|named| number_of(&named.uri, numbers))
    });
    identity.flatten().or_else(|| number_of(&request.headers.from()?.uri, numbers))
}

/// The company number that was called: the Request-URI's, or To's where a registrar's contact stands in the Request-URI.
pub(super) fn called_of(request: &Request, numbers: NumberPlan) -> Option<PhoneNumber> {
    number_of(&request.uri, numbers).or_else(|| number_of(&request.headers.to()?.uri, numbers))
}

fn number_of(uri: &Uri, numbers: NumberPlan) -> Option<PhoneNumber> {
    numbers.read(&uri.telephone_number()?).ok()
}

/// The body, if it is a session description that can be read as text. `Err`: there is a body, but not such a one.
pub(super) fn sdp_of(headers: &Headers, body: &[u8]) -> Result<Option<Sdp>, NotSdp> {
    if body.is_empty() {
        return Ok(None);
    }
    let kind = headers.get(&HeaderName::ContentType).unwrap_or_default();
    let is_sdp =
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"));
    if is_sdp { sdp_text(body).map(Some) } else { Err(NotSdp) }
}

/// A session description whose type was checked before.
pub(super) fn sdp_text(body: &[u8]) -> Result<Sdp, NotSdp> {
    std::str::from_utf8(body).map(|text| Sensitive::new(text.to_owned())).map_err(|_| NotSdp)
}

/// A body that is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotSdp;

/// A digit by INFO: `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (the digit alone).
pub(super) fn digit_of(request: &Request) -> Option<(char, u32)> {
    let kind = request.headers.get(&HeaderName::ContentType)?.split(';').next()?.trim();
    let body = std::str::from_utf8(&request.body).ok()?;
    let (signal, duration) = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        let field = |name: &str| {
            let mut lines = body.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        (field("Signal")?, field("Duration").and_then(|duration| duration.parse().ok()))
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        (body.trim(), None)
    } else {
        return None;
    };
    let digit = match signal {
        // Some phones number the events (RFC 4733 section 3.2).
        "10" => '*',
        "11" => '#',
        one => {
            let mut chars = one.chars();
            let digit = chars.next()?.to_ascii_uppercase();
            if chars.next().is_some() {
                return None;
            }
            digit
        }
    };
    let known = digit.is_ascii_digit() || "*#ABCD".contains(digit);
    known.then(|| (digit, duration.unwrap_or(DIGIT_MS).clamp(40, 5000)))
}

/// How long a digit sounds that does not say.
const DIGIT_MS: u32 = 160;

#[cfg(test)]
mod tests {
    use doorstep_sip::msg::Message;

    use super::*;

    fn request(lines: &str, body: &str) -> Request {
        let text = format!(
            "INVITE sip:030222200@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1\nTo: <sip:+493022220000@c.example>\nCall-ID: 1\nCSeq: 1 INVITE\nMax-Forwards: 70\n{lines}Content-Length: {}\n\n",
            body.len()
        );
        match Message::parse(format!("{}{body}", text.replace('\n', "\r\n")).as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => unreachable!(),
        }
    }

    fn plan() -> NumberPlan {
        NumberPlan::of("DE").unwrap()
    }

    #[test]
    fn the_caller_is_who_the_carrier_asserts_or_else_from() {
        let asserted = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=a\nP-Asserted-Identity: \"x\" <sip:max@c.example>\nP-Asserted-Identity: tel:+49-30-901820\n";
        let from = "From: <sip:004930901820@c.example;user=phone>;tag=a\n";
        let national = "From: tel:030-901820;tag=a\n";
        let number = |lines: &str, trusted| {
            caller_of(&request(lines, ""), plan(), trusted).map(|number| number.expose().to_owned())
        };
        assert_eq!(number(asserted, true).as_deref(), Some("+4930901820"));
        assert_eq!(number(asserted, false), None, "an identity that is not trusted is not read");
        assert_eq!(number(from, true).as_deref(), Some("+4930901820"));
        assert_eq!(number(national, false).as_deref(), Some("+4930901820"));
    }

    #[test]
    fn the_number_called_stands_in_the_request_uri_or_in_to() {
        let from = "From: <sip:1@c.example>;tag=a\n";
        assert_eq!(called_of(&request(from, ""), plan()).unwrap().expose(), "+4930222200");
        let mut contact = request(from, "");
        contact.uri = "sip:doorstep@192.0.2.1".parse().unwrap();
        assert_eq!(called_of(&contact, plan()).unwrap().expose(), "+493022220000");
    }

    #[test]
    fn digits_come_in_two_bodies_and_several_spellings() {
        let digit = |kind: &str, body: &str| {
            digit_of(&request(&format!("From: <sip:1@c.example>;tag=a\nContent-Type: {kind}\n"), body))
        };
        assert_eq!(digit("application/dtmf-relay", "Signal= 5\r\nDuration= 250\r\n"), Some(('5', 250)));
        assert_eq!(digit("application/dtmf-relay; x=y", "Signal=11"), Some(('#', 160)));
        assert_eq!(digit("application/dtmf", "d"), Some(('D', 160)));
        assert_eq!(digit("application/dtmf-relay", "Signal=5\r\nDuration=99999999"), Some(('5', 5000)));
        for (kind, body) in [
            ("application/dtmf", "12"),
            ("application/dtmf", ""),
            ("application/dtmf", "x"),
            ("application/dtmf-relay", "5"),
            ("text/plain", "5"),
        ] {
            assert_eq!(digit(kind, body), None, "{kind} {body}");
        }
    }

    #[test]
    fn orders_and_transfer_targets_are_read_from_uris() {
        let order = |uri: &str| order_of(&uri.parse().unwrap()).map(|order| order.0);
        assert_eq!(order("sip:order.4711@gateway.example").as_deref(), Some("4711"));
        assert_eq!(order("sip:order.a%2fb%20c@gateway.example").as_deref(), Some("a/b c"));
        assert_eq!(order("sip:order.@gateway.example"), None);
        assert_eq!(order("sip:4711@gateway.example"), None);
        assert_eq!(order("tel:+4930901820"), None);
        let target = |to: &str| {
            refer_target(&request(&format!("From: <sip:1@c.example>;tag=a\nRefer-To: {to}\n"), ""))
        };
        assert_eq!(target("<sip:contact-centre@gateway.example>"), ReferTarget::ContactCentre);
        assert_eq!(target("sip:contact-centre@gateway.example"), ReferTarget::ContactCentre);
        for other in ["<sip:+4930901820@c.example>", "<sip:contact-centre@g.example?Replaces=1>", "nonsense"]
        {
            assert_eq!(target(other), ReferTarget::Other, "{other}");
        }
    }

    #[test]
    fn only_session_descriptions_are_taken_for_such() {
        let sdp = |kind: &str, body: &str| {
            let request = request(&format!("From: <sip:1@c.example>;tag=a\nContent-Type: {kind}\n"), body);
            sdp_of(&request.headers, &request.body)
        };
        assert_eq!(sdp("application/sdp", "v=0"), Ok(Some(Sensitive::new("v=0".to_owned()))));
        assert_eq!(sdp("Application/SDP; charset=utf-8", "v=0").map(|s| s.is_some()), Ok(true));
        assert_eq!(sdp("text/plain", "v=0"), Err(NotSdp));
        assert_eq!(sdp("text/plain", ""), Ok(None));
    }
}
