//! What a phone's screen shows of a caller.

use doorstep_sip::msg::{HeaderName, Headers, Host, InvalidValue, NameAddr, SipUri, Uri};

/// Reads it from P-Asserted-Identity, else From, exactly as the far side wrote it: `+4930…`, or `Name (+4930…)` where
/// there is a name. A caller who hides shows as `Anonymous` (RFC 3323).
pub(crate) fn screen(headers: &Headers) -> String {
    let asserted = headers.get(&HeaderName::PAssertedIdentity).and_then(first_address);
    let Some(caller) = asserted.or_else(|| headers.from()) else { return "Unknown".to_owned() };
    let anonymous = Host::domain(ANONYMOUS);
    if caller.uri.as_sip().is_some_and(|uri| Ok(&uri.host) == anonymous.as_ref()) {
        return "Anonymous".to_owned();
    }
    let number = match &caller.uri {
        Uri::Sip(uri) => uri.user().unwrap_or_else(|| uri.host.to_string()),
        Uri::Other(_) => caller.uri.telephone_number().unwrap_or_else(|| caller.uri.to_string()),
    };
    match caller.display_name.filter(|name| !name.is_empty() && *name != number) {
        Some(name) => format!("{name} ({number})"),
        None => number,
    }
}

/// Who calls when the number is withheld (RFC 3323 section 4.1.1.3).
pub(crate) fn anonymous() -> Result<NameAddr, InvalidValue> {
    let mut nobody = NameAddr::new(SipUri::new(Host::domain(ANONYMOUS)?).with_user("anonymous"));
    nobody.display_name = Some("Anonymous".to_owned());
    Ok(nobody)
}

const ANONYMOUS: &str = "anonymous.invalid";

/// P-Asserted-Identity may hold a SIP and a telephone URI.
fn first_address(value: &str) -> Option<NameAddr> {
    // A comma may stand in a quoted name, so that the whole is tried first.
    value.parse().ok().or_else(|| value.split(',').find_map(|part| part.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(from: &str, asserted: Option<&str>) -> String {
        let mut headers = Headers::default();
        headers.push(HeaderName::From, from).unwrap();
        if let Some(asserted) = asserted {
            headers.push(HeaderName::PAssertedIdentity, asserted).unwrap();
        }
        screen(&headers)
    }

    #[test]
    fn a_number_shows_as_it_was_written() {
        assert_eq!(shown("<sip:+493012345@gw.example;user=phone>;tag=1", None), "+493012345");
        assert_eq!(shown("<sip:030-12345@gw.example>;tag=1", None), "030-12345");
    }

    #[test]
    fn an_asserted_identity_goes_before_from() {
        let asserted = Some("\"Pizza, fast\" <sip:+493012345@gw.example>");
        assert_eq!(shown("<sip:anonymous@anonymous.invalid>;tag=1", asserted), "Pizza, fast (+493012345)");
        let two = Some("<sip:+493012345@gw.example>, <tel:+493012345>");
        assert_eq!(shown("<sip:x@gw.example>;tag=1", two), "+493012345");
    }

    #[test]
    fn a_caller_who_hides_is_anonymous() {
        assert_eq!(shown("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1", None), "Anonymous");
    }
}
