//! SIGTERM: calls end with BYE on both sides, the program with status 0; the record is written.

use doorstep_sip::ua::EndCause;

use crate::support::{Courier, Gateway, Phone, soon};

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
