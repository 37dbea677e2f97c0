use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorstep_sip::Sensitive;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;
use crate::config::JwtSource;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn config(jwt: JwtSource) -> Auth {
    Auth {
        jwt: Some(jwt),
        issuer: Some("https://company.example".into()),
        audience: Some("doorstep".into()),
        digest: Vec::new(),
    }
}

fn secret() -> Auth {
    config(JwtSource::Secret(Sensitive::new(SECRET.to_vec())))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn claims() -> Value {
    json!({ "sub": "anna", "exp": now() + 300, "iss": "https://company.example", "aud": ["other", "doorstep"] })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn without(key: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(key);
    claims
}

fn hs256(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn file(content: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn a_minted_token_names_its_courier_until_it_ends() {
    let auth = secret();
    let token = mint(&auth, "anna", Duration::from_secs(300)).unwrap();
    let bearer = Verifier::new(&auth).unwrap().verify(&token).unwrap();
    assert_eq!(bearer.courier, CourierId::new("anna"));
    assert!(bearer.expires_at >= now() + 299);
    assert!(!format!("{bearer:?}").contains("anna"));
}

#[test]
fn each_wrong_token_is_refused_for_its_own_reason() {
    let verifier = Verifier::new(&secret()).unwrap();
    for (claims, reason) in [
        (with("exp", json!(now() - 31)), Refusal::Expired),
        (with("nbf", json!(now() + 60)), Refusal::NotYetValid),
        (with("iss", json!("https://else.example")), Refusal::WrongIssuer),
        (with("aud", json!("else")), Refusal::WrongAudience),
        (with("exp", json!("soon")), Refusal::MissingClaim),
        (with("sub", json!("")), Refusal::MissingClaim),
        (with("sub", json!("x".repeat(129))), Refusal::MissingClaim),
        (with("sub", json!(7)), Refusal::MissingClaim),
        (without("sub"), Refusal::MissingClaim),
        (without("exp"), Refusal::MissingClaim),
        (without("iss"), Refusal::MissingClaim),
        (without("aud"), Refusal::MissingClaim),
        (json!([1]), Refusal::MissingClaim),
    ] {
        assert_eq!(verifier.verify(&hs256(&claims)), Err(reason), "{claims}");
    }
    for (claims, what) in [
        (with("exp", json!(now() - 25)), "leeway after the end"),
        (with("nbf", json!(now() + 25)), "leeway before the begin"),
        (with("exp", json!(now() as f64 + 10.5)), "fractions of a second"),
    ] {
        assert!(verifier.verify(&hs256(&claims)).is_ok(), "{what}");
    }
    let other = encode(&Header::default(), &claims(), &EncodingKey::from_secret(&[7; 32])).unwrap();
    assert_eq!(verifier.verify(&other), Err(Refusal::BadSignature));
    for text in ["", ".", "..", "a.b.c", "e30.e30.", &"a".repeat(10_000)] {
        assert_eq!(verifier.verify(text), Err(Refusal::Malformed), "{text:.10}");
    }
}

#[test]
fn the_token_does_not_choose_the_algorithm() {
    let verifier = Verifier::new(&secret()).unwrap();
    let hs512 = encode(&Header::new(Algorithm::HS512), &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(verifier.verify(&hs512), Err(Refusal::BadSignature));
    // {"alg":"none"}
    let none = format!("eyJhbGciOiJub25lIn0.{}.", hs256(&claims()).split('.').nth(1).unwrap());
    assert!(verifier.verify(&none).is_err());

    // The classic: the public key's text as a shared secret.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let pem = file(key.public_key_pem().as_bytes());
    let verifier = Verifier::new(&config(JwtSource::PublicKey(pem.path().into()))).unwrap();
    let confused =
        encode(&Header::default(), &claims(), &EncodingKey::from_secret(key.public_key_pem().as_bytes()))
            .unwrap();
    assert_eq!(verifier.verify(&confused), Err(Refusal::BadSignature));
}

#[test]
fn a_public_key_and_a_key_set_take_es256() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let signing = EncodingKey::from_ec_pem(key.serialize_pem().as_bytes()).unwrap();
    let mut header = Header::new(Algorithm::ES256);
    let pem = file(key.public_key_pem().as_bytes());
    let verifier = Verifier::new(&config(JwtSource::PublicKey(pem.path().into()))).unwrap();
    let token = encode(&header, &claims(), &signing).unwrap();
    assert_eq!(verifier.verify(&token).unwrap().courier, CourierId::new("anna"));

    let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some("k1".into());
    let oct = json!({ "kty": "oct", "kid": "k2", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" });
    let mut set = serde_json::to_value(JwkSet { keys: vec![jwk] }).unwrap();
    set["keys"].as_array_mut().unwrap().push(oct);
    let jwks = file(set.to_string().as_bytes());
    let verifier = Verifier::new(&config(JwtSource::Jwks(jwks.path().into()))).unwrap();
    assert_eq!(verifier.verify(&token), Err(Refusal::BadSignature), "no kid");
    header.kid = Some("k1".into());
    let token = encode(&header, &claims(), &signing).unwrap();
    assert_eq!(verifier.verify(&token).unwrap().courier, CourierId::new("anna"));
    // A shared secret in a key set is nobody's secret.
    let header = Header { kid: Some("k2".into()), ..Header::default() };
    let token = encode(&header, &claims(), &EncodingKey::from_secret(SECRET)).unwrap();
    assert_eq!(verifier.verify(&token), Err(Refusal::BadSignature));
}

#[test]
fn key_files_that_are_none_are_refused_at_start() {
    let junk = file(b"junk");
    let private = file(rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes());
    for source in [
        JwtSource::PublicKey(junk.path().into()),
        JwtSource::PublicKey(private.path().into()),
        JwtSource::PublicKey("/nonexistent".into()),
        JwtSource::Jwks(junk.path().into()),
    ] {
        assert!(Verifier::new(&config(source.clone())).is_err(), "{source:?}");
    }
    assert!(matches!(
        mint(&config(JwtSource::PublicKey(junk.path().into())), "anna", Duration::from_secs(1)),
        Err(MintError::NoSecret)
    ));
}
