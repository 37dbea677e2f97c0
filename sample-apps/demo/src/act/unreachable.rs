//! Act 4: the courier's phone is off, and the caller is not left with silence.

use super::{
    AFTER_THE_LAST_WORD, Act, LABEL, ORDER, PATIENCE, RINGS, Scripts, Theatre, millis, reading, seconds,
};
use crate::phone_os::Carrier;
use crate::program::Role;
use crate::secrets::{Evidence, Piece};
use crate::summary::{ActSummary, FallbackSummary};

const ACT: Act = Act::CourierUnreachable;
/// Seconds until the courier counts as out of reach.
const RING_S: u32 = 5;

impl Theatre<'_> {
    pub(super) async fn unreachable(&mut self) -> anyhow::Result<(ActSummary, Evidence)> {
        let sounds = self.options.sounds;
        let message = self.stage.message()?.clone();
        // The contact centre takes the call when the message is over; the customer speaks when it has.
        let centre_after = message.duration() + RINGS;
        let scripts = Scripts::new(sounds, &["queue-thankyou", "agent-user"], &["vm-rec-unv"])?;
        let customer_waits = centre_after + scripts.courier.duration() + RINGS;
        let customer_line = scripts.customer.clone();
        let scripts = Scripts { customer: scripts.customer.after_silence(customer_waits), ..scripts };
        let props = self.props(ACT, scripts)?;

        self.stage.set_ring_time(ORDER, LABEL, RING_S).await?;
        let installed = self.install_app(ACT, Carrier::Fcm).await?;
        self.phone.switch_off();
        let mut centre = self.stage.contact_centre(self.cast)?;
        centre.arg("--play").arg(&props.courier_says).arg("--record").arg(&props.courier_heard);
        centre.args(["answer", "--after", &millis(centre_after), "--calls", "1"]);
        let mut centre = self.start(ACT, Role::Centre, "centre", centre)?;
        self.story.expect(Role::Centre, "listening", PATIENCE).await?;
        let talk = props.scripts.customer.duration() + RINGS + AFTER_THE_LAST_WORD;
        let mut customer = self.customer(&props)?;
        customer.args(["call", &self.stage.company, "--hang-up-after", &seconds(talk)]);
        let mut customer = self.start(ACT, Role::Customer, "customer", customer)?;
        let mut events = Vec::new();
        self.watch(ACT, &mut [&mut centre, &mut customer], &mut events, PATIENCE + talk).await?;

        let mut summary = reading::summarise(ACT, &events);
        let heard = |script: &crate::Script, path: &std::path::Path| {
            path.exists().then(|| script.heard_in(path)).transpose()
        };
        let said = heard(&message, &props.customer_heard)?;
        let joined = heard(&props.scripts.courier, &props.customer_heard)?;
        let centre_heard = heard(&customer_line, &props.courier_heard)?;
        let score = |heard: Option<crate::Understanding>| heard.map(|heard| reading::hundredths(heard.score));
        summary.customer_heard_wav = Some(props.customer_heard.clone()).filter(|path| path.exists());
        summary.customer_heard_score = score(joined);
        summary.intelligible = [said, joined, centre_heard].iter().all(|u| u.is_some_and(|u| u.intelligible));
        summary.fallback = Some(FallbackSummary {
            message_score: score(said),
            centre_heard_wav: Some(props.courier_heard.clone()).filter(|path| path.exists()),
            centre_heard_score: score(centre_heard),
        });
        let mut evidence = props.evidence(&[&installed], &[&customer]);
        evidence.centre_side.extend([centre.log(), centre.told()].map(|file| Piece::File(file.to_owned())));
        Ok((summary, evidence))
    }
}
