//! A customer who reaches no courier is not left with silence: a recording, the contact centre, or both; at once when nobody can be woken.

use serde_json::json;

use super::wakes_closed_apps::with_push;
use crate::support::{COMPANY, CUSTOMER, Courier, FakePush, GatewayBuilder, INSTANCE, Phone, now, soon};

const CENTRE: &str = "+493022220009";

/// A recording of a tone of 440 Hz.
fn record(builder: &GatewayBuilder, ms: u32) -> String {
    let path = builder.dir.path().join("sorry.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 16_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for n in 0..ms * 16 {
        let sample = (f64::from(n) * 440.0 / 16_000.0 * std::f64::consts::TAU).sin() * 12_000.0;
        writer.write_sample(sample as i16).unwrap();
    }
    writer.finalize().unwrap();
    format!("message = \"{}\"", path.display())
}

#[tokio::test]
async fn without_an_app_the_caller_hears_the_recording_and_the_call_ends() {
    let mut phone = Phone::new().await;
    let mut builder = GatewayBuilder::new(Some(phone.address));
    let message = record(&builder, 1000);
    let gateway = builder.line("fallback", message).start();
    gateway.open_order("4711", "anna").await;
    phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    phone.answered().await;
    phone.hears_tone(440).await;
    phone.ended().await;
    let call = soon("the record", gateway.call_of("4711", |call| call["state"] == "ended")).await;
    assert_eq!(call["error"], "courier_unreachable", "{call}");
}

#[tokio::test]
async fn the_order_says_whether_the_recording_the_contact_centre_or_nothing_follows() {
    let mut phone = Phone::new().await;
    let mut builder = GatewayBuilder::new(Some(phone.address));
    let message = record(&builder, 300);
    let centre = format!("contact_centre = \"{CENTRE}\"");
    let gateway = builder.line("fallback", message).line("fallback", centre).start();
    let order = |otherwise: &str| json!({ "courier": "anna", "customer": CUSTOMER, "closes_at": (now() + 3600) * 1000, "otherwise": otherwise });
    assert_eq!(gateway.put("/v1/orders/1", order("refuse")).await.0, 201);
    assert_eq!(gateway.get("/v1/orders/1").await.1["otherwise"], "refuse");
    phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    phone.ended().await;

    assert_eq!(gateway.put("/v1/orders/1", order("message")).await.0, 200);
    phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    phone.answered().await;
    phone.hears_tone(440).await;
    phone.ended().await;

    assert_eq!(gateway.put("/v1/orders/1", order("contact_centre")).await.0, 200);
    let caller = phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (centre, invite) = phone.invited().await;
    assert!(invite.uri.to_string().contains(CENTRE), "{}", invite.uri);
    phone.answer(centre).await;
    phone.hang_up(caller).await;
}

#[tokio::test]
async fn with_push_service_down_the_contact_centre_is_called_at_once() {
    let (mut phone, mut fake) = (Phone::new().await, FakePush::start().await);
    let mut builder = with_push(&phone, &fake);
    let gateway = builder.line("fallback", format!("contact_centre = \"{CENTRE}\"")).start();
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.register_for_push("token").await;
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
    fake.stop().await;
    let caller = phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (centre, invite) = phone.invited().await;
    assert!(invite.uri.to_string().contains(CENTRE), "{}", invite.uri);
    phone.answer(centre).await;
    phone.hang_up(caller).await;
    let (status, ready) = gateway.get("/readyz").await;
    assert_eq!((status, &ready["push"]), (200, &json!("down")), "calls can be made all the same");
    let metrics = gateway.metrics().await;
    for line in ["doorstep_push_up 0", "doorstep_wakes_total{outcome=\"unavailable\"} 1"] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    let told = gateway.log().matches("push-service cannot be used").count();
    assert_eq!(told, 1, "once and loudly");
}
