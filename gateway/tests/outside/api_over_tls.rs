//! The company's API by HTTPS: only with its certificate's root, and then as without TLS.

use crate::support::{GatewayBuilder, Identity, api_key, http_client, order};

#[tokio::test]
async fn orders_are_opened_over_tls_and_nothing_is_told_without() {
    let mut builder = GatewayBuilder::new(None);
    let identity = Identity::write(builder.dir.path());
    let gateway = builder.line("api", identity.lines()).start();
    let url = format!("{}/v1/orders/4711", gateway.api());
    assert!(url.starts_with("https://"), "{url}");
    let http = identity.http();
    let put = http.put(&url).bearer_auth(api_key()).json(&order("anna")).send().await.unwrap();
    assert_eq!(put.status().as_u16(), 201);
    let read = http.get(&url).bearer_auth(api_key()).send().await.unwrap();
    let read: serde_json::Value = serde_json::from_str(&read.text().await.unwrap()).unwrap();
    assert_eq!(read["id"], "4711");
    let keyless = http.get(&url).send().await.unwrap();
    assert_eq!(keyless.status().as_u16(), 401);

    let stranger = Identity::write(tempfile::tempdir().unwrap().path()).http();
    for (what, http, url) in [
        ("another root", stranger, url.clone()),
        ("no root", http_client(None), url.clone()),
        ("no TLS", http_client(None), url.replace("https://", "http://")),
    ] {
        assert!(http.get(&url).bearer_auth(api_key()).send().await.is_err(), "{what}");
    }
    assert!(http.get(&url).bearer_auth(api_key()).send().await.unwrap().status().is_success());
}
