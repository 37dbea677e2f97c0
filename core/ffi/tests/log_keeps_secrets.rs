//! What reaches the app's log holds no name, no number, no token and no address. Alone in its program: a process has one sink.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

#[allow(dead_code, reason = "shared with the other tests, which use more of it")]
#[path = "it/stage.rs"]
mod stage;
#[allow(dead_code, unreachable_pub, reason = "shared with the other tests, which use more of it")]
#[path = "../../client/tests/it/support/mod.rs"]
mod support;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use doorstep_ffi::{
    AccessToken, CallbackError, Client, DoorstepError, Event, LogLevel, LogLine, LogSink, PushInput,
    PushResult, PushTarget, TokenError, TokenProvider, set_log_sink,
};
use doorstep_testkit::leaks::Scanner;
use serde_json::json;
use stage::{Events, Gate, Listener, config, thrown};
use support::gateway::{Gateway, Order};
use support::within;

const TOKEN: &str = "eyJhbGciOiJub25lIn0.c2VjcmV0";
const DEVICE: &str = "a3f1c2d49be05f6677";
const NAME: &str = "Mrs Abernathy";
const NUMBER: &str = "+4915112345678";

/// A line of the test's own, behind all others.
const MARK: &str = "that was all";

struct Tokens;

#[async_trait]
impl TokenProvider for Tokens {
    async fn token(&self) -> Result<AccessToken, TokenError> {
        Ok(AccessToken { text: TOKEN.to_owned(), expires_in: None })
    }
}

/// Blocks at its first line, keeps each, and throws.
struct Sink {
    gate: Arc<Gate>,
    lines: Mutex<SyncSender<LogLine>>,
}

impl LogSink for Sink {
    fn log(&self, line: LogLine) -> Result<(), CallbackError> {
        self.gate.pass();
        let _ = self.lines.lock().unwrap().try_send(line);
        Err(thrown())
    }
}

fn push(call: &str) -> PushInput {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let payload = json!({
        "v": 1, "call": call, "order": "4711", "label": NAME, "from": NUMBER, "kind": "incoming",
        "sent_at": now, "expires_at": now + 30_000,
    });
    PushInput::Json { bytes: payload.to_string().into_bytes() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_at_its_most_talkative_tells_no_secret_and_holds_up_no_call() {
    let gate = Arc::new(Gate::default());
    let (sender, lines) = sync_channel(4_096);
    let sink = || Arc::new(Sink { gate: Arc::clone(&gate), lines: Mutex::new(sender.clone()) });
    set_log_sink(sink(), LogLevel::Debug).unwrap();
    assert_eq!(set_log_sink(sink(), LogLevel::Debug), Err(DoorstepError::WrongState), "one sink a process");

    let mut gateway = Gateway::start().await;
    let mut config = config(&gateway, Arc::new(Tokens));
    config.reachable = true;
    config.push = Some(PushTarget {
        provider: "apns".to_owned(),
        param: "TEAM.com.example.courier.voip".to_owned(),
        token: DEVICE.to_owned(),
    });
    let client = Client::new(config).unwrap();
    let mut events = Events::of(&client);
    let _throws = client.subscribe(Listener::new(|_| Err(thrown()))).unwrap();
    // In by a push, out to a number, and what is refused.
    let rings = client.handle_push(push("call-1")).unwrap();
    let PushResult::Call { id, .. } = within(rings.result()).await.unwrap() else {
        panic!("it does not ring")
    };
    assert_eq!(client.call(id).unwrap().snapshot().label.as_deref(), Some(NAME), "the screen does show it");
    client.call(id).unwrap().reject(false).await.unwrap();
    client.handle_push(PushInput::Json { bytes: NUMBER.as_bytes().to_vec() }).unwrap();
    let call = client.dial(format!("sip:{NUMBER}@localhost")).await.unwrap();
    gateway.until_invited().await;
    gateway.order(Order::Answer).await;
    events.until(|event| matches!(event, Event::FirstAudio { .. }).then_some(())).await;
    call.send_dtmf("4711".to_owned()).await.unwrap();
    call.transfer_to_uri(format!("tel:{NUMBER}")).await.unwrap();
    // The core speaks of what goes wrong: a message that cannot be read, a connection that is lost and does not come back.
    let garbage = format!("INVITE tel:{NUMBER} SIP/2.0\r\nFrom: \"{NAME}\" <tel:{NUMBER}\r\n\r\n");
    gateway.order(Order::Raw(garbage.into_bytes().into())).await;
    gateway.order(Order::Vanish).await;
    events.until(|event| matches!(event, Event::ConnectFailed { .. }).then_some(())).await;
    let _call_may_be_over = call.hang_up().await;
    within(client.shut_down()).await.unwrap();
    gate.open();

    let text = until_the_mark(&lines);
    assert!(text.lines().count() > 3, "there is a log: {text}");
    let secrets = Scanner::new().number("the customer's number", NUMBER).unwrap();
    let secrets = secrets.text("the name", NAME).unwrap().text("the token", TOKEN).unwrap();
    let secrets = secrets.text("the device", DEVICE).unwrap();
    assert_eq!(secrets.scan("log", text.as_bytes()), []);
}

/// Everything that was said before the mark.
fn until_the_mark(lines: &Receiver<LogLine>) -> String {
    tracing::warn!(target: "doorstep_test", "{MARK}");
    let mut text = String::new();
    loop {
        let line = lines.recv_timeout(std::time::Duration::from_secs(30)).expect("the mark comes");
        if line.message == MARK {
            return text;
        }
        text += &format!("{:?} {} {}\n", line.level, line.target, line.message);
    }
}
