//! Live events (server-sent events, WHATWG HTML section 9.2): a call's steps as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use utoipa::ToSchema;

use super::calls::{CallView, find, no_such_call};
use super::problem::Problem;
use super::state::Shared;
use crate::driver::Announcement;
use crate::words;

/// Between comments that keep the connection open through proxies.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `event: trunk`.
#[derive(Serialize, ToSchema)]
pub(super) struct TrunkView {
    /// Which carrier.
    carrier: String,
    /// Whether it answers.
    up: bool,
}

/// Everything that happens from now on. `event:` is `started`, `ringing`, `answered` or `ended` with a call as data, `trunk` when the
/// carrier comes or goes, and `lagged` when the listener was too slow and must read the records again.
#[utoipa::path(get, path = "/v1/events", tag = "calls",
    responses(
        (status = 200, description = "A stream of events", body = CallView, content_type = "text/event-stream"),
        (status = 503, description = "Too many listeners", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn all_events(
    State(state): State<Shared>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let source = Source::new(&state, None)?;
    Ok(Sse::new(source.into_stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One call's events: first where it stands now, then each step; the stream ends with the call.
#[utoipa::path(get, path = "/v1/calls/{id}/events", tag = "calls",
    params(("id" = String, Path, description = "The call's id")),
    responses(
        (status = 200, description = "A stream of events", body = CallView, content_type = "text/event-stream"),
        (status = 404, description = "No such call", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many listeners", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn call_events(
    State(state): State<Shared>,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    // Listens before it reads, so that nothing falls between.
    let mut source = Source::new(&state, Some(id.clone()))?;
    let call = find(&state, &id).await?.ok_or_else(no_such_call)?;
    source.over = call.ended_at.is_some();
    let view = CallView::from(call);
    source.first = Some(event(view.state(), &view));
    Ok(Sse::new(source.into_stream()).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

struct Source {
    announcements: broadcast::Receiver<Announcement>,
    stop: watch::Receiver<bool>,
    /// This call's only.
    call: Option<String>,
    first: Option<Event>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl Source {
    fn new(state: &Shared, call: Option<String>) -> Result<Self, Problem> {
        let place = state.streams.clone().try_acquire_owned();
        let place = place.map_err(|_| Problem::unavailable("Too many event streams are open."))?;
        Ok(Self {
            announcements: state.driver.announcements(),
            stop: state.stop.clone(),
            call,
            first: None,
            over: false,
            _place: place,
        })
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut source| async move {
            let next = source.next().await?;
            Some((Ok(next), source))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.over {
            let announced = tokio::select! {
                announced = self.announcements.recv() => announced,
                _ = self.stop.wait_for(|stop| *stop) => return None,
            };
            match announced {
                Ok(Announcement::Call { kind, call }) => {
                    if self.call.as_ref().is_some_and(|own| *own != call.id) {
                        continue;
                    }
                    self.over = self.call.is_some() && call.ended_at.is_some();
                    return Some(event(words::event(kind), &CallView::from(*call)));
                }
                Ok(Announcement::Trunk { carrier, up }) if self.call.is_none() => {
                    return Some(event("trunk", &TrunkView { carrier, up }));
                }
                Ok(Announcement::Trunk { .. }) => {}
                Err(RecvError::Lagged(missed)) => return Some(event("lagged", &missed)),
                Err(RecvError::Closed) => return None,
            }
        }
        None
    }
}

fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    event.json_data(data).unwrap_or_else(|_| Event::default().event("error"))
}
