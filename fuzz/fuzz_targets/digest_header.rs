//! Digest headers are read or refused; what was read prints and reads back as the same; neither side panics at any.
#![no_main]

use std::time::Duration;

use doorstep_sip::Timestamp;
use doorstep_sip::digest::{
    Attempts, Authorization, Challenge, Credentials, DigestClient, DigestConfig, DigestServer, Secret,
};
use doorstep_sip::msg::{HeaderName, Method, Request, Response, SipUri, StatusCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    header(text);
    header(&format!("Digest realm=\"r\", nonce=\"n\", {text}"));
    header(&format!(
        "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:example.com\", response=\"0\", {text}"
    ));
});

fn header(text: &str) {
    if let Ok(challenge) = text.parse::<Challenge>() {
        assert_eq!(challenge.to_string().parse::<Challenge>(), Ok(challenge));
    }
    if let Ok(authorization) = text.parse::<Authorization>() {
        assert_eq!(authorization.to_string().parse::<Authorization>(), Ok(authorization));
    }
    let uri: SipUri = "sip:example.com".parse().expect("a URI");
    let mut request = Request::new(Method::Register, uri);
    if request.headers.push(HeaderName::Authorization, text).is_err() {
        return;
    }
    let mut server = DigestServer::new(DigestConfig::new("r"), [0; 32]);
    let now = Timestamp::from_epoch(Duration::from_secs(1000));
    if let Some(presented) = server.presented(&request) {
        let secret = Secret::Password("p".to_owned().into());
        assert!(server.verify(now, &request, &presented, Some(&secret)).is_err(), "nobody guesses a nonce");
    }
    let mut response = Response::to(&request, StatusCode::UNAUTHORIZED);
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate, HeaderName::AuthenticationInfo] {
        let _ = response.headers.push(name, text);
    }
    let mut client = DigestClient::new(Credentials::new("u", "p"), [0; 32]);
    let mut attempts = Attempts::default();
    let mut rounds = 0;
    while client.challenged(&response, &mut attempts) {
        client.authorize(&mut request, &mut attempts).expect("what was read can be written");
        client.accepted(&response.headers, &attempts);
        rounds += 1;
        assert!(rounds < 10, "no loop");
    }
}
