use crate::digest::{Algorithm, Attempts, Authorization, Credentials, DigestClient};
use crate::msg::{HeaderName, Headers, Method, Request, Response, SipUri, StatusCode};

struct Client {
    digest: DigestClient,
    attempts: Attempts,
}

fn client() -> Client {
    let digest = DigestClient::new(Credentials::new("courier", "secret"), [3; 32]);
    Client { digest, attempts: Attempts::default() }
}

fn register() -> Request {
    Request::new(Method::Register, "sip:company.example".parse::<SipUri>().unwrap())
}

impl Client {
    fn challenged(&mut self, challenges: &[&str]) -> bool {
        let mut response = Response::to(&register(), StatusCode::UNAUTHORIZED);
        for challenge in challenges {
            response.headers.push(HeaderName::WwwAuthenticate, challenge).unwrap();
        }
        self.digest.challenged(&response, &mut self.attempts)
    }

    fn authorize(&mut self) -> Vec<Authorization> {
        let mut request = register();
        self.digest.authorize(&mut request, &mut self.attempts).unwrap();
        request.headers.all(&HeaderName::Authorization).map(|line| line.parse().unwrap()).collect()
    }

    fn next_request(&mut self) -> Vec<Authorization> {
        self.attempts = Attempts::default();
        self.authorize()
    }
}

#[test]
fn the_strongest_algorithm_of_a_realm_is_taken_wherever_it_stands() {
    let mut client = client();
    assert!(client.authorize().is_empty(), "nothing is known yet");
    assert!(client.challenged(&[
        "Digest realm=\"r\", nonce=\"1\", algorithm=MD5, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"2\", algorithm=SHA-256, qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"3\", algorithm=SHA-512-256, qop=\"auth\"",
    ]));
    let [authorization] = &client.authorize()[..] else { panic!() };
    assert_eq!((authorization.algorithm, authorization.nonce.as_str()), (Algorithm::Sha256, "2"));
}

#[test]
fn later_requests_carry_the_nonce_with_a_rising_count_until_the_server_names_another() {
    let mut client = client();
    assert!(client.challenged(&["Digest realm=\"r\", nonce=\"1\", qop=\"auth\", opaque=\"o\""]));
    for expected in 1..=3 {
        let [authorization] = &client.next_request()[..] else { panic!() };
        assert_eq!(authorization.counted.as_ref().unwrap().0, expected);
        assert_eq!(authorization.opaque.as_deref(), Some("o"));
    }
    let mut headers = Headers::default();
    headers.push(HeaderName::AuthenticationInfo, "nextnonce=\"2\"").unwrap();
    for _ in 0..2 {
        client.digest.accepted(&headers, &client.attempts);
    }
    let [authorization] = &client.next_request()[..] else { panic!() };
    assert_eq!((authorization.nonce.as_str(), authorization.counted.as_ref().unwrap().0), ("2", 1));
    // The same answer again, late: the count goes on.
    client.digest.accepted(&headers, &client.attempts);
    let [authorization] = &client.next_request()[..] else { panic!() };
    assert_eq!((authorization.nonce.as_str(), authorization.counted.as_ref().unwrap().0), ("2", 2));
}

#[test]
fn an_old_nonce_is_replaced_and_a_wrong_password_ends_it() {
    let mut client = client();
    let fresh = "Digest realm=\"r\", nonce=\"1\", qop=\"auth\"";
    assert!(client.challenged(&[fresh]));
    client.authorize();
    assert!(!client.challenged(&[fresh]), "the same nonce again: the password is wrong");
    assert!(client.next_request().is_empty(), "and is not offered unasked any more");

    assert!(client.challenged(&[fresh]));
    client.next_request();
    // Sent unasked with a nonce that the server has forgotten; it does not say so.
    assert!(client.challenged(&["Digest realm=\"r\", nonce=\"2\", qop=\"auth\""]));
    client.authorize();
    assert!(client.challenged(&["Digest realm=\"r\", nonce=\"3\", qop=\"auth\", stale=TRUE"]));
    client.authorize();
    assert!(!client.challenged(&["Digest realm=\"r\", nonce=\"4\", qop=\"auth\""]));
}

#[test]
fn a_server_that_calls_every_nonce_stale_is_given_up() {
    let mut client = client();
    let mut rounds = 0;
    while client.challenged(&[&format!("Digest realm=\"r\", nonce=\"{rounds}\", qop=\"auth\", stale=true")]) {
        client.authorize();
        rounds += 1;
        assert!(rounds < 10);
    }
    assert_eq!(rounds, 3);
}

#[test]
fn server_and_proxy_and_several_realms_are_answered_together_and_a_foreign_realm_not_at_all() {
    let mut client = client();
    let mut response = Response::to(&register(), StatusCode::PROXY_AUTHENTICATION_REQUIRED);
    for (name, realm) in [
        (HeaderName::WwwAuthenticate, "a"),
        (HeaderName::ProxyAuthenticate, "b"),
        (HeaderName::ProxyAuthenticate, "c"),
    ] {
        response.headers.push(name, format!("Digest realm=\"{realm}\", nonce=\"1\"")).unwrap();
    }
    assert!(client.digest.challenged(&response, &mut client.attempts));
    let mut request = register();
    request.headers.push(HeaderName::Authorization, "Bearer token").unwrap();
    for _ in 0..2 {
        client.digest.authorize(&mut request, &mut client.attempts).unwrap();
    }
    assert_eq!(request.headers.all(&HeaderName::Authorization).count(), 2, "the user's own stays");
    assert_eq!(request.headers.all(&HeaderName::ProxyAuthorization).count(), 2);

    let mut careful = DigestClient::new(Credentials::new("courier", "secret").for_realm("ours"), [3; 32]);
    assert!(!careful.challenged(&response, &mut Attempts::default()));
}

#[test]
fn credentials_do_not_print() {
    let shown = format!("{:?}", Credentials::new("courier", "secret"));
    assert!(!shown.contains("secret") && !shown.contains("courier"), "{shown}");
}
