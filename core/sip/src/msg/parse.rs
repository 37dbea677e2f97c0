use bytes::Bytes;

use super::cseq::parse_digits;
use super::grammar::{is_token, trim};
use super::{
    CSeq, HeaderName, Headers, Message, Method, NameAddr, ParseError, ParseErrorKind, Request, Response,
    StatusCode, Uri, name_addr, via,
};

/// More header lines than this are an attack rather than a message.
const MAX_HEADERS: usize = 256;

/// A start line that was read.
enum Start {
    Request(Method, Uri),
    Response(StatusCode, String),
}

pub(super) fn message(bytes: &[u8]) -> Result<Message, ParseError> {
    let mut input = bytes;
    while let Some(rest) = input.strip_prefix(b"\r\n") {
        input = rest;
    }
    let mut headers = Headers::default();
    if input.is_empty() {
        return Err(ParseError { kind: ParseErrorKind::Empty, method: None, headers });
    }
    let (line, rest) = split_line(input);
    // A bad start line does not end it: the headers are read all the same, for the answer.
    let (start, method) = start_line(line);
    let read = read_headers(rest, &mut headers);
    let checked = start.and_then(|start| {
        let (body, lengths) = read?;
        check(&headers, method.as_ref())?;
        let body = take_body(body, &lengths)?;
        Ok((start, body))
    });
    match checked {
        Ok((Start::Request(method, uri), body)) => {
            Ok(Message::Request(Request { method, uri, headers, body }))
        }
        Ok((Start::Response(status, reason), body)) => {
            Ok(Message::Response(Response { status, reason, headers, body }))
        }
        Err(kind) => Err(ParseError { kind, method, headers }),
    }
}

/// The line up to CRLF, and what follows; without a CRLF all is one line and `None` follows.
fn split_line(input: &[u8]) -> (&[u8], Option<&[u8]>) {
    match input.windows(2).position(|pair| pair == b"\r\n") {
        Some(at) => (input.get(..at).unwrap_or_default(), input.get(at + 2..)),
        None => (input, None),
    }
}

fn start_line(line: &[u8]) -> (Result<Start, ParseErrorKind>, Option<Method>) {
    let Ok(line) = std::str::from_utf8(line) else {
        return (Err(ParseErrorKind::StartLine), None);
    };
    let Some((first, rest)) = line.split_once(' ') else {
        return (Err(ParseErrorKind::StartLine), None);
    };
    if first.len() >= 4 && first.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/")) {
        return (status_line(first, rest), None);
    }
    let Ok(method) = first.parse::<Method>() else {
        return (Err(ParseErrorKind::StartLine), None);
    };
    (request_line(&method, rest), Some(method))
}

fn request_line(method: &Method, rest: &str) -> Result<Start, ParseErrorKind> {
    let (uri, version) = rest.split_once(' ').ok_or(ParseErrorKind::StartLine)?;
    if !is_sip_version(version) {
        return Err(ParseErrorKind::StartLine);
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(ParseErrorKind::Version);
    }
    let uri: Uri = uri.parse().map_err(|_| ParseErrorKind::RequestUri)?;
    // Headers in a Request-URI would be the sender's to put into the message (RFC 3261 section 19.1.1).
    if uri.as_sip().is_some_and(|uri| uri.has_headers()) {
        return Err(ParseErrorKind::RequestUri);
    }
    Ok(Start::Request(method.clone(), uri))
}

fn status_line(version: &str, rest: &str) -> Result<Start, ParseErrorKind> {
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Err(if is_sip_version(version) {
            ParseErrorKind::Version
        } else {
            ParseErrorKind::StartLine
        });
    }
    // Some implementations leave out the space before an empty reason.
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let code = Some(code).filter(|code| code.len() == 3).and_then(parse_digits);
    let status = code.and_then(|code| StatusCode::new(code).ok()).ok_or(ParseErrorKind::StartLine)?;
    if reason.contains(['\r', '\n']) {
        return Err(ParseErrorKind::StartLine);
    }
    Ok(Start::Response(status, reason.to_owned()))
}

/// `SIP/` and two numbers.
fn is_sip_version(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.split_once('/').is_some_and(|(name, version)| {
        name.eq_ignore_ascii_case("SIP")
            && version.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
    })
}

/// Reads header lines up to the empty one. Returns what follows it, and the values of Content-Length.
fn read_headers<'a>(
    input: Option<&'a [u8]>,
    headers: &mut Headers,
) -> Result<(&'a [u8], Vec<String>), ParseErrorKind> {
    let mut rest = input;
    let mut lengths = Vec::new();
    let mut error = None;
    let mut pending: Option<String> = None;
    let body = loop {
        let Some(input) = rest else { break Err(ParseErrorKind::Unterminated) };
        let (line, after) = split_line(input);
        if after.is_none() {
            // The last line does not end; it is not a header line.
            break Err(ParseErrorKind::Unterminated);
        }
        rest = after;
        let Ok(line) = std::str::from_utf8(line) else {
            error = error.or(Some(ParseErrorKind::HeaderLine));
            continue;
        };
        if line.starts_with([' ', '\t']) {
            match &mut pending {
                Some(pending) => {
                    pending.push(' ');
                    pending.push_str(trim(line));
                }
                None => error = error.or(Some(ParseErrorKind::HeaderLine)),
            }
            continue;
        }
        if let Some(logical) = pending.take() {
            let kept = keep_line(&logical, headers, &mut lengths);
            error = error.or(kept.err());
        }
        if line.is_empty() {
            break Ok(after.unwrap_or_default());
        }
        pending = Some(line.to_owned());
        if headers.len() >= MAX_HEADERS {
            break Err(ParseErrorKind::TooManyHeaders);
        }
    };
    if let Some(logical) = pending.take() {
        let kept = keep_line(&logical, headers, &mut lengths);
        error = error.or(kept.err());
    }
    match error {
        Some(error) => Err(error),
        None => body.map(|body| (body, lengths)),
    }
}

fn keep_line(line: &str, headers: &mut Headers, lengths: &mut Vec<String>) -> Result<(), ParseErrorKind> {
    if line.contains(['\r', '\n']) {
        return Err(ParseErrorKind::HeaderLine);
    }
    let (name, value) = line.split_once(':').ok_or(ParseErrorKind::HeaderLine)?;
    let name = trim(name);
    if !is_token(name) {
        return Err(ParseErrorKind::HeaderLine);
    }
    let name: HeaderName = name.parse().map_err(|_| ParseErrorKind::HeaderLine)?;
    match name {
        HeaderName::ContentLength => lengths.push(trim(value).to_owned()),
        name => headers.push_read(name, trim(value).to_owned()),
    }
    Ok(())
}

/// Headers that may stand only once and that SIP acts on, with their names for an error.
const SINGLE: [(HeaderName, &str); 15] = [
    (HeaderName::From, "From"),
    (HeaderName::To, "To"),
    (HeaderName::CallId, "Call-ID"),
    (HeaderName::CSeq, "CSeq"),
    (HeaderName::MaxForwards, "Max-Forwards"),
    (HeaderName::Expires, "Expires"),
    (HeaderName::ContentType, "Content-Type"),
    (HeaderName::SessionExpires, "Session-Expires"),
    (HeaderName::MinSe, "Min-SE"),
    (HeaderName::Replaces, "Replaces"),
    (HeaderName::ReferTo, "Refer-To"),
    (HeaderName::ReferredBy, "Referred-By"),
    (HeaderName::RAck, "RAck"),
    (HeaderName::RSeq, "RSeq"),
    (HeaderName::Event, "Event"),
];

/// Every header that the transaction and dialog layers read must be there and readable.
fn check(headers: &Headers, method: Option<&Method>) -> Result<(), ParseErrorKind> {
    for (name, label) in &SINGLE {
        if headers.all(name).nth(1).is_some() {
            return Err(ParseErrorKind::Repeated(label));
        }
    }
    if headers.get(&HeaderName::Via).is_none() {
        return Err(ParseErrorKind::Missing("Via"));
    }
    for line in headers.all(&HeaderName::Via) {
        via::parse_list(line).map_err(|_| ParseErrorKind::Header("Via"))?;
    }
    address(headers, &HeaderName::From, "From")?;
    address(headers, &HeaderName::To, "To")?;
    let call_id = headers.call_id().ok_or(ParseErrorKind::Missing("Call-ID"))?;
    if call_id.is_empty() || call_id.contains([' ', '\t']) {
        return Err(ParseErrorKind::Header("Call-ID"));
    }
    let cseq = headers.get(&HeaderName::CSeq).ok_or(ParseErrorKind::Missing("CSeq"))?;
    let cseq: CSeq = cseq.parse().map_err(|_| ParseErrorKind::Header("CSeq"))?;
    if method.is_some_and(|method| *method != cseq.method) {
        return Err(ParseErrorKind::CSeqMethod);
    }
    if headers.get(&HeaderName::MaxForwards).is_some() && headers.max_forwards().is_none() {
        return Err(ParseErrorKind::Header("Max-Forwards"));
    }
    if headers.get(&HeaderName::Expires).is_some() && headers.expires().is_none() {
        return Err(ParseErrorKind::Header("Expires"));
    }
    if headers.get(&HeaderName::Contact).is_some() && headers.contacts().is_none() {
        return Err(ParseErrorKind::Header("Contact"));
    }
    for (name, text) in [(HeaderName::Route, "Route"), (HeaderName::RecordRoute, "Record-Route")] {
        for line in headers.all(&name) {
            name_addr::parse_list(line).map_err(|_| ParseErrorKind::Header(text))?;
        }
    }
    Ok(())
}

fn address(headers: &Headers, name: &HeaderName, label: &'static str) -> Result<(), ParseErrorKind> {
    let value = headers.get(name).ok_or(ParseErrorKind::Missing(label))?;
    value.parse::<NameAddr>().map(|_| ()).map_err(|_| ParseErrorKind::Header(label))
}

/// The body by its Content-Length; without one it reaches to the end (RFC 3261 section 18.3).
fn take_body(rest: &[u8], lengths: &[String]) -> Result<Bytes, ParseErrorKind> {
    let body = match lengths {
        [] => rest,
        [length] => {
            let length: usize = Some(length.as_str())
                .filter(|length| !length.is_empty())
                .and_then(parse_digits)
                .ok_or(ParseErrorKind::Header("Content-Length"))?;
            rest.get(..length).ok_or(ParseErrorKind::ShortBody)?
        }
        _ => return Err(ParseErrorKind::Repeated("Content-Length")),
    };
    Ok(Bytes::copy_from_slice(body))
}
