//! Act 3: the courier's app is not running, and a push starts it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Map;

use super::{AFTER_THE_LAST_WORD, Act, PATIENCE, RINGS, Scripts, Theatre, millis, reading, seconds};
use crate::phone_os::Carrier;
use crate::program::{Event, Role};
use crate::secrets::Evidence;
use crate::summary::ActSummary;

impl Theatre<'_> {
    pub(super) async fn closed_app(&mut self, act: Act) -> anyhow::Result<(ActSummary, Evidence)> {
        let (carrier, customer_says): (Carrier, &[&str]) = match act {
            Act::ClosedAppCallbackFcm => (Carrier::Fcm, &["vm-nobox", "vm-goodbye"]),
            Act::ClosedAppCallbackApns
            | Act::CourierCallsCustomer
            | Act::CustomerCallsBack
            | Act::CourierUnreachable => (Carrier::Apns, &["agent-alreadyon", "vm-goodbye"]),
        };
        let courier_says: &[&str] = match carrier {
            Carrier::Apns => &["privacy-unident"],
            Carrier::Fcm => &["conf-onlyperson"],
        };
        let props = self.props(act, Scripts::new(self.options.sounds, courier_says, customer_says)?)?;
        let installed = self.install_app(act, carrier).await?;

        let talk = props.scripts.longest() + AFTER_THE_LAST_WORD;
        let mut customer = self.customer(&props)?;
        customer.args(["call", &self.stage.company, "--hang-up-after", &seconds(talk)]);
        let mut customer = self.start(act, Role::Customer, "customer", customer)?;
        let mut events = Vec::new();
        let Some(payload) = self.until_pushed(act, carrier, &mut events).await? else {
            // The call ended before any push: the summary says how.
            let summary = reading::summarise(act, &events);
            return Ok((summary, props.evidence(&[&installed], &[&customer])));
        };
        let mut courier = self.stage.courier_app(self.cast)?;
        self.give_voice(&mut courier, &props);
        self.phone.introduce(&mut courier, carrier, self.stage.push_param(carrier)?);
        courier.args(["woken", "--payload", &payload, "--answer-after", &millis(RINGS)]);
        let mut courier = self.start(act, Role::Courier, "courier", courier)?;
        self.watch(act, &mut [&mut courier, &mut customer], &mut events, PATIENCE + talk).await?;
        let mut summary = reading::summarise(act, &events);
        props.judge(&mut summary, self.options.live)?;
        Ok((summary, props.evidence(&[&installed, &courier], &[&customer])))
    }

    /// The courier has signed in once, and closed the app.
    pub(super) async fn install_app(
        &mut self,
        act: Act,
        carrier: Carrier,
    ) -> anyhow::Result<crate::program::Program> {
        let mut app = self.stage.courier_app(self.cast)?;
        self.phone.introduce(&mut app, carrier, self.stage.push_param(carrier)?);
        app.arg("register");
        let mut app = self.start(act, Role::Courier, "courier-register", app)?;
        self.story.expect(Role::Courier, "registered", PATIENCE).await.with_context(|| app.last_words())?;
        app.end().await?;
        self.story.expect(Role::Courier, "exit", PATIENCE).await?;
        self.story.forget(Role::Courier);
        self.stage.until_device_is_known(carrier).await?;
        Ok(app)
    }

    /// Until the provider has a push for the phone; `None` if the customer's call ends before.
    pub(super) async fn until_pushed(
        &mut self,
        act: Act,
        carrier: Carrier,
        events: &mut Vec<Event>,
    ) -> anyhow::Result<Option<String>> {
        loop {
            let event = self.next(PATIENCE).await?;
            if event.who != Role::Provider || event.name != "push" {
                self.teller.event(act, &event);
                let over = event.who == Role::Customer && event.name == "exit";
                events.push(event);
                if over {
                    return Ok(None);
                }
                continue;
            }
            let payload = self.phone.receive(&event, carrier);
            if let Some(accepted) = self.accepted(&event).await? {
                self.teller.event(act, &accepted);
                events.push(accepted);
            }
            self.teller.event(act, &event);
            events.push(event);
            if payload.is_some() {
                return Ok(payload);
            }
        }
    }

    /// When push-service took the wake of a push, by its own account.
    async fn accepted(&self, push: &Event) -> anyhow::Result<Option<Event>> {
        let call = push.fields.get("payload").and_then(|payload| payload.get("call")?.as_str());
        let Some(call) = call else { return Ok(None) };
        let at = self.stage.wake_accepted_at(call).await?;
        Ok(at.map(|at: Duration| Event {
            who: Role::Push,
            t: at.as_secs_f64() * 1000.0,
            name: "wake_accepted".to_owned(),
            fields: Map::new(),
        }))
    }
}
