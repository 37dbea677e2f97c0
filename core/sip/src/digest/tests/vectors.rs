//! The examples of RFC 7616 section 3.9.1 and RFC 2617 section 3.5.

use crate::digest::{Algorithm, Authorization, Challenge};

const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

fn response(algorithm: Algorithm) -> String {
    let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
    algorithm.response(&ha1, "GET", "/dir/index.html", NONCE, Some((1, CNONCE)))
}

#[test]
fn both_hashes_give_what_the_rfc_says() {
    assert_eq!(response(Algorithm::Md5), "8ca523f5e9506fed4657c9700eebdbec");
    assert_eq!(
        response(Algorithm::Sha256),
        "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    );
}

#[test]
fn the_older_example_and_the_way_without_protection() {
    let ha1 = Algorithm::Md5.ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(ha1.expose(), "939e7578ed9e3c518a452acee763bce9");
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let counted = Some((1, "0a4f113b"));
    assert_eq!(
        Algorithm::Md5.response(&ha1, "GET", "/dir/index.html", nonce, counted),
        "6629fae49393a05397450978507c4ef1"
    );
    // As RFC 2069 has it.
    assert_eq!(
        Algorithm::Md5.response(&ha1, "GET", "/dir/index.html", nonce, None),
        "670fd8c2df070c60b045671b8b24ff02"
    );
}

#[test]
fn headers_of_the_rfc_are_read_and_written_so_that_they_read_the_same() {
    let text = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    let challenge: Challenge = text.parse().unwrap();
    assert_eq!((challenge.algorithm, challenge.qop_auth, challenge.stale), (Algorithm::Sha256, true, false));
    assert_eq!(challenge.to_string().parse::<Challenge>().unwrap(), challenge);

    let text = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"8ca523f5e9506fed4657c9700eebdbec\", opaque=\"FQhe\"";
    let authorization: Authorization = text.parse().unwrap();
    assert_eq!(authorization.counted, Some((1, CNONCE.to_owned())));
    assert_eq!(authorization.to_string().parse::<Authorization>().unwrap(), authorization);
    assert!(!format!("{authorization:?}").contains("Mufasa"));
}

#[test]
fn what_cannot_be_answered_is_refused() {
    for text in [
        "Basic realm=\"x\"",
        "Digest",
        "Digest realm=\"x\"",
        "Digest realm=\"x\", nonce=\"y\", realm=\"z\"",
        "Digest realm=\"x\", nonce=\"y\", algorithm=WHIRL",
        "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\"",
        "Digest realm=\"x, nonce=\"y\"",
        "Digest realm=\"x\", nonce=y z",
    ] {
        assert!(text.parse::<Challenge>().is_err(), "{text}");
    }
    for nc in ["1", "+0000001", "000000001", "zzzzzzzz"] {
        let text = format!(
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", response=\"0\", qop=auth, cnonce=\"c\", nc={nc}"
        );
        assert!(text.parse::<Authorization>().is_err(), "{nc}");
    }
}
