use std::time::Duration;

use doorstep_push_fakes::{Answer, FakeFcm};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::client;

const TOKEN: &str = "cYd1:APA91bHPRgkF3JUikC4ENAHEeMrd41Zxv3hVZjC9KtT8OvPVGJ";

struct Sender {
    fake: FakeFcm,
    client: reqwest::Client,
}

impl Sender {
    async fn new() -> Self {
        let fake = FakeFcm::start().await.unwrap();
        let client = client(fake.authority_pem());
        Self { fake, client }
    }

    fn claims(&self) -> Value {
        let now = self.fake.clock().unix();
        json!({
            "iss": self.fake.account().client_email,
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": self.fake.token_uri(),
            "iat": now,
            "exp": now + 3600,
        })
    }

    async fn grant(&self, claims: &Value, header: Header, key: &EncodingKey) -> (u16, Value) {
        let assertion = encode(&header, claims, key).unwrap();
        let body =
            format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        let response = self.client.post(self.fake.token_uri()).body(body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn key(&self) -> EncodingKey {
        let account = self.fake.service_account().unwrap();
        EncodingKey::from_rsa_pem(account["private_key"].as_str().unwrap().as_bytes()).unwrap()
    }

    async fn access_token(&self) -> String {
        let (status, body) = self.grant(&self.claims(), Header::new(Algorithm::RS256), &self.key()).await;
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    async fn send(&self, access: &str, project: &str, body: &Value) -> (u16, Value) {
        let url = format!("https://{}/v1/projects/{project}/messages:send", self.fake.host());
        let request = self.client.post(url).header("authorization", format!("Bearer {access}")).json(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

fn message() -> Value {
    json!({ "message": {
        "token": TOKEN,
        "data": { "v": "1", "call": "c1" },
        "android": { "priority": "HIGH", "ttl": "0s" },
    }})
}

/// The message with one thing spoiled.
fn spoiled(pointer: &str, value: Value) -> Value {
    let mut message = message();
    *message.pointer_mut(pointer).unwrap() = value;
    message
}

#[tokio::test]
async fn a_good_message_is_taken_and_a_validated_one_reaches_nobody() {
    let sender = Sender::new().await;
    let access = sender.access_token().await;
    let (status, body) = sender.send(&access, "courier-example", &message()).await;
    assert_eq!(status, 200);
    assert!(body["name"].as_str().unwrap().starts_with("projects/courier-example/messages/0:"));
    let mut dry = message();
    dry["validate_only"] = true.into();
    assert_eq!(sender.send(&access, "courier-example", &dry).await.0, 200);
    let log = sender.fake.log().all();
    assert_eq!((log[0].token.as_str(), &log[0].payload()["call"]), (TOKEN, &json!("c1")));
    assert_eq!((&log[0].answer, &log[1].answer), (&Answer::Accepted, &Answer::Validated));
    assert_eq!(sender.fake.log().reached(), 1);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_name() {
    let sender = Sender::new().await;
    let access = sender.access_token().await;
    let mut unknown = message();
    unknown["message"]["mesage"] = 1.into();
    let rows = [
        (spoiled("/message/token", json!("short")), "message.token"),
        (spoiled("/message/token", Value::Null), "message.token"),
        (spoiled("/message/data/v", json!(1)), "message.data.v"),
        (spoiled("/message/data", json!({ "from": "x" })), "message.data.from"),
        (spoiled("/message/data", json!({ "x": "x".repeat(4096) })), "message.data"),
        (spoiled("/message/android/priority", json!("NORMAL")), "message.android.priority"),
        (spoiled("/message/android/ttl", json!("60s")), "message.android.ttl"),
        (unknown, "message.mesage"),
    ];
    for (body, field) in rows {
        let (status, answer) = sender.send(&access, "courier-example", &body).await;
        let error = &answer["error"];
        assert_eq!((status, &error["status"]), (400, &json!("INVALID_ARGUMENT")));
        assert_eq!(error["details"][0]["errorCode"], "INVALID_ARGUMENT");
        assert_eq!(error["details"][1]["fieldViolations"][0]["field"], field);
    }
    let (status, answer) = sender.send(&access, "another-project", &message()).await;
    assert_eq!((status, &answer["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    sender.fake.uninstall(TOKEN);
    let (status, answer) = sender.send(&access, "courier-example", &message()).await;
    assert_eq!((status, &answer["error"]["status"]), (404, &json!("NOT_FOUND")));
    assert_eq!(answer["error"]["details"][0]["errorCode"], "UNREGISTERED");
    sender.fake.give_away(TOKEN);
    let (status, answer) = sender.send(&access, "courier-example", &message()).await;
    assert_eq!((status, &answer["error"]["details"][0]["errorCode"]), (403, &json!("SENDER_ID_MISMATCH")));
    assert_eq!(sender.fake.log().reached(), 0);
}

#[tokio::test]
async fn an_access_token_ends_and_can_be_taken_back() {
    let sender = Sender::new().await;
    assert_eq!(sender.send("made-up", "courier-example", &message()).await.0, 401);
    let access = sender.access_token().await;
    sender.fake.clock().advance(Duration::from_secs(3601));
    assert_eq!(sender.send(&access, "courier-example", &message()).await.0, 401);
    let access = sender.access_token().await;
    assert_eq!(sender.send(&access, "courier-example", &message()).await.0, 200);
    sender.fake.revoke_access_tokens();
    assert_eq!(sender.send(&access, "courier-example", &message()).await.0, 401);
}

#[tokio::test]
async fn a_bad_assertion_gets_no_token() {
    let sender = Sender::new().await;
    let now = sender.fake.clock().unix();
    let with = |name: &str, value: Value| {
        let mut claims = sender.claims();
        claims[name] = value;
        claims
    };
    let rows = [
        (with("iss", json!("somebody@else")), "invalid_grant"),
        (with("aud", json!("https://example.com/token")), "invalid_grant"),
        (with("exp", json!(now + 4000)), "invalid_grant"),
        (with("exp", json!(now - 1)), "invalid_grant"),
        (with("iat", json!(now + 300)), "invalid_grant"),
        (with("scope", json!("https://www.googleapis.com/auth/drive")), "invalid_scope"),
    ];
    for (claims, error) in rows {
        let (status, body) = sender.grant(&claims, Header::new(Algorithm::RS256), &sender.key()).await;
        assert_eq!((status, &body["error"]), (400, &json!(error)), "{claims}");
    }
    let header = Header { kid: Some("another".to_owned()), ..Header::new(Algorithm::RS256) };
    assert_eq!(sender.grant(&sender.claims(), header, &sender.key()).await.1["error"], "invalid_grant");
    let (status, body) =
        sender.grant(&sender.claims(), Header::new(Algorithm::HS256), &EncodingKey::from_secret(b"x")).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_grant")));
    assert_eq!(sender.fake.access_tokens_issued(), 0);
}
