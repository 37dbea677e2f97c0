//! SIGTERM: calls end with BYE on both sides, the program with status 0; the record is written.

use doorstep_sip::ua::EndCause;
use tokio::net::UdpSocket;

use crate::support::{Courier, Gateway, GatewayBuilder, Phone, soon};

#[tokio::test]
async fn a_call_ends_with_bye_on_both_sides_and_the_record_is_there() {
    let mut phone = Phone::new().await;
    let mut gateway = Gateway::start(Some(phone.address));
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let (session, _) = phone.invited().await;
    phone.answer(session).await;
    anna.answered().await;
    gateway.signal("TERM");
    let (at_courier, at_phone) = tokio::join!(anna.ended(), phone.ended());
    for end in [at_courier, at_phone] {
        assert!(matches!(end, EndCause::Remote { .. }), "{end:?}");
    }
    let (status, log) = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    let gateway = gateway.start_again();
    let call = soon("the record", gateway.call_of("4711", |_| true)).await;
    assert_eq!(call["end"], "shutdown");
}

#[tokio::test]
async fn without_calls_it_ends_at_once_and_silently() {
    let mut gateway = Gateway::start(None);
    let _idle = Courier::connect(&gateway, "anna").await;
    gateway.signal("INT");
    let (status, log) = gateway.ended().await;
    assert_eq!(status.code(), Some(0));
    assert!(!log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_carrier_that_has_said_nothing_is_not_waited_for() {
    let carrier = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    // Longer than this test has patience.
    let mut gateway =
        GatewayBuilder::new(Some(carrier.local_addr().unwrap())).line("limits", "shutdown_s = 600").start();
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    anna.contact("4711").await;
    let mut message = [0; 4096];
    let length = soon("the INVITE", carrier.recv(&mut message)).await.unwrap();
    assert!(message[..length].starts_with(b"INVITE "));
    gateway.signal("TERM");
    let EndCause::Refused { response } = anna.ended().await else { panic!("the courier is told at once") };
    assert_eq!(response.status.code(), 503);
    let (status, log) = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("calls did not end in time"), "{log}");
}
