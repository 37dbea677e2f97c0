//! Connections to the gateway: a task for each, from the first look-up to the last frame.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorstep_call::{DownReason, FlowId, Sensitive, TransportKind};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::Happening;
use crate::transport::{CloseCause, Gateway, SocketCommand, TransportError};

/// No server may keep this side away for longer (Retry-After).
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

pub(super) struct Flows {
    gateway: Arc<Gateway>,
    happenings: mpsc::Sender<Happening>,
    flows: BTreeMap<FlowId, Flow>,
    /// The gateway wants to be left alone until then.
    not_before: Option<Instant>,
}

struct Flow {
    commands: mpsc::Sender<SocketCommand>,
    task: AbortHandle,
    up: bool,
}

impl Flows {
    pub(super) fn new(gateway: Arc<Gateway>, happenings: mpsc::Sender<Happening>) -> Self {
        Self { gateway, happenings, flows: BTreeMap::new(), not_before: None }
    }

    /// Has what connections need read while the token is still on its way.
    pub(super) fn prepare(&self, tasks: &mut JoinSet<()>) {
        let gateway = Arc::clone(&self.gateway);
        tasks.spawn(async move {
            // Whoever connects tries again, and tells the error.
            let _made = gateway.connector().await;
        });
    }

    pub(super) fn open(&mut self, flow: FlowId, token: Option<Sensitive<String>>, tasks: &mut JoinSet<()>) {
        let (commands, receiver) = mpsc::channel(self.gateway.queue());
        let gateway = Arc::clone(&self.gateway);
        let happenings = self.happenings.clone();
        let not_before = self.not_before.filter(|until| *until > Instant::now());
        let task = tasks.spawn(async move {
            if let Some(until) = not_before {
                tokio::time::sleep_until(until).await;
            }
            let down = match carry(flow, &gateway, token, receiver, &happenings).await {
                Ok(cause) => Happening::FlowDown { flow, cause },
                Err(error) => Happening::FlowFailed { flow, error },
            };
            // A driver that is gone needs no news.
            let _driver_may_be_gone = happenings.send(down).await;
        });
        self.flows.insert(flow, Flow { commands, task, up: false });
    }

    pub(super) fn is_up(&mut self, flow: FlowId) {
        if let Some(flow) = self.flows.get_mut(&flow) {
            flow.up = true;
        }
    }

    /// Fails when the connection takes no more, which ends it. What is sent to one that is gone is dropped: its end is
    /// on the way.
    pub(super) fn send(&mut self, flow: FlowId, bytes: Bytes) -> Result<(), DownReason> {
        let Some(open) = self.flows.get(&flow) else { return Ok(()) };
        match open.commands.try_send(SocketCommand::Send(bytes)) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("messages to the gateway pile up: the connection is given up");
                open.task.abort();
                self.flows.remove(&flow);
                Err(DownReason::Closed)
            }
        }
    }

    pub(super) fn close(&mut self, flow: FlowId) {
        let Some(flow) = self.flows.remove(&flow) else { return };
        if !flow.up || flow.commands.try_send(SocketCommand::Close).is_err() {
            flow.task.abort();
        }
    }

    pub(super) fn close_all(&mut self) {
        while let Some(flow) = self.flows.keys().next().copied() {
            self.close(flow);
        }
    }

    pub(super) fn is_down(&mut self, flow: FlowId) {
        self.flows.remove(&flow);
    }

    /// A connection could not be made. Returns what the endpoint has to know.
    pub(super) fn failed(&mut self, flow: FlowId, error: &TransportError) -> DownReason {
        self.flows.remove(&flow);
        if let TransportError::Busy { retry_after: Some(wait) } = error {
            self.not_before = Some(Instant::now() + *wait.min(&LONGEST_RETRY_AFTER));
        }
        down_reason(error)
    }
}

async fn carry(
    flow: FlowId,
    gateway: &Gateway,
    token: Option<Sensitive<String>>,
    commands: mpsc::Receiver<SocketCommand>,
    happenings: &mpsc::Sender<Happening>,
) -> Result<CloseCause, TransportError> {
    let connection = gateway.connector().await?.connect(token.as_ref()).await?;
    let kind = if gateway.url().is_secure() { TransportKind::Wss } else { TransportKind::Ws };
    // Should the driver be gone, the connection ends by itself.
    let _driver_may_be_gone = happenings.send(Happening::FlowUp { flow, kind }).await;
    Ok(connection.run(commands, happenings, |bytes| Happening::Frame { flow, bytes }).await)
}

fn down_reason(error: &TransportError) -> DownReason {
    match error {
        TransportError::Dns | TransportError::Unreachable(_) => DownReason::Unreachable,
        TransportError::TimedOut => DownReason::TimedOut,
        TransportError::Insecure | TransportError::Tls(_) => DownReason::Tls,
        TransportError::Unauthorized { .. } | TransportError::MalformedToken => DownReason::Unauthorized,
        TransportError::Forbidden { .. }
        | TransportError::NotFound
        | TransportError::Busy { .. }
        | TransportError::Refused { .. }
        | TransportError::NotSip
        | TransportError::NotWebSocket => DownReason::Refused,
    }
}
