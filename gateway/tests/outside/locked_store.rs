//! A locked database: the API says 503, the call goes on, and what could not be written is written later.

use serde_json::json;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::support::{Courier, Gateway, Phone, order, soon};

#[tokio::test]
async fn a_call_goes_on_while_the_api_says_503() {
    let mut phone = Phone::new().await;
    let gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = phone.invited().await;

    let options = SqliteConnectOptions::new().filename(gateway.dir.path().join("gateway.db"));
    let mut lock = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.unwrap();
    let (status, problem) = gateway.put("/v1/orders/1", order("anna")).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:doorstep:problem:unavailable")));
    assert_eq!(gateway.get("/readyz").await.0, 503);

    phone.answer(session).await;
    anna.answered().await;
    phone.hears_rtp().await;
    anna.hang_up(courier_session).await;
    phone.ended().await;
    soon("the log", async {
        while !gateway.log().contains("courier_hung_up") {
            tokio::task::yield_now().await;
        }
    })
    .await;

    sqlx::query("ROLLBACK").execute(&mut lock).await.unwrap();
    let call = soon("the record", gateway.call_of("4711", |call| call["state"] == "ended")).await;
    assert_eq!(call["end"], "courier_hung_up");
    assert_eq!(gateway.put("/v1/orders/1", order("anna")).await.0, 201);
    assert_eq!(gateway.get("/readyz").await.0, 200);
}
