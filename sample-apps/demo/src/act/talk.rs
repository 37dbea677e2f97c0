//! Acts 1 and 2: both have their apps and phones at hand.

use anyhow::Context as _;

use super::{AFTER_THE_LAST_WORD, Act, ORDER, PATIENCE, RINGS, Scripts, Theatre, millis, reading, seconds};
use crate::program::Role;
use crate::secrets::Evidence;
use crate::summary::ActSummary;

impl Theatre<'_> {
    pub(super) async fn talk(&mut self, act: Act) -> anyhow::Result<(ActSummary, Evidence)> {
        let courier_calls = act.sides().0 == Role::Courier;
        let (courier, customer): (&[&str], &[&str]) = if courier_calls {
            (&["queue-periodic-announce"], &["demo-thanks", "vm-goodbye"])
        } else {
            (&["tt-allbusy"], &["vm-intro", "queue-youarenext"])
        };
        let props = self.props(act, Scripts::new(self.options.sounds, courier, customer)?)?;
        let mut courier = self.stage.courier_app(self.cast)?;
        self.give_voice(&mut courier, &props);
        let mut customer = self.customer(&props)?;
        let talk = props.scripts.longest() + AFTER_THE_LAST_WORD;
        let (mut courier, mut customer) = if courier_calls {
            customer.args(["answer", "--after", &millis(RINGS), "--calls", "1"]);
            let customer = self.start(act, Role::Customer, "customer", customer)?;
            self.story.expect(Role::Customer, "listening", PATIENCE).await?;
            courier.args(["contact", ORDER, "--hang-up-after", &seconds(talk)]);
            (self.start(act, Role::Courier, "courier", courier)?, customer)
        } else {
            courier.args(["wait", "--answer-after", &millis(RINGS), "--calls", "1"]);
            let courier = self.start(act, Role::Courier, "courier", courier)?;
            let signed_in = self.story.expect(Role::Courier, "registered", PATIENCE).await;
            signed_in
                .with_context(|| format!("the courier's app could not sign in{}", courier.last_words()))?;
            customer.args(["call", &self.stage.company, "--hang-up-after", &seconds(talk)]);
            (courier, self.start(act, Role::Customer, "customer", customer)?)
        };
        let mut events = Vec::new();
        self.watch(act, &mut [&mut courier, &mut customer], &mut events, PATIENCE + talk).await?;
        let mut summary = reading::summarise(act, &events);
        props.judge(&mut summary, self.options.live)?;
        Ok((summary, props.evidence(&[&courier], &[&customer])))
    }
}
