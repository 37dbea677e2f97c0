//! Any octets are read or refused; what was read prints, and reads back as the same.
#![no_main]

use doorstep_sip::msg::{Contacts, HeaderName, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Message::parse(data) {
        Ok(message) => {
            let headers = message.headers();
            let _ = (
                headers.vias(),
                headers.routes(),
                headers.record_routes(),
                headers.tokens(&HeaderName::Supported),
            );
            if let Some(Contacts::List(list)) = headers.contacts() {
                for contact in list {
                    let _ = contact.uri.telephone_number();
                }
            }
            assert_eq!(Message::parse(&message.to_bytes()).as_ref(), Ok(&message));
        }
        Err(error) => {
            let _ = error.response().map(|response| response.to_bytes());
        }
    }
});
