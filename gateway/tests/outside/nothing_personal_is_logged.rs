//! At the most talkative level neither number, courier, token, key nor description shows in a log.

use crate::support::{COMPANY, CUSTOMER, Courier, GatewayBuilder, Phone, api_key};

#[tokio::test]
async fn a_log_of_calls_both_ways_holds_no_number_name_or_secret() {
    let mut phone = Phone::new().await;
    let mut builder = GatewayBuilder::new(Some(phone.address));
    builder.config.replace("log", "level = \"trace\"\nformat = \"json\"");
    let mut gateway = builder.start();
    let name = "anna-the-courier";
    gateway.open_order("4711", name).await;
    let mut anna = Courier::connect(&gateway, name).await;
    anna.register().await;
    let courier_session = anna.contact("4711").await;
    let (session, invite) = phone.invited().await;
    phone.answer(session).await;
    anna.answered().await;
    anna.hang_up(courier_session).await;
    phone.ended().await;
    phone.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (courier_session, _) = anna.rings().await;
    anna.answer(courier_session).await;
    phone.answered().await;
    let token = gateway.token(name);
    gateway.signal("TERM");
    tokio::join!(anna.ended(), phone.ended());
    let (_, log) = gateway.ended().await;
    assert!(log.contains("\"call\"") && log.contains("4711"), "calls are told: {log}");
    let signature = token.rsplit('.').next().unwrap();
    let call_id = invite.headers.call_id().unwrap();
    for secret in [
        &CUSTOMER[1..],
        "30901820",
        &COMPANY[3..],
        name,
        signature,
        api_key(),
        "candidate",
        "a=ice-pwd",
        call_id,
    ] {
        assert!(!log.contains(secret), "{secret} shows in the log");
    }
}
