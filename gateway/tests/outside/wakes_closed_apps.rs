//! A closed app is known to push-service, woken for a call, and gets the INVITE under the call's own id.

use crate::support::{
    COMPANY, CUSTOMER, Courier, FakePush, Gateway, GatewayBuilder, INSTANCE, PUSH_KEY, Phone, soon,
};

pub(crate) fn with_push(phone: &Phone, fake: &FakePush) -> GatewayBuilder {
    let mut builder = GatewayBuilder::new(Some(phone.address));
    builder.line("push", format!("url = \"{}\"\nkey = \"{PUSH_KEY}\"", fake.url()));
    builder
}

/// An app that has registered for pushes and is closed.
async fn closed_app(gateway: &Gateway, fake: &FakePush) {
    let mut anna = Courier::connect(gateway, "anna").await;
    assert_eq!(anna.register_for_push("token-of-anna").await.status.code(), 200);
    soon("the device", async {
        while !fake.devices().contains_key(INSTANCE) {
            fake.changed().await
        }
    })
    .await;
    drop(anna);
    soon("the end of its connection", async {
        while !gateway.metrics().await.contains("doorstep_edge_connections 0") {}
    })
    .await;
}

#[tokio::test]
async fn a_closed_app_is_woken_and_its_register_gets_the_call() {
    let (mut phone, fake) = (Phone::new().await, FakePush::start().await);
    let gateway = with_push(&phone, &fake).start();
    gateway.open_order("4711", "anna").await;
    closed_app(&gateway, &fake).await;
    let device = &fake.devices()[INSTANCE];
    assert_eq!((&device["user"], &device["token"]), (&"anna".into(), &"token-of-anna".into()));
    fake.set_devices(&[(INSTANCE, "sent")]);
    phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (call, wake) = soon("the wake", async {
        loop {
            if let Some(found) = fake.wakes().into_iter().next() {
                break found;
            }
            fake.changed().await;
        }
    })
    .await;
    assert_eq!(
        (&wake["user"], &wake["order"], &wake["label"]),
        (&"anna".into(), &"4711".into(), &"Order 4711".into())
    );
    assert!(!wake.to_string().contains(&CUSTOMER[3..]), "{wake}");
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.begin_register_for_push("token-of-anna").await;
    let (courier_session, invite) = anna.rings().await;
    assert_eq!(invite.headers.call_id().unwrap().to_string(), call);
    anna.answer(courier_session).await;
    phone.answered().await;
    phone.hears_rtp().await;
    anna.hang_up(courier_session).await;
    phone.ended().await;
    assert_eq!(gateway.get("/readyz").await.1["push"], "up");
    let metrics = gateway.metrics().await;
    for line in ["doorstep_push_up 1", "doorstep_wakes_total{outcome=\"accepted\"} 1"] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    let log = gateway.log();
    assert!(!log.contains("token-of-anna") && !log.contains(PUSH_KEY), "{log}");
}

#[tokio::test]
async fn a_caller_who_hangs_up_takes_the_wake_back() {
    let (mut phone, fake) = (Phone::new().await, FakePush::start().await);
    let gateway = with_push(&phone, &fake).start();
    gateway.open_order("4711", "anna").await;
    closed_app(&gateway, &fake).await;
    fake.set_devices(&[(INSTANCE, "sent")]);
    let session = phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let call = soon("the wake", async {
        loop {
            if let Some((call, _)) = fake.wakes().into_iter().next() {
                break call;
            }
            fake.changed().await;
        }
    })
    .await;
    let now = phone.agent.now();
    phone.agent.ua.end(now, session, None).unwrap();
    phone.agent.flush().await;
    phone.ended().await;
    soon("the cancellation", async {
        while !fake.cancelled(&call) {
            fake.changed().await
        }
    })
    .await;
}

#[tokio::test]
async fn an_app_that_signs_off_is_no_device_any_more_also_after_a_restart() {
    let (phone, fake) = (Phone::new().await, FakePush::start().await);
    let mut gateway = with_push(&phone, &fake).start();
    closed_app(&gateway, &fake).await;
    gateway.kill_9().await;
    fake.forget();
    let gateway = gateway.start_again();
    soon("the device again", async {
        while !fake.devices().contains_key(INSTANCE) {
            fake.changed().await
        }
    })
    .await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    assert_eq!(anna.unregister().await.status.code(), 200);
    soon("its end", async {
        while fake.devices().contains_key(INSTANCE) {
            fake.changed().await
        }
    })
    .await;
}
