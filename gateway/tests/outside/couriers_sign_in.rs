//! Who may connect: the token's faults are told with 401 and a reason, the path's and the subprotocol's with their own.

use crate::support::{Courier, Gateway, GatewayBuilder, now, token, upgrade};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

#[tokio::test]
async fn a_wrong_token_is_refused_with_its_reason() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("auth", "issuer = \"company\"\naudience = \"doorstep\"").start();
    let good = json!({ "sub": "anna", "exp": now() + 60, "iss": "company", "aud": "doorstep" });
    let with = |key: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[key] = value;
        token(&claims)
    };
    for (token, code, words) in [
        (None, "missing", "a bearer token is needed"),
        (Some("junk".to_owned()), "malformed", "cannot be read"),
        (Some(with("exp", json!(now() - 60))), "expired", "the token has expired"),
        (Some(with("nbf", json!(now() + 600))), "not_yet_valid", "not valid yet"),
        (Some(with("iss", json!("else"))), "wrong_issuer", "another issuer"),
        (Some(with("aud", json!("else"))), "wrong_audience", "another audience"),
        (Some(with("sub", json!(""))), "missing_claim", "lacks a claim"),
        (Some(format!("{}x", token(&good))), "bad_signature", "not signed by a known key"),
    ] {
        let refused = upgrade(&gateway.edge(), token.as_deref()).await.expect_err("refused");
        assert_eq!(refused.status().as_u16(), 401, "{code}");
        assert_eq!(refused.headers()["x-doorstep-error"], code);
        assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer realm="));
        assert!(refused.body().contains(words), "{code}: {}", refused.body());
    }
    assert!(upgrade(&gateway.edge(), Some(&token(&good))).await.is_ok());
}

#[tokio::test]
async fn another_path_or_subprotocol_is_refused() {
    let gateway = Gateway::start(None);
    let token = gateway.token("anna");
    let refused = upgrade(&gateway.edge().replace("/ws", "/"), Some(&token)).await.err().unwrap();
    assert_eq!(refused.status().as_u16(), 404);
    let mut request = gateway.edge().into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 400),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_courier_registers_as_nobody_else() {
    let gateway = Gateway::start(None);
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.register().await.status.code(), 200);
    anna.name = "bert".to_owned();
    assert_eq!(anna.register().await.status.code(), 403);
}

#[tokio::test]
async fn a_password_is_as_good_as_a_token_where_it_is_configured() {
    let mut builder = GatewayBuilder::new(None);
    let gateway = builder.line("auth", "[[auth.digest]]\nuser = \"dora\"\npassword = \"swordfish\"").start();
    let socket = upgrade(&gateway.edge(), None).await.unwrap();
    let mut dora = Courier::over(socket, "dora");
    let challenged = dora.register().await;
    assert_eq!(challenged.status.code(), 401);
    let socket = upgrade(&gateway.edge(), None).await.unwrap();
    let mut dora = Courier::over(socket, "dora");
    dora.agent.ua.set_credentials(Some(doorstep_sip::digest::Credentials::new("dora", "swordfish")));
    assert_eq!(dora.register().await.status.code(), 200);
}
