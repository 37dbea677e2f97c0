use crate::msg::{CSeq, HeaderName, Headers, InvalidValue, Method, NameAddr, Request, Response, Uri};

/// One dialog (RFC 3261 section 12), early or confirmed.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// This side's address, with its tag.
    pub(super) local: NameAddr,
    /// The far side's, with its tag where it has one.
    pub(super) remote: NameAddr,
    /// Where requests are addressed: the far side's Contact.
    target: Uri,
    routes: Vec<NameAddr>,
    /// CSeq of this side's last request.
    pub(super) local_cseq: u32,
    /// CSeq of the far side's last request.
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// From this side's INVITE and a response to it (section 12.1.2).
    pub(super) fn from_response(request: &Request, response: &Response) -> Option<Self> {
        let remote = response.headers.to()?;
        remote.tag()?;
        let target = response.headers.contact().map_or_else(|| request.uri.clone(), |contact| contact.uri);
        let mut routes = response.headers.record_routes();
        routes.reverse();
        Some(Self {
            call_id: request.headers.call_id()?.to_owned(),
            local: request.headers.from()?,
            remote,
            target,
            routes,
            local_cseq: request.headers.cseq()?.number,
            remote_cseq: None,
        })
    }

    /// From the far side's INVITE and this side's tag (section 12.1.1).
    pub(super) fn from_request(request: &Request, local_tag: &str) -> Option<Self> {
        let remote = request.headers.from()?;
        let target = request.headers.contact().map_or_else(|| remote.uri.clone(), |contact| contact.uri);
        Some(Self {
            call_id: request.headers.call_id()?.to_owned(),
            local: request.headers.to()?.with_tag(local_tag).ok()?,
            remote,
            target,
            routes: request.headers.record_routes(),
            local_cseq: 0,
            remote_cseq: Some(request.headers.cseq()?.number),
        })
    }

    pub(super) fn local_tag(&self) -> &str {
        self.local.tag().unwrap_or_default()
    }

    pub(super) fn remote_tag(&self) -> &str {
        self.remote.tag().unwrap_or_default()
    }

    pub(super) fn target(&self) -> &Uri {
        &self.target
    }

    /// A request within the dialog, without a Via. ACK and CANCEL repeat the number of their INVITE.
    pub(super) fn request(&mut self, method: Method) -> Result<Request, InvalidValue> {
        self.local_cseq += 1;
        self.request_numbered(method, self.local_cseq)
    }

    pub(super) fn request_numbered(&self, method: Method, number: u32) -> Result<Request, InvalidValue> {
        let mut request = Request::new(method.clone(), self.target.clone());
        let headers = &mut request.headers;
        // A first hop without `lr` is a strict router (section 12.2.1.1): it wants itself in the Request-URI.
        let strict = self
            .routes
            .first()
            .filter(|route| route.uri.as_sip().is_some_and(|uri| !uri.params.contains("lr")));
        match strict {
            Some(first) => {
                for route in self.routes.iter().skip(1) {
                    headers.push(HeaderName::Route, route)?;
                }
                headers.push(HeaderName::Route, NameAddr::new(self.target.clone()))?;
                request.uri = first.uri.clone();
            }
            None => {
                for route in &self.routes {
                    headers.push(HeaderName::Route, route)?;
                }
            }
        }
        headers.push(HeaderName::MaxForwards, 70)?;
        headers.push(HeaderName::From, &self.local)?;
        headers.push(HeaderName::To, &self.remote)?;
        headers.push(HeaderName::CallId, &self.call_id)?;
        headers.push(HeaderName::CSeq, CSeq { number, method })?;
        Ok(request)
    }

    /// Notes the CSeq of a request from the far side; `false` when it is older than the last (section 12.2.2).
    pub(super) fn accept_cseq(&mut self, number: u32) -> bool {
        let newer = self.remote_cseq.is_none_or(|last| number > last);
        if newer {
            self.remote_cseq = Some(number);
        }
        newer
    }

    /// Target refresh: re-INVITE and UPDATE, and their 2xx, may move the far side's Contact.
    pub(super) fn refresh_target(&mut self, headers: &Headers) {
        if let Some(contact) = headers.contact() {
            self.target = contact.uri;
        }
    }
}
