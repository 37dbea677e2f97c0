//! One of those who talk: a phone whose events are waited for, and which keeps what reached it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use customer_phone::{
    CallId, EndReason, PacketCounts, PacketLog, Phone, PhoneConfig, PhoneEvent, PhoneEventKind as Kind,
    PhoneEvents,
};

/// Longest that one step of a call may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// See the [module](self).
pub(super) struct Side {
    pub(super) phone: Phone,
    pub(super) taps: Taps,
    events: PhoneEvents,
    /// Those of other calls than the one that was waited for.
    kept: VecDeque<PhoneEvent>,
    packets: PacketLog,
}

/// The files in which a phone keeps what reached it.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    pub(super) signalling: PathBuf,
    pub(super) media: PathBuf,
}

impl Side {
    /// Starts a phone that keeps everything in files of this name.
    pub(super) async fn start(config: PhoneConfig, folder: &Path, name: &str) -> anyhow::Result<Self> {
        let taps = Taps {
            signalling: folder.join(format!("{name}.sip")),
            media: folder.join(format!("{name}.packets")),
        };
        let packets = PacketLog::create(&taps.media)?;
        let config =
            PhoneConfig { tap: Some(taps.signalling.clone()), packets: Some(packets.clone()), ..config };
        let (phone, events) = Phone::start(config).await?;
        Ok(Self { phone, taps, events, kept: VecDeque::new(), packets })
    }

    pub(super) async fn end(self) -> (Taps, PacketCounts) {
        self.phone.shutdown().await;
        let counts = *self.packets.seen().borrow();
        (self.taps, counts)
    }

    /// Passes over a call's events until one is as wanted; its end is always one. Other calls' are kept.
    pub(super) async fn until(
        &mut self,
        call: CallId,
        what: &str,
        wanted: impl Fn(&Kind) -> bool,
    ) -> anyhow::Result<()> {
        loop {
            let event = self.next(what, |event| event.call == call).await?;
            if wanted(&event.kind) {
                return Ok(());
            }
            if let Kind::Ended { reason } = event.kind {
                bail!("the call ended ({reason}) while waiting for {what}");
            }
        }
    }

    /// Waits for a call to this phone.
    pub(super) async fn rings(&mut self) -> anyhow::Result<CallId> {
        let event = self.next("ringing here", |event| matches!(event.kind, Kind::Incoming { .. })).await?;
        Ok(event.call)
    }

    pub(super) async fn hears_ringing(&mut self, call: CallId) -> anyhow::Result<()> {
        self.until(call, "ringing there", |kind| matches!(kind, Kind::Ringing)).await
    }

    pub(super) async fn answered(&mut self, call: CallId) -> anyhow::Result<()> {
        self.until(call, "the answer", |kind| matches!(kind, Kind::Answered)).await
    }

    pub(super) async fn ended(&mut self, call: CallId) -> anyhow::Result<()> {
        self.until(call, "the end", |kind| matches!(kind, Kind::Ended { .. })).await
    }

    /// The far side must refuse, with one of these statuses (any, if none are named).
    pub(super) async fn refused(&mut self, call: CallId, statuses: &[u16]) -> anyhow::Result<()> {
        let wanted = |kind: &Kind| match kind {
            Kind::Ended { reason: EndReason::Refused { status, .. } } => {
                statuses.is_empty() || statuses.contains(status)
            }
            Kind::Ended { .. }
            | Kind::Incoming { .. }
            | Kind::Calling { .. }
            | Kind::Ringing
            | Kind::Answered
            | Kind::FirstAudio
            | Kind::Digit { .. }
            | Kind::Held { .. }
            | Kind::MediaChanged { .. }
            | Kind::Transfer { .. }
            | Kind::Invited
            | Kind::Progress { .. } => false,
        };
        self.until(call, &format!("a refusal {statuses:?}"), wanted).await
    }

    /// The far side must say this about a transfer.
    pub(super) async fn transfer(&mut self, call: CallId, expected: u16) -> anyhow::Result<()> {
        let wanted = |kind: &Kind| matches!(kind, Kind::Transfer { status } if *status == expected);
        self.until(call, &format!("{expected} to the transfer"), wanted).await
    }

    /// Waits until voice and a report have reached this phone that were not there before.
    pub(super) async fn hears_voice_and_reports(&mut self) -> anyhow::Result<()> {
        let mut seen = self.packets.seen();
        let before = *seen.borrow();
        let more = seen.wait_for(|now| now.rtp > before.rtp && now.rtcp > before.rtcp);
        tokio::time::timeout(PATIENCE, more).await.context("waited in vain for voice and reports")??;
        Ok(())
    }

    async fn next(&mut self, what: &str, wanted: impl Fn(&PhoneEvent) -> bool) -> anyhow::Result<PhoneEvent> {
        if let Some(event) =
            self.kept.iter().position(&wanted).and_then(|position| self.kept.remove(position))
        {
            return Ok(event);
        }
        let wait = async {
            while let Some(event) = self.events.next().await {
                if wanted(&event) {
                    return Ok(event);
                }
                self.kept.push_back(event);
            }
            bail!("the phone stopped while waiting for {what}")
        };
        tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("waited in vain for {what}"))?
    }

    /// Forgets events that no plot asked for.
    pub(super) fn settle(&mut self) {
        self.kept.clear();
    }
}
