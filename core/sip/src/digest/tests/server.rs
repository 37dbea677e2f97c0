use std::time::Duration;

use proptest::prelude::*;

use crate::Timestamp;
use crate::digest::{
    Accepted, Algorithm, Attempts, Challenge, Challenger, Credentials, DigestClient, DigestConfig,
    DigestRefusal, DigestServer, Secret,
};
use crate::msg::{HeaderName, Method, Request, Response, SipUri, StatusCode};
use crate::ua::Reply;

fn register() -> Request {
    Request::new(Method::Register, "sip:company.example".parse::<SipUri>().unwrap())
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_epoch(Duration::from_secs(seconds))
}

fn password() -> Secret {
    Secret::Password("secret".to_owned().into())
}

fn server() -> DigestServer {
    DigestServer::new(DigestConfig::new("company"), [5; 32])
}

/// The request as a client with these credentials sends it after that refusal.
fn answer(reply: &Reply, credentials: Credentials) -> Request {
    let mut client = DigestClient::new(credentials, [4; 32]);
    let mut response = Response::to(&register(), reply.status);
    for (name, value) in reply.headers.iter() {
        response.headers.push(name.clone(), value).unwrap();
    }
    let (mut attempts, mut request) = (Attempts::default(), register());
    assert!(client.challenged(&response, &mut attempts));
    client.authorize(&mut request, &mut attempts).unwrap();
    request
}

fn right() -> Credentials {
    Credentials::new("courier", "secret")
}

fn verify(
    server: &mut DigestServer,
    now: Timestamp,
    request: &Request,
    secret: Option<&Secret>,
) -> Result<Accepted, DigestRefusal> {
    let presented = server.presented(request).ok_or(DigestRefusal::Missing)?;
    server.verify(now, request, &presented, secret)
}

#[test]
fn the_right_password_is_let_in_once_per_count_and_offered_the_strongest_hash_first() {
    let mut server = server();
    assert_eq!(verify(&mut server, at(0), &register(), None), Err(DigestRefusal::Missing));
    let reply = server.refuse(at(0), DigestRefusal::Missing);
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    let offered: Vec<Challenge> =
        reply.headers.all(&HeaderName::WwwAuthenticate).map(|line| line.parse().unwrap()).collect();
    assert_eq!(offered.iter().map(|c| c.algorithm).collect::<Vec<_>>(), [Algorithm::Sha256, Algorithm::Md5]);

    let request = answer(&reply, right());
    assert_eq!(verify(&mut server, at(1), &request, Some(&password())), Ok(Accepted { info: None }));
    assert_eq!(verify(&mut server, at(1), &request, Some(&password())), Err(DigestRefusal::Replayed));
    assert_eq!(verify(&mut server, at(1), &request, None), Err(DigestRefusal::Wrong), "no such user");
    let wrong = answer(&reply, Credentials::new("courier", "guess"));
    assert_eq!(verify(&mut server, at(1), &wrong, Some(&password())), Err(DigestRefusal::Wrong));
    assert!(!server.refuse(at(1), DigestRefusal::Wrong).headers.iter().any(|(_, v)| v.contains("stale")));
}

#[test]
fn hashes_do_in_place_of_the_password_and_a_kind_that_is_not_kept_lets_nobody_in() {
    let mut server = server();
    let request = answer(&server.refuse(at(0), DigestRefusal::Missing), right());
    let sha256 = Some(Algorithm::Sha256.ha1("courier", "company", "secret"));
    let md5 = Some(Algorithm::Md5.ha1("courier", "company", "secret"));
    let only_md5 = Secret::Ha1 { md5: md5.clone(), sha256: None };
    assert_eq!(verify(&mut server, at(0), &request, Some(&only_md5)), Err(DigestRefusal::Wrong));
    assert!(verify(&mut server, at(0), &request, Some(&Secret::Ha1 { md5, sha256 })).is_ok());
}

#[test]
fn session_hashes_work_where_they_are_offered() {
    for algorithm in [Algorithm::Md5Sess, Algorithm::Sha256Sess] {
        let config = DigestConfig { algorithms: vec![algorithm], ..DigestConfig::new("company") };
        let mut server = DigestServer::new(config, [6; 32]);
        let request = answer(&server.refuse(at(0), DigestRefusal::Missing), right());
        assert!(verify(&mut server, at(0), &request, Some(&password())).is_ok());
    }
}

#[test]
fn an_old_a_foreign_and_a_made_up_nonce_are_stale_and_a_middle_aged_one_is_renewed() {
    let mut server = server();
    let request = answer(&server.refuse(at(0), DigestRefusal::Missing), right());
    let accepted = verify(&mut server, at(200), &request, Some(&password())).unwrap();
    let (name, value) = accepted.info.unwrap();
    assert_eq!(name, HeaderName::AuthenticationInfo);
    assert!(value.starts_with("nextnonce=\""));
    assert_eq!(verify(&mut server, at(301), &request, Some(&password())), Err(DigestRefusal::Stale));
    let reply = server.refuse(at(301), DigestRefusal::Stale);
    assert!(reply.headers.iter().all(|(_, value)| value.contains("stale=true")));

    let mut other = DigestServer::new(DigestConfig::new("company"), [7; 32]);
    let request = answer(&other.refuse(at(301), DigestRefusal::Missing), right());
    assert_eq!(verify(&mut server, at(301), &request, Some(&password())), Err(DigestRefusal::Stale));
    let mut reply = Reply::new(StatusCode::UNAUTHORIZED);
    reply
        .headers
        .push(HeaderName::WwwAuthenticate, "Digest realm=\"company\", nonce=\"guess\", qop=\"auth\"")
        .unwrap();
    let request = answer(&reply, right());
    assert_eq!(verify(&mut server, at(301), &request, Some(&password())), Err(DigestRefusal::Stale));
}

#[test]
fn credentials_for_another_request_realm_or_header_are_not_taken() {
    let mut server = server();
    let reply = server.refuse(at(0), DigestRefusal::Missing);
    let mut request = answer(&reply, right());
    request.uri = "sip:elsewhere.example".parse::<SipUri>().unwrap().into();
    assert_eq!(verify(&mut server, at(0), &request, Some(&password())), Err(DigestRefusal::WrongUri));
    assert_eq!(server.refuse(at(0), DigestRefusal::WrongUri).status, StatusCode::BAD_REQUEST);
    let mut request = answer(&reply, right());
    request.method = Method::Options;
    assert_eq!(verify(&mut server, at(0), &request, Some(&password())), Err(DigestRefusal::Wrong));

    let request = answer(&reply, right());
    for config in [
        DigestConfig::new("other"),
        DigestConfig { challenger: Challenger::Proxy, ..DigestConfig::new("company") },
    ] {
        assert_eq!(DigestServer::new(config, [8; 32]).presented(&request), None);
    }
}

#[test]
fn the_table_of_nonces_is_bounded_and_what_left_it_is_never_taken_again() {
    let config = DigestConfig { max_nonces: 3, ..DigestConfig::new("company") };
    let mut server = DigestServer::new(config, [9; 32]);
    let requests: Vec<_> =
        (0..5).map(|n| answer(&server.refuse(at(n), DigestRefusal::Missing), right())).collect();
    for request in &requests {
        assert!(verify(&mut server, at(5), request, Some(&password())).is_ok());
        assert!(server.nonces_in_use() <= 3);
    }
    for (n, request) in requests.iter().enumerate() {
        let expected = if n < 2 { DigestRefusal::Stale } else { DigestRefusal::Replayed };
        assert_eq!(verify(&mut server, at(5), request, Some(&password())), Err(expected), "{n}");
    }
}

proptest! {
    #[test]
    fn whatever_the_order_of_arrival_no_count_is_taken_twice(counts in proptest::collection::vec(1_u32..200, 1..300)) {
        let mut server = server();
        let request = answer(&server.refuse(at(0), DigestRefusal::Missing), right());
        let mut presented = server.presented(&request).unwrap();
        let mut taken = std::collections::BTreeSet::new();
        for nc in counts {
            presented.count_again(nc, "secret", "REGISTER");
            let highest = taken.last().copied().unwrap_or(0);
            match server.verify(at(0), &request, &presented, Some(&password())) {
                Ok(_) => prop_assert!(taken.insert(nc)),
                Err(DigestRefusal::Replayed) => prop_assert!(taken.contains(&nc) || nc + 64 <= highest),
                Err(other) => panic!("{other}"),
            }
        }
    }
}
