//! Session timers (RFC 4028): a session whose far side has vanished ends by itself.

use std::time::Duration;

use super::{Phase, Refresh};
use crate::Timestamp;
use crate::msg::{HeaderName, Headers, Method, Request, Response, StatusCode};
use crate::ua::client_tx::ClientUser;
use crate::ua::incoming::add;
use crate::ua::timers::Timer;
use crate::ua::{EndCause, Reply, SessionId, UserAgent};

/// `Session-Expires: SECONDS;refresher=…`
fn session_expires(headers: &Headers) -> Option<(Duration, Option<&str>)> {
    let value = headers.get(&HeaderName::SessionExpires)?;
    let mut parts = value.split(';').map(str::trim);
    let seconds = parts.next()?.parse::<u32>().ok()?;
    let refresher =
        parts.filter_map(|part| part.split_once('=')).find(|(name, _)| name.trim() == "refresher");
    Some((Duration::from_secs(seconds.into()), refresher.map(|(_, who)| who.trim())))
}

impl UserAgent {
    /// 422, when the far side proposes an interval that would only make noise.
    pub(super) fn interval_too_small(&self, request: &Request) -> Option<Reply> {
        let (interval, _) = session_expires(&request.headers)?;
        if interval >= self.config.min_session_expires {
            return None;
        }
        let mut reply = Reply::new(StatusCode::SESSION_INTERVAL_TOO_SMALL);
        add(&mut reply, HeaderName::MinSe, &self.config.min_session_expires.as_secs().to_string());
        Some(reply)
    }

    /// Agrees on a timer while answering the far side's INVITE or UPDATE (section 9), and starts it.
    pub(super) fn timer_into_reply(
        &mut self,
        now: Timestamp,
        id: SessionId,
        request: &Request,
        reply: &mut Reply,
    ) {
        let able = request.headers.contains_token(&HeaderName::Supported, "timer")
            || request.headers.contains_token(&HeaderName::Require, "timer");
        let ours = self.config.session_expires;
        let (interval, asked) = match (session_expires(&request.headers), ours) {
            (Some((theirs, asked)), Some(ours)) => {
                (theirs.min(ours.max(self.config.min_session_expires)), asked)
            }
            (Some((theirs, asked)), None) => (theirs, asked),
            (None, Some(ours)) => (ours, None),
            (None, None) => return self.stop_timer(id),
        };
        // Of a request the client is the far side.
        let far_side_refreshes = able && asked != Some("uas");
        let who = if far_side_refreshes { "uac" } else { "uas" };
        add(reply, HeaderName::SessionExpires, &format!("{};refresher={who}", interval.as_secs()));
        if far_side_refreshes {
            add(reply, HeaderName::Require, "timer");
        }
        self.start_timer(now, id, Refresh { interval, by_us: !far_side_refreshes, raised: false });
    }

    /// Takes what the far side's 2xx says (section 7.2).
    pub(super) fn timer_from_response(&mut self, now: Timestamp, id: SessionId, response: &Response) {
        match (session_expires(&response.headers), self.config.session_expires) {
            (Some((interval, who)), _) => {
                let interval = interval.max(Duration::from_secs(1));
                self.start_timer(now, id, Refresh { interval, by_us: who != Some("uas"), raised: false });
            }
            // The far side knows no timers; this side can still find out that it has gone.
            (None, Some(interval)) => {
                self.start_timer(now, id, Refresh { interval, by_us: true, raised: false })
            }
            (None, None) => self.stop_timer(id),
        }
    }

    fn start_timer(&mut self, now: Timestamp, id: SessionId, refresh: Refresh) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.refresh = Some(refresh);
        if refresh.by_us {
            self.timers.set(Timer::Expiry(id), now + refresh.interval);
            self.timers.set(Timer::Refresh(id), now + refresh.interval / 2);
        } else {
            self.timers.cancel(Timer::Refresh(id));
            // Section 10: BYE somewhat before the end, so that it is not the far side's turn at the same moment.
            let early = (refresh.interval / 3).min(Duration::from_secs(32));
            self.timers.set(Timer::Expiry(id), now + refresh.interval.saturating_sub(early));
        }
    }

    fn stop_timer(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.refresh = None;
        }
        self.timers.cancel(Timer::Refresh(id));
        self.timers.cancel(Timer::Expiry(id));
    }

    pub(in crate::ua) fn refresh(&mut self, now: Timestamp, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (flow, by_update, sdp) = (session.flow, session.far_side_takes_update, session.local_sdp.clone());
        if !self.flows.contains_key(&flow) {
            self.refresh_later(now, id);
            return;
        }
        if !by_update {
            // A change that is under way refreshes as well, if it is taken.
            if self.reoffer(now, id, sdp).is_err() {
                self.refresh_later(now, id);
            }
            return;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Phase::Confirmed(dialog) = &mut session.phase else { return };
        let Ok(mut update) = dialog.request(Method::Update) else { return };
        let ready = self.add_contact(flow, &mut update).is_ok() && self.add_session_expires(id, &mut update);
        if ready && let Err(error) = self.start_client(now, flow, update, ClientUser::Refresh(id)) {
            tracing::debug!(%error, "the session could not be refreshed");
        }
    }

    /// Refreshes again before the session expires: the last attempt failed in a way that may pass.
    pub(super) fn refresh_later(&mut self, now: Timestamp, id: SessionId) {
        let Some(refresh) = self.sessions.get(&id).and_then(|session| session.refresh) else { return };
        if refresh.by_us {
            let wait = (refresh.interval / 16).clamp(Duration::from_secs(1), Duration::from_secs(15));
            self.timers.set(Timer::Refresh(id), now + wait);
        }
    }

    /// 422 within a session: whether to ask again, once, for the interval that the far side wants.
    pub(super) fn raise_interval(&mut self, id: SessionId, response: &Response) -> bool {
        let least = response.headers.get(&HeaderName::MinSe);
        let least = least.and_then(|least| least.split(';').next()?.trim().parse::<u32>().ok());
        let Some(refresh) = self.sessions.get_mut(&id).and_then(|session| session.refresh.as_mut()) else {
            return false;
        };
        match least.map(|secs| Duration::from_secs(secs.into())) {
            Some(least)
                if response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL
                    && !refresh.raised
                    && least > refresh.interval =>
            {
                *refresh = Refresh { interval: least, raised: true, ..*refresh };
                true
            }
            _ => false,
        }
    }

    pub(super) fn add_session_expires(&self, id: SessionId, request: &mut Request) -> bool {
        let Some(refresh) = self.sessions.get(&id).and_then(|session| session.refresh) else { return true };
        let who = if refresh.by_us { "uac" } else { "uas" };
        let value = format!("{};refresher={who}", refresh.interval.as_secs());
        let least =
            refresh.raised.then(|| request.headers.push(HeaderName::MinSe, refresh.interval.as_secs()));
        least.is_none_or(|pushed| pushed.is_ok())
            && request.headers.push(HeaderName::SessionExpires, value).is_ok()
    }

    pub(in crate::ua) fn refresh_response(&mut self, now: Timestamp, id: SessionId, response: &Response) {
        if response.status.is_success() {
            self.timer_from_response(now, id, response);
        } else if response.status.is_final() && !self.in_dialog_response(now, id, response.status) {
            if self.raise_interval(id, response) {
                self.refresh(now, id);
            } else {
                self.refresh_later(now, id);
            }
        }
    }

    pub(in crate::ua) fn expire(&mut self, now: Timestamp, id: SessionId) {
        self.bye(now, id, Some("SIP;cause=408;text=\"Session expired\"".to_owned()));
        self.finish(id, EndCause::Expired);
    }
}
