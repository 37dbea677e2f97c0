//! Signing in with the far side (RFC 3261 section 10, RFC 5626).

use bytes::Bytes;
use doorstep_sip::msg::{HeaderName, Headers, Method, NameAddr, SipUri, StatusCode};
use doorstep_sip::ua::{OutOfDialog, RequestId, UaError};

use crate::PhoneError;
use crate::driver::Driver;
use crate::wire::Wire;

/// A name of its own for one phone, which tells it from its owner's others (RFC 5626 section 4.1): a version 4 UUID.
pub fn instance() -> String {
    let random: u128 = rand::random();
    let version_4 = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{version_4:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32))
}

impl Driver {
    pub(crate) fn register(&mut self, wire: &mut Wire) -> Result<RequestId, PhoneError> {
        let flow = self.flow_to_trunk(wire)?;
        let me = self.address_of(&self.config.number);
        // The address of record without its user (RFC 3261 section 10.2).
        let mut registrar = SipUri::new(me.host.clone());
        registrar.port = me.port;
        let me = NameAddr::new(me);
        let mut contact = self.contact.clone().ok_or(PhoneError::WrongState)?;
        if let Some(push) = &self.config.push {
            contact = push.write(&contact).map_err(UaError::from)?;
        }
        let mut contact = NameAddr::new(contact);
        let instance = format!("\"<urn:uuid:{}>\"", self.instance);
        for (name, value) in [("expires", "3600"), ("reg-id", "1"), ("+sip.instance", &instance)] {
            contact.params.set(name, Some(value)).map_err(UaError::from)?;
        }
        let mut headers = Headers::default();
        headers.push(HeaderName::Contact, &contact).map_err(UaError::from)?;
        headers.push(HeaderName::Supported, "outbound, path").map_err(UaError::from)?;
        let register = OutOfDialog {
            method: Method::Register,
            uri: registrar.into(),
            from: me.clone(),
            to: me,
            sequence: None,
            headers,
            body: Bytes::new(),
        };
        let now = self.now();
        Ok(self.ua.send_request(now, flow, register)?)
    }

    pub(crate) fn registered(&mut self, request: RequestId, status: StatusCode) {
        if status.is_provisional() {
            return;
        }
        let waiting = self.registering.iter().position(|(known, _)| *known == request);
        if let Some((_, reply)) = waiting.map(|place| self.registering.swap_remove(place)) {
            let refused = PhoneError::NotRegistered { status: status.code() };
            // Whoever asked may have stopped waiting.
            drop(reply.send(if status.is_success() { Ok(()) } else { Err(refused) }));
        }
    }
}
