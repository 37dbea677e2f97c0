//! Several carriers: a call that the first does not take up goes to the next, and each one's health is told.

use serde_json::json;

use crate::support::{COMPANY, CUSTOMER, Courier, GatewayBuilder, Phone, soon};

fn trunk(carriers: &[(&str, std::net::SocketAddr, &str)]) -> String {
    let mut text = "udp = \"127.0.0.1:0\"\noptions_interval_s = 0\n".to_owned();
    for (name, address, transport) in carriers {
        text.push_str(&format!(
            "[[trunk.carriers]]\nname = \"{name}\"\ncarrier = \"{address}\"\ntransport = \"{transport}\"\n"
        ));
    }
    text
}

#[tokio::test]
async fn a_call_that_the_first_refuses_with_503_goes_to_the_second() {
    let (mut first, mut second) = (Phone::new().await, Phone::new().await);
    let mut builder = GatewayBuilder::new(None);
    let carriers = [("first", first.address, "udp"), ("second", second.address, "udp")];
    let gateway = builder.line("trunk", trunk(&carriers)).start();
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = first.invited().await;
    first.reject(session, 503).await;
    let (session, invite) = second.invited().await;
    assert!(invite.uri.to_string().contains(&second.address.to_string()), "{}", invite.uri);
    second.answer(session).await;
    anna.answered().await;
    second.hears_rtp().await;
    anna.hang_up(courier_session).await;
    second.ended().await;
    // What the first says of the customer is no reason to ask another.
    anna.contact("4711").await;
    let (session, _) = first.invited().await;
    first.reject(session, 486).await;
    assert_eq!(anna.refused().await.status.code(), 486);
}

#[tokio::test]
async fn with_the_first_dead_calls_go_by_the_second_and_readiness_says_which() {
    let dead = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let mut second = Phone::new().await;
    let mut builder = GatewayBuilder::new(None);
    let carriers = [("first", dead, "tcp"), ("second", second.address, "udp")];
    let gateway = builder.line("trunk", trunk(&carriers)).start();
    let (status, ready) = soon("readiness", async {
        loop {
            let answer = gateway.get("/readyz").await;
            if answer.0 == 200 {
                break answer;
            }
        }
    })
    .await;
    assert_eq!((status, &ready["trunk"]), (200, &json!("up")));
    let expected = json!([{ "name": "first", "state": "down" }, { "name": "second", "state": "up" }]);
    assert_eq!((&ready["carriers"], &ready["push"]), (&expected, &json!("none")));
    let metrics = gateway.metrics().await;
    for line in [
        "doorstep_carrier_up{carrier=\"first\"} 0",
        "doorstep_carrier_up{carrier=\"second\"} 1",
        "doorstep_trunk_up 1",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.register().await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = second.invited().await;
    second.answer(session).await;
    anna.answered().await;
    anna.hang_up(courier_session).await;
    second.ended().await;
    // And the second's customers reach the courier.
    let session = second.call(gateway.udp(), CUSTOMER, COMPANY).await;
    let (courier_session, _) = anna.rings().await;
    anna.answer(courier_session).await;
    second.answered().await;
    second.hang_up(session).await;
    anna.ended().await;
}

#[tokio::test]
async fn the_first_is_preferred_again_as_soon_as_it_is_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let second = Phone::new().await;
    let mut builder = GatewayBuilder::new(None);
    let carriers = [("first", address, "tcp"), ("second", second.address, "udp")];
    let gateway = builder.line("trunk", trunk(&carriers)).start();
    gateway.open_order("4711", "anna").await;
    let first_is = |wanted: &'static str| {
        let gateway = &gateway;
        async move { while gateway.get("/readyz").await.1["carriers"][0]["state"] != wanted {} }
    };
    soon("the first to be missed", first_is("down")).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let (stream, _) = soon("the gateway to connect", listener.accept()).await.unwrap();
    soon("the first to be back", first_is("up")).await;
    let wire = crate::support::StreamWire::new(stream);
    let mut first = Phone::over(wire, doorstep_sip::ua::TransportKind::Tcp, address).await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = first.invited().await;
    first.answer(session).await;
    anna.answered().await;
    anna.hang_up(courier_session).await;
    first.ended().await;
}
