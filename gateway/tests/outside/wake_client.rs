//! The client of push-service against a stand-in that speaks its API: devices are told until they are taken, wakes are taken at once or
//! not at all, and what becomes of them is told.

use std::sync::Arc;
use std::time::Duration;

use doorstep_gateway::clock::Clock;
use doorstep_gateway::config;
use doorstep_gateway::core::{
    Binding, CallId, CourierId, DeviceId, OrderId, PushCommand, PushTarget, WakeOutcome,
};
use doorstep_gateway::store::Store;
use doorstep_gateway::wake::{PushService, Report};
use doorstep_sip::Sensitive;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{FakePush, Identity, PUSH_KEY, soon};

struct Side {
    push: PushService,
    reports: mpsc::Receiver<Report>,
    clock: Clock,
    store: Store,
    _dir: tempfile::TempDir,
}

fn settings(url: &str, timeout_ms: u64) -> config::Push {
    config::Push {
        url: url.parse().unwrap(),
        key: Sensitive::new(PUSH_KEY.to_owned()),
        ca_file: None,
        timeout: Duration::from_millis(timeout_ms),
        environment: config::Environment::Sandbox,
    }
}

impl Side {
    async fn start(settings: &config::Push, bindings: &[Binding]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::start();
        let store =
            Store::open(&dir.path().join("gateway.db"), Duration::from_secs(30), clock).await.unwrap();
        for binding in bindings {
            store.save_binding(binding).await.unwrap();
        }
        let (push, reports) = PushService::start(settings, store.clone(), clock).unwrap();
        Self { push, reports, clock, store, _dir: dir }
    }

    fn wake(&mut self, call: &str, ring: Duration) {
        let command = PushCommand::Wake {
            call: CallId(call.to_owned()),
            courier: CourierId::new("anna"),
            order: Some(OrderId("4711".to_owned())),
            label: Some(Sensitive::new("Order 4711".to_owned())),
            expires_at: self.clock.now() + ring,
        };
        assert_eq!(self.push.send(command), None);
    }

    fn cancel(&mut self, call: &str) {
        self.push.send(PushCommand::CancelWake { call: CallId(call.to_owned()) });
    }

    fn put(&mut self, device: &str, token: &str) {
        let (device, target) = (DeviceId(device.to_owned()), target(token));
        self.push.send(PushCommand::PutDevice { device, courier: CourierId::new("anna"), target });
    }

    async fn report(&mut self) -> Report {
        soon("a report", self.reports.recv()).await.unwrap()
    }

    async fn outcome(&mut self, call: &str) -> WakeOutcome {
        match self.report().await {
            Report::Wake { call: of, outcome } => {
                assert_eq!(of.0, call);
                outcome
            }
            Report::DeviceGone { .. } => panic!("a device is gone"),
        }
    }
}

fn target(token: &str) -> PushTarget {
    PushTarget {
        provider: "apns".into(),
        param: "TEAM.app.voip".into(),
        prid: Sensitive::new(token.to_owned()),
    }
}

fn binding(number: u32, push: bool) -> Binding {
    Binding {
        courier: CourierId::new(format!("courier-{number}")),
        contact: Sensitive::new(format!("sip:{number}@x.invalid")),
        instance: Some(format!("<urn:uuid:{number:08}-0000-0000-0000-000000000000>")),
        reg_id: Some(1),
        call_id: Sensitive::new("c".to_owned()),
        cseq: 1,
        // Long ago: a device that can be woken stays.
        expires_at: doorstep_sip::Timestamp::ZERO,
        push: push.then(|| target(&format!("token-{number}"))),
    }
}

const RING: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_the_store_knows_is_told_at_the_start_and_when_push_service_comes_back() {
    let mut fake = FakePush::start().await;
    let mut bindings: Vec<Binding> = (0..1200).map(|number| binding(number, true)).collect();
    bindings.push(binding(5000, false));
    let mut side = Side::start(&settings(&fake.url(), 2000), &bindings).await;
    soon("all devices", async {
        while fake.devices().len() < 1200 {
            fake.changed().await
        }
    })
    .await;
    let one = &fake.devices()["00000007-0000-0000-0000-000000000000"];
    let expected = json!({
        "user": "courier-7", "provider": "apns", "param": "TEAM.app.voip", "token": "token-7", "environment": "sandbox",
    });
    assert_eq!(*one, expected);

    // It loses its memory and is away for a while; meanwhile a device changes twice and another goes.
    fake.stop().await;
    fake.forget();
    side.put("new", "one");
    side.put("new", "two");
    side.store.remove_binding(&CourierId::new("courier-8"), None).await.unwrap();
    side.push
        .send(PushCommand::DeleteDevice { device: DeviceId("00000008-0000-0000-0000-000000000000".into()) });
    fake.start_again().await;
    soon("all devices", async {
        while fake.devices().len() < 1200 {
            fake.changed().await
        }
    })
    .await;
    assert_eq!(fake.devices()["new"]["token"], "two");
    assert!(!fake.devices().contains_key("00000008-0000-0000-0000-000000000000"));
}

#[tokio::test]
async fn a_wake_is_accepted_followed_and_cancelled() {
    let fake = FakePush::start().await;
    let mut side = Side::start(&settings(&fake.url(), 2000), &[]).await;
    fake.set_devices(&[("phone", "queued"), ("tablet", "queued")]);
    side.wake("call-1", RING);
    assert_eq!(side.outcome("call-1").await, WakeOutcome::Accepted);
    let wake = fake.wakes()["call-1"].clone();
    assert_eq!(
        (&wake["user"], &wake["order"], &wake["label"]),
        (&json!("anna"), &json!("4711"), &json!("Order 4711"))
    );
    let left = wake["expires_at"].as_i64().unwrap() - side.clock.unix_ms();
    assert!((50_000..=60_000).contains(&left), "{left}");
    fake.set_devices(&[("phone", "gone"), ("tablet", "sent")]);
    let gone = Report::DeviceGone { courier: CourierId::new("anna"), device: DeviceId("phone".into()) };
    assert_eq!(side.report().await, gone);
    assert_eq!(side.outcome("call-1").await, WakeOutcome::Sent);
    // The call is answered long after.
    side.cancel("call-1");
    soon("the cancellation", async {
        while !fake.cancelled("call-1") {
            fake.changed().await
        }
    })
    .await;
}

#[tokio::test]
async fn each_end_of_a_wake_has_its_name() {
    let fake = FakePush::start().await;
    let mut side = Side::start(&settings(&fake.url(), 2000), &[]).await;
    for (call, devices, expected) in [
        ("none", vec![], WakeOutcome::NoDevice),
        ("failed", vec![("phone", "failed")], WakeOutcome::Failed),
        ("expired", vec![("phone", "expired")], WakeOutcome::Failed),
        ("sent", vec![("phone", "sent"), ("tablet", "failed")], WakeOutcome::Sent),
    ] {
        fake.set_devices(&devices);
        side.wake(call, RING);
        assert_eq!(side.outcome(call).await, WakeOutcome::Accepted);
        assert_eq!(side.outcome(call).await, expected, "{call}");
    }
}

#[tokio::test]
async fn devices_that_push_service_does_not_know_are_forgotten_and_those_about_to_be_told_are_not() {
    let mut fake = FakePush::start().await;
    let of_anna = |number| Binding { courier: CourierId::new("anna"), ..binding(number, true) };
    let mut side =
        Side::start(&settings(&fake.url(), 2000), &[of_anna(1), of_anna(2), binding(3, true)]).await;
    let all_told = |fake: &FakePush| fake.devices().len() == 3;
    soon("all devices", async {
        while !all_told(&fake) {
            fake.changed().await
        }
    })
    .await;
    let first = DeviceId::of(&of_anna(1));
    // It was taken from there, by a provider's word or an app backend's.
    fake.forget_device(&first.0);
    side.wake("call-1", RING);
    assert_eq!(side.outcome("call-1").await, WakeOutcome::Accepted);
    assert_eq!(side.outcome("call-1").await, WakeOutcome::NoDevice);
    assert_eq!(side.report().await, Report::DeviceGone { courier: CourierId::new("anna"), device: first });

    // It has lost all, and is told all again before anything is taken for forgotten.
    fake.stop().await;
    side.wake("down", RING);
    assert_eq!(side.outcome("down").await, WakeOutcome::Unavailable);
    fake.forget();
    side.put("another", "token");
    fake.start_again().await;
    side.wake("call-2", RING);
    loop {
        match side.outcome("call-2").await {
            // It was just up again.
            WakeOutcome::Accepted => {}
            WakeOutcome::NoDevice | WakeOutcome::Unavailable => break,
            other => panic!("{other:?}"),
        }
    }
    soon("all devices", async {
        while fake.devices().len() < 4 {
            fake.changed().await
        }
    })
    .await;
    side.wake("call-3", RING);
    assert_eq!(side.outcome("call-3").await, WakeOutcome::Accepted, "no device was forgotten before");
}

#[tokio::test]
async fn a_push_service_that_is_down_is_told_at_once_and_found_again() {
    let mut fake = FakePush::start().await;
    let mut side = Side::start(&settings(&fake.url(), 2000), &[]).await;
    fake.set_devices(&[("phone", "sent")]);
    fake.stop().await;
    side.wake("down", RING);
    assert_eq!(side.outcome("down").await, WakeOutcome::Unavailable);
    fake.start_again().await;
    side.wake("up", RING);
    assert_eq!(side.outcome("up").await, WakeOutcome::Accepted);
    assert_eq!(side.outcome("up").await, WakeOutcome::Sent);
}

#[tokio::test]
async fn a_wrong_key_overload_and_a_refused_label_are_told_apart() {
    let fake = FakePush::start().await;
    let wrong = config::Push { key: Sensitive::new("another".to_owned()), ..settings(&fake.url(), 2000) };
    let mut side = Side::start(&wrong, &[]).await;
    side.wake("key", RING);
    assert_eq!(side.outcome("key").await, WakeOutcome::Unavailable);

    let mut side = Side::start(&settings(&fake.url(), 2000), &[]).await;
    fake.answer_wakes_with(429);
    side.wake("busy", RING);
    assert_eq!(side.outcome("busy").await, WakeOutcome::Unavailable);
    // A label with a number in it is not passed on; the courier is woken all the same.
    fake.refuse_labels();
    fake.set_devices(&[("phone", "sent")]);
    side.wake("label", RING);
    assert_eq!(side.outcome("label").await, WakeOutcome::Accepted);
    let wake = &fake.wakes()["label"];
    assert!(wake.get("label").is_none() && wake.get("order").is_none(), "{wake}");
}

async fn request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        length += stream.read(&mut bytes[length..]).await.unwrap();
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let complete = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.to_ascii_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
            });
            body.len() >= length.unwrap_or(0)
        });
        if complete {
            return text;
        }
    }
}

/// The next request that begins so; others are closed.
async fn next_request(listener: &TcpListener, begins: &str) -> (TcpStream, String) {
    loop {
        let (mut stream, _) = soon("a request", listener.accept()).await.unwrap();
        let text = soon("its text", request(&mut stream)).await;
        if text.starts_with(begins) {
            return (stream, text);
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_once_more_for_the_same_call() {
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut side = Side::start(&settings(&url, 5000), &[]).await;
    side.wake("twice", RING);
    let (stream, first) = next_request(&listener, "POST /v1/wakes ").await;
    drop(stream);
    let (mut stream, second) = next_request(&listener, "POST /v1/wakes ").await;
    stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    for text in [first, second] {
        assert!(text.contains("\"call\":\"twice\""), "{text}");
        assert!(text.contains(&format!("authorization: Bearer {PUSH_KEY}")), "{text}");
    }
    assert_eq!(side.outcome("twice").await, WakeOutcome::Accepted);
    // Twice is enough.
    side.wake("thrice", RING);
    for _ in 0..2 {
        next_request(&listener, "POST /v1/wakes ").await;
    }
    assert_eq!(side.outcome("thrice").await, WakeOutcome::Unavailable);
}

#[tokio::test]
async fn who_does_not_answer_in_time_is_unavailable_and_hears_the_cancellation() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut side = Side::start(&settings(&url, 300), &[]).await;
    side.wake("late", RING);
    let (silent, _) = next_request(&listener, "POST /v1/wakes ").await;
    assert_eq!(side.outcome("late").await, WakeOutcome::Unavailable);
    drop(silent);
    // It may have taken the wake all the same.
    side.cancel("late");
    let (_, text) = next_request(&listener, "DELETE /v1/wakes/late ").await;
    assert!(text.contains("authorization: Bearer"), "{text}");
}

#[tokio::test]
async fn over_tls_only_the_configured_root_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::write(dir.path());
    let acceptor = identity.acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let trusting = config::Push { ca_file: Some(identity.root()), ..settings(&url, 5000) };
    let mut side = Side::start(&trusting, &[]).await;
    side.wake("safe", RING);
    let (mut stream, text) = soon("the wake", async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let text = request(&mut stream).await;
            if text.starts_with("POST /v1/wakes ") {
                break (stream, text);
            }
        }
    })
    .await;
    assert!(text.contains("\"call\":\"safe\""), "{text}");
    stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(side.outcome("safe").await, WakeOutcome::Accepted);
    drop(side);

    let other = tempfile::tempdir().unwrap();
    let stranger = config::Push { ca_file: Some(Identity::write(other.path()).root()), ..trusting };
    let mut side = Side::start(&stranger, &[]).await;
    side.wake("unsafe", RING);
    let refused = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            assert!(
                acceptor.accept(stream).await.is_err(),
                "a wake over a connection that nobody vouches for"
            );
        }
    };
    tokio::select! {
        outcome = side.outcome("unsafe") => assert_eq!(outcome, WakeOutcome::Unavailable),
        () = refused => {}
    }
}
