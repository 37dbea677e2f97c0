//! The real push-service beside the real gateway, with a provider of the test's own in Apple's and Google's place.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use doorstep_push::config::Config;
use doorstep_push::provider::{Kind, Provider, ProviderKind, Push, Verdict};
use doorstep_push::server::Server;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::mpsc;

use crate::support::{COMPANY, CUSTOMER, Courier, Gateway, GatewayBuilder, INSTANCE, PUSH_KEY, Phone, soon};

/// Keeps what it is given and answers as it is told.
struct Post {
    pushes: mpsc::UnboundedSender<Push>,
    gone: Mutex<bool>,
}

#[async_trait]
impl Provider for Post {
    async fn send(&self, push: &Push) -> Verdict {
        self.pushes.send(push.clone()).unwrap();
        if *self.gone.lock().unwrap() {
            return Verdict::DeviceGone { status: 404, reason: "UNREGISTERED".to_owned(), since: None };
        }
        Verdict::Sent { provider_id: push.id.to_string(), status: 200 }
    }
}

struct World {
    server: Server,
    post: Arc<Post>,
    pushes: mpsc::UnboundedReceiver<Push>,
    phone: Phone,
    gateway: Gateway,
    _dir: tempfile::TempDir,
}

impl World {
    /// With an app of anna's that is closed.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("push.toml");
        let hash = doorstep_gateway::api::hash_key(PUSH_KEY);
        let store = dir.path().join("push.db");
        let text = format!(
            "[api]\nlisten = \"127.0.0.1:0\"\nkeys = [\"{hash}\"]\n[store]\npath = \"{}\"\n",
            store.display()
        );
        std::fs::write(&config, text).unwrap();
        let config = Config::load(Some(&config), []).unwrap();
        let (sender, pushes) = mpsc::unbounded_channel();
        let post = Arc::new(Post { pushes: sender, gone: Mutex::default() });
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let server = Server::start(&config, post.clone(), metrics).await.unwrap();

        let phone = Phone::new().await;
        let mut builder = GatewayBuilder::new(Some(phone.address));
        builder.line("push", format!("url = \"http://{}\"\nkey = \"{PUSH_KEY}\"", server.address));
        let gateway = builder.start();
        gateway.open_order("4711", "anna").await;
        let mut anna = Courier::connect(&gateway, "anna").await;
        assert_eq!(anna.register_for_push("token-of-anna").await.status.code(), 200);
        drop(anna);
        soon("the end of its connection", async {
            while !gateway.metrics().await.contains("doorstep_edge_connections 0") {}
        })
        .await;
        let mut world = Self { server, post, pushes, phone, gateway, _dir: dir };
        world.device_is_known(true).await;
        world
    }

    async fn device_is_known(&mut self, wanted: bool) {
        let http = crate::support::http_client(None);
        let url = format!("http://{}/v1/users/anna/devices", self.server.address);
        soon("the devices", async {
            loop {
                let list = http.get(&url).bearer_auth(PUSH_KEY).send().await.unwrap().text().await.unwrap();
                assert!(!list.contains("token-of-anna"), "{list}");
                if list.contains("\"provider\"") == wanted {
                    break;
                }
            }
        })
        .await;
    }

    async fn push(&mut self) -> Push {
        soon("a push", self.pushes.recv()).await.unwrap()
    }
}

#[tokio::test]
async fn a_push_starts_the_app_and_an_ended_call_takes_it_back() {
    let mut world = World::new().await;
    world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
    let push = world.push().await;
    assert_eq!((push.kind, push.target.provider), (Kind::Incoming, ProviderKind::Fcm));
    assert_eq!((push.order.as_deref(), push.target.token.expose().as_str()), (Some("4711"), "token-of-anna"));
    let mut anna = Courier::connect(&world.gateway, "anna").await;
    anna.begin_register_for_push("token-of-anna").await;
    let (session, invite) = anna.rings().await;
    assert_eq!(invite.headers.call_id().unwrap().to_string(), push.call);
    anna.answer(session).await;
    world.phone.answered().await;
    world.phone.hears_rtp().await;
    // The other devices stop ringing.
    let taken_back = world.push().await;
    assert_eq!((taken_back.kind, taken_back.call), (Kind::Cancel, push.call));
    anna.hang_up(session).await;
    world.phone.ended().await;
    world.server.stop().await;
}

#[tokio::test]
async fn a_dead_token_is_forgotten_and_the_next_caller_does_not_wait_for_it() {
    let mut world = World::new().await;
    *world.post.gone.lock().unwrap() = true;
    world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
    world.push().await;
    world.phone.ended().await;
    world.device_is_known(false).await;
    let is_told = |line: &'static str| {
        let gateway = &world.gateway;
        async move { while !gateway.metrics().await.contains(line) {} }
    };
    soon("the outcome", is_told("doorstep_wakes_total{outcome=\"no_device\"} 1")).await;
    world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
    world.phone.ended().await;
    assert!(world.pushes.try_recv().is_err(), "nothing is sent to a dead token");
    world.server.stop().await;
}

#[tokio::test]
async fn a_device_that_was_removed_behind_the_gateways_back_keeps_no_second_caller_waiting() {
    let mut world = World::new().await;
    let http = crate::support::http_client(None);
    let url = format!("http://{}/v1/devices/{INSTANCE}", world.server.address);
    assert!(http.delete(&url).bearer_auth(PUSH_KEY).send().await.unwrap().status().is_success());
    world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
    world.phone.ended().await;
    world.gateway.says("push-service does not know a device").await;
    // The core has taken note when it has refused a call without asking for a wake.
    soon("a call that wakes nobody", async {
        loop {
            let asked = wakes_asked(&world.gateway).await;
            world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
            world.phone.ended().await;
            if wakes_asked(&world.gateway).await == asked {
                break;
            }
        }
    })
    .await;
    assert!(world.pushes.try_recv().is_err(), "nothing is sent");
    // Until the app says its token anew.
    let mut anna = Courier::connect(&world.gateway, "anna").await;
    assert_eq!(anna.register_for_push("token-of-anna").await.status.code(), 200);
    drop(anna);
    world.device_is_known(true).await;
    world.phone.call(world.gateway.udp(), CUSTOMER, COMPANY).await;
    assert_eq!(world.push().await.kind, Kind::Incoming);
    world.server.stop().await;
}

async fn wakes_asked(gateway: &Gateway) -> usize {
    let metrics = gateway.metrics().await;
    let count =
        metrics.lines().find_map(|line| line.strip_prefix("doorstep_wakes_total{outcome=\"accepted\"} "));
    count.map_or(0, |count| count.parse().unwrap())
}
