//! Requests outside of sessions, and answers to those that came in.

use super::client_tx::ClientUser;
use super::{FlowId, IncomingId, OutOfDialog, Reply, RequestId, UaError, UserAgent};
use crate::Timestamp;
use crate::msg::{CSeq, HeaderName, Headers, InvalidValue, Method, NameAddr, Request};

impl UserAgent {
    /// Sends REGISTER, OPTIONS, MESSAGE… Its answer comes as an event.
    pub fn send_request(
        &mut self,
        now: Timestamp,
        flow: FlowId,
        what: OutOfDialog,
    ) -> Result<RequestId, UaError> {
        let (call_id, number) = what.sequence.unwrap_or_else(|| (self.new_call_id(), 1));
        let contact = self.flows.get(&flow).ok_or(UaError::NoSuchFlow)?.contact.clone();
        let mut request = Request::new(what.method.clone(), what.uri);
        let from = what.from.with_tag(&self.new_tag())?;
        request.headers = start_headers(&from, &what.to, &call_id, number, what.method)?;
        if what.headers.get(&HeaderName::Contact).is_none() {
            request.headers.push(HeaderName::Contact, NameAddr::new(contact))?;
        }
        for (name, value) in what.headers.iter() {
            request.headers.push(name.clone(), value)?;
        }
        request.body = what.body;
        let id = RequestId(self.next_number());
        self.start_client(now, flow, request, ClientUser::Request(id))?;
        Ok(id)
    }

    /// Answers a request that came in. After a final status the id is gone.
    pub fn respond(&mut self, now: Timestamp, incoming: IncomingId, reply: Reply) -> Result<(), UaError> {
        let tx = *self.incoming.get(&incoming).ok_or(UaError::NoSuchRequest)?;
        if reply.status.is_final() {
            self.incoming.remove(&incoming);
        }
        self.reply(now, tx, reply).map(|_| ()).ok_or(UaError::NoSuchRequest)
    }
}

/// What every request outside of a dialog begins with (RFC 3261 section 8.1.1).
pub(super) fn start_headers(
    from: &NameAddr,
    to: &NameAddr,
    call_id: &str,
    number: u32,
    method: Method,
) -> Result<Headers, InvalidValue> {
    let mut headers = Headers::default();
    headers.push(HeaderName::MaxForwards, 70)?;
    headers.push(HeaderName::From, from)?;
    headers.push(HeaderName::To, to)?;
    headers.push(HeaderName::CallId, call_id)?;
    headers.push(HeaderName::CSeq, CSeq { number, method })?;
    Ok(headers)
}
