use std::time::Duration;

use crate::msg::{HeaderName, Message, Request, StatusCode};
use crate::registrar::{BindingKey, ContactBinding, RegisterAction, RegistrarLimits, accept, read};
use crate::ua::Reply;

fn register(lines: &str) -> Request {
    let text = format!(
        "REGISTER sip:company.example SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nFrom: <sip:c@company.example>;tag=1\r\nTo: <sip:c@company.example>\r\nCall-ID: id\r\nCSeq: 7 REGISTER\r\nMax-Forwards: 70\r\n{lines}\r\n"
    );
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn bindings(lines: &str) -> Result<Vec<ContactBinding>, Reply> {
    let read = read(&register(lines), &RegistrarLimits::default())?;
    match read.action {
        RegisterAction::Update(bindings) => Ok(bindings),
        other => panic!("{other:?}"),
    }
}

fn refused(lines: &str) -> u16 {
    read(&register(lines), &RegistrarLimits::default()).unwrap_err().status.code()
}

#[test]
fn asking_removing_and_updating_are_told_apart() {
    let action = |lines| read(&register(lines), &RegistrarLimits::default()).unwrap().action;
    assert_eq!(action(""), RegisterAction::Query);
    assert_eq!(action("Contact: *\r\nExpires: 0\r\n"), RegisterAction::RemoveAll);
    assert_eq!(refused("Contact: *\r\nExpires: 1\r\n"), 400);
    assert_eq!(refused("Contact: *\r\n"), 400);
    assert_eq!(refused("Contact: <tel:+4930>\r\n"), 400);
    let many = "Contact: <sip:c@a.invalid>\r\n".repeat(5);
    assert_eq!(refused(&many), 403);
    let read = read(&register(""), &RegistrarLimits::default()).unwrap();
    assert_eq!((read.call_id.as_str(), read.cseq, read.outbound), ("id", 7, false));
    assert_eq!(read.aor.to_string(), "sip:c@company.example");
}

#[test]
fn the_time_of_a_binding_is_its_own_or_the_common_one_within_the_limits() {
    let secs = |lines: &str| bindings(lines).unwrap()[0].expires.as_secs();
    assert_eq!(secs("Contact: <sip:c@a.invalid>\r\n"), 3600);
    assert_eq!(secs("Contact: <sip:c@a.invalid>\r\nExpires: 100\r\n"), 100);
    assert_eq!(secs("Contact: <sip:c@a.invalid>;expires=200\r\nExpires: 100\r\n"), 200);
    assert_eq!(secs("Contact: <sip:c@a.invalid>;expires=0\r\nExpires: 100\r\n"), 0);
    assert_eq!(secs("Contact: <sip:c@a.invalid>;expires=soon\r\n"), 3600);
    assert_eq!(secs("Contact: <sip:c@a.invalid>;expires=4294967295\r\n"), 86_400);
    let brief = bindings("Contact: <sip:c@a.invalid>;expires=59\r\n").unwrap_err();
    assert_eq!(brief.status, StatusCode::INTERVAL_TOO_BRIEF);
    assert_eq!(brief.headers.get(&HeaderName::MinExpires), Some("60"));
}

#[test]
fn instances_and_push_addresses_are_read_where_they_are_whole() {
    let lines = "Supported: path, outbound\r\nContact: <sip:c@a.invalid;transport=ws;pn-provider=fcm;pn-param=project;pn-prid=a%3Ab>;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n";
    let request = register(lines);
    let read = read(&request, &RegistrarLimits::default()).unwrap();
    assert!(read.outbound);
    let RegisterAction::Update(list) = &read.action else { panic!() };
    let [binding] = &list[..] else { panic!() };
    assert_eq!(binding.key(), BindingKey::Instance { instance: "urn:uuid:1".into(), reg_id: 2 });
    let push = binding.push.as_ref().unwrap();
    assert_eq!((push.provider.as_str(), push.param.as_deref()), ("fcm", Some("project")));
    assert_eq!(push.prid.expose(), "a:b");
    assert!(!format!("{binding:?}").contains("a:b"), "tokens do not print");

    let reply = accept(&read, list);
    assert_eq!(
        reply.headers.get(&HeaderName::Contact),
        Some("<sip:c@a.invalid;transport=ws>;expires=3600;+sip.instance=\"<urn:uuid:1>\";reg-id=2")
    );
    assert_eq!(reply.headers.get(&HeaderName::Require), Some("outbound"));
    assert_eq!(reply.headers.get(&HeaderName::FeatureCaps), Some("*;+sip.pns=\"fcm\""));

    let plain = &bindings("Contact: <sip:c@a.invalid:5061;pn-provider=fcm>;reg-id=1\r\n").unwrap()[0];
    assert_eq!((plain.reg_id, plain.push.clone()), (None, None), "reg-id needs an instance, push a token");
    assert_eq!(plain.key(), BindingKey::Contact("c@a.invalid:5061;".into()));
    assert_eq!(refused("Contact: <sip:c@a.invalid;pn-provider=webpush;pn-prid=x>\r\n"), 555);
    assert_eq!(plain.expires, Duration::from_secs(3600));
}
