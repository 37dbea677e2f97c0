use std::time::{Duration, UNIX_EPOCH};

use doorstep_push_fakes::{Answer, FakeApns};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::client;

const TOKEN: &str = "a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4a1b2c3d4";

struct Sender {
    fake: FakeApns,
    client: reqwest::Client,
}

/// One push; each field is what a good one bears until a test spoils it.
#[derive(Clone)]
struct Push {
    method: reqwest::Method,
    path: String,
    authorization: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Push {
    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self
    }
}

impl Sender {
    async fn new() -> Self {
        let fake = FakeApns::start().await.unwrap();
        let client = client(fake.authority_pem());
        Self { fake, client }
    }

    fn token(&self, team: &str, key_id: &str, age: u64) -> String {
        let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::ES256) };
        let claims = json!({ "iss": team, "iat": self.fake.clock().unix() - age });
        let key = EncodingKey::from_ec_pem(self.fake.key_pem().as_bytes()).unwrap();
        format!("bearer {}", encode(&header, &claims, &key).unwrap())
    }

    fn good(&self) -> Push {
        let account = self.fake.account();
        Push {
            method: reqwest::Method::POST,
            path: format!("/3/device/{TOKEN}"),
            authorization: Some(self.token(&account.team, &account.key_id, 0)),
            headers: vec![
                ("apns-id", "6f1f9d2e-8f0a-4b8c-9c1c-0a1b2c3d4e5f".to_owned()),
                ("apns-topic", "com.example.courier.voip".to_owned()),
                ("apns-push-type", "voip".to_owned()),
                ("apns-priority", "10".to_owned()),
                ("apns-expiration", "0".to_owned()),
            ],
            body: r#"{"aps":{},"call":"c1"}"#.to_owned(),
        }
    }

    async fn send(&self, push: Push) -> (u16, Option<String>, Value) {
        let url = format!("https://{}{}", self.fake.host(), push.path);
        let mut request = self.client.request(push.method, url).body(push.body);
        if let Some(authorization) = push.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in push.headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        let id = response.headers().get("apns-id").map(|id| id.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, id, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }

    async fn refused(&self, push: Push) -> (u16, String) {
        let (status, _, body) = self.send(push).await;
        (status, body["reason"].as_str().unwrap_or_default().to_owned())
    }
}

#[tokio::test]
async fn a_good_push_is_taken_once_and_its_id_comes_back() {
    let sender = Sender::new().await;
    let (status, id, body) = sender.send(sender.good()).await;
    assert_eq!(
        (status, id.as_deref(), body),
        (200, Some("6f1f9d2e-8f0a-4b8c-9c1c-0a1b2c3d4e5f"), Value::Null)
    );
    let log = sender.fake.log().all();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].token.as_str(), &log[0].answer), (TOKEN, &Answer::Accepted));
    assert_eq!(log[0].payload()["call"], "c1");
    assert!(!log[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_name() {
    let sender = Sender::new().await;
    let good = sender.good();
    let account = sender.fake.account().clone();
    let other_key = {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let header = Header { kid: Some(account.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let claims = json!({ "iss": account.team, "iat": sender.fake.clock().unix() });
        format!(
            "bearer {}",
            encode(&header, &claims, &EncodingKey::from_ec_pem(key.as_bytes()).unwrap()).unwrap()
        )
    };
    let with_token = |token: Option<String>| Push { authorization: token, ..good.clone() };
    let at = |path: &str| Push { path: path.to_owned(), ..good.clone() };
    let saying = |body: String| Push { body, ..good.clone() };
    let mut twice = good.clone();
    twice.headers.push(("apns-topic", "com.example.courier.voip".to_owned()));
    let rows = [
        (Push { method: reqwest::Method::PUT, ..good.clone() }, 405, "MethodNotAllowed"),
        (at("/2/device/x"), 404, "BadPath"),
        (at("/3/device/"), 400, "MissingDeviceToken"),
        (at("/3/device/xyz"), 400, "BadDeviceToken"),
        (at(&format!("/3/device/{}", "0".repeat(64))), 400, "BadDeviceToken"),
        (twice, 400, "DuplicateHeaders"),
        (with_token(None), 403, "MissingProviderToken"),
        (with_token(Some("bearer a.b.c".to_owned())), 403, "InvalidProviderToken"),
        (with_token(Some(other_key)), 403, "InvalidProviderToken"),
        (with_token(Some(sender.token("OTHERTEAM1", &account.key_id, 0))), 403, "InvalidProviderToken"),
        (with_token(Some(sender.token(&account.team, "OTHERKEY01", 0))), 403, "InvalidProviderToken"),
        (with_token(Some(sender.token(&account.team, &account.key_id, 3601))), 403, "ExpiredProviderToken"),
        (good.clone().set("apns-id", "no-uuid"), 400, "BadMessageId"),
        (good.clone().set("apns-expiration", "soon"), 400, "BadExpirationDate"),
        (good.clone().set("apns-priority", "7"), 400, "BadPriority"),
        (good.clone().set("apns-collapse-id", &"x".repeat(65)), 400, "BadCollapseId"),
        (good.clone().without("apns-topic"), 400, "MissingTopic"),
        (good.clone().set("apns-topic", "com.example.other.voip"), 400, "TopicDisallowed"),
        (good.clone().set("apns-topic", "com.example.courier"), 400, "InvalidPushType"),
        (good.clone().set("apns-push-type", "ring"), 400, "InvalidPushType"),
        (good.clone().without("apns-push-type"), 400, "InvalidPushType"),
        (saying(String::new()), 400, "PayloadEmpty"),
        (saying(r#"{"call":"c1"}"#.to_owned()), 400, "PayloadEmpty"),
        (saying(format!(r#"{{"aps":{{}},"x":"{}"}}"#, "x".repeat(5120))), 413, "PayloadTooLarge"),
    ];
    for (push, status, reason) in rows {
        assert_eq!(sender.refused(push).await, (status, reason.to_owned()));
    }
    assert_eq!(sender.fake.log().reached(), 0);
}

#[tokio::test]
async fn a_provider_token_ages_and_may_not_be_renewed_within_twenty_minutes() {
    let sender = Sender::new().await;
    let (team, key_id) = (sender.fake.account().team.clone(), sender.fake.account().key_id.clone());
    let first = sender.good();
    assert_eq!(sender.send(first.clone()).await.0, 200);
    sender.fake.clock().advance(Duration::from_secs(19 * 60));
    let second = Push { authorization: Some(sender.token(&team, &key_id, 0)), ..first.clone() };
    assert_eq!(sender.refused(second.clone()).await, (429, "TooManyProviderTokenUpdates".to_owned()));
    assert_eq!(sender.send(first.clone()).await.0, 200, "the token in use stays good");
    sender.fake.clock().advance(Duration::from_secs(2 * 60));
    assert_eq!(sender.send(second).await.0, 200);
    sender.fake.clock().advance(Duration::from_secs(40 * 60));
    assert_eq!(sender.refused(first).await, (403, "ExpiredProviderToken".to_owned()));
}

#[tokio::test]
async fn devices_are_known_gone_or_another_apps() {
    let sender = Sender::new().await;
    let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    sender.fake.uninstall(TOKEN, at);
    let (status, _, body) = sender.send(sender.good()).await;
    assert_eq!(
        (status, body),
        (410, json!({ "reason": "Unregistered", "timestamp": 1_700_000_000_123_u64 }))
    );

    let other = "ff".repeat(32);
    sender.fake.know(other.clone(), "com.example.courier");
    let push = Push { path: format!("/3/device/{other}"), ..sender.good() };
    assert_eq!(sender.refused(push).await, (400, "DeviceTokenNotForTopic".to_owned()));
    let push = Push { path: format!("/3/device/{}", "ee".repeat(32)), ..sender.good() };
    assert_eq!(sender.refused(push).await, (400, "BadDeviceToken".to_owned()));
}
