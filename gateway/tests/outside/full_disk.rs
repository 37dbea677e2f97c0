//! A full disk: the API says 503, the call goes on, and when there is room again all is as before. The disk is a small one in memory,
//! in a mount namespace of the gateway's own, so it ends with it.

use doorstep_service_testkit::disk;
use serde_json::json;

use crate::support::{Courier, Gateway, GatewayBuilder, Phone, order, soon};

#[tokio::test]
async fn a_call_goes_on_while_nothing_can_be_written() {
    if !disk::may_mount() {
        return;
    }
    let mut phone = Phone::new().await;
    let gateway = start_on_small_disk(&phone);
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = phone.invited().await;

    let filler = gateway.path_inside(&gateway.dir.path().join("disk/filler"));
    disk::fill(&filler);
    let (status, problem) = refused_order(&gateway).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:doorstep:problem:unavailable")));

    phone.answer(session).await;
    anna.answered().await;
    phone.hears_rtp().await;
    anna.hang_up(courier_session).await;
    phone.ended().await;

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(gateway.put("/v1/orders/after", order("anna")).await.0, 201);
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let call = soon("the record", gateway.call_of("4711", |call| call["state"] == "ended")).await;
    assert_eq!(call["end"], "courier_hung_up");
}

/// Orders are put until one finds no room: what the database's file has left is not known.
async fn refused_order(gateway: &Gateway) -> (u16, serde_json::Value) {
    soon("a full database", async {
        let mut number = 0;
        loop {
            let answer = gateway.put(&format!("/v1/orders/filler-{number}"), order("anna")).await;
            if answer.0 != 201 {
                return answer;
            }
            number += 1;
        }
    })
    .await
}

fn start_on_small_disk(phone: &Phone) -> Gateway {
    let mut builder = GatewayBuilder::new(Some(phone.address));
    let disk = builder.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let store = disk.join("gateway.db");
    builder.config.replace("store", format!("path = \"{}\"\nbusy_timeout_ms = 200", store.display()));
    builder.launcher = disk::launcher(&disk);
    builder.start()
}
