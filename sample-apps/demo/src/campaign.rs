//! Many calls of every kind through one gateway, and a search of all that either side could see.
//!
//! Both sides are phones of ours in this process, whose signalling is kept as it was on the wire: the courier's is a
//! softphone over a WebSocket, the customer's a telephone behind the carrier. Every few calls other people take over, so
//! that more than one number, id and name is looked for.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use customer_phone::{
    CallId, EndReason, OnCall, Phone, PhoneConfig, PhoneEventKind as Kind, PhoneEvents, Transport,
};
use doorstep_media::sdp::Codec;
use doorstep_sip::Sensitive;
use doorstep_sip::msg::Host;
use doorstep_testkit::leaks::{Leak, Scanner};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;

use crate::{Cast, Stage, StageOptions, Story};

/// After so many calls other people take over.
const CALLS_OF_ONE_PAIR: usize = 25;
/// Longest that one step of a call may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many calls were tried.
    pub calls: usize,
    /// How many of them were answered.
    pub answered: usize,
    /// How much was searched.
    pub bytes: u64,
    /// What was found.
    pub leaks: Vec<Leak>,
}

/// Makes `calls` calls, chosen by `seed`, and searches. Files go to `folder`; `progress` hears how many calls are done.
///
/// # Errors
/// When a call takes another course than its plot: then the search would prove nothing. The text names plot and seed.
pub async fn run(
    folder: &Path,
    calls: usize,
    seed: u64,
    mut progress: impl FnMut(usize),
) -> anyhow::Result<Report> {
    let cast = Cast::new(folder)?;
    let done = async {
        let mut story = Story::default();
        let options = StageOptions {
            log_level: "trace".to_owned(),
            plain_edge: true,
            config: vec![("trunk.options_interval_s".to_owned(), "0".to_owned())],
        };
        let stage = Stage::set_up(&cast, &mut story, &options).await?;
        let mut campaign = Campaign {
            stage,
            folder: folder.to_owned(),
            rng: StdRng::seed_from_u64(seed),
            report: Report::default(),
            everybody: Scanner::new(),
        };
        while campaign.report.calls < calls {
            let pair = campaign.pair(calls - campaign.report.calls, &mut progress).await;
            pair.with_context(|| format!("in the campaign of seed {seed}"))?;
        }
        campaign.stage.gateway.stop().await?;
        let Campaign { stage, mut report, everybody, .. } = campaign;
        for log in [stage.gateway.log(), stage.gateway.told()] {
            report.bytes += std::fs::metadata(log)?.len();
            report.leaks.extend(everybody.scan_file(log)?);
        }
        Ok(report)
    }
    .await;
    cast.end().await;
    done
}

struct Campaign {
    stage: Stage,
    folder: PathBuf,
    rng: StdRng,
    report: Report,
    /// Everything that no log may hold.
    everybody: Scanner,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plot {
    CourierHangsUp,
    CustomerHangsUp,
    HoldAndKeys,
    CustomerRefuses,
    CourierGivesUp,
    UnknownOrder,
    ForeignOrder,
    ClosedOrder,
    CustomerCallsAndHangsUp,
    CustomerCallsCourierHangsUp,
    CourierRejects,
    CustomerGivesUp,
    CustomerWithoutOrder,
}

const PLOTS: [Plot; 13] = [
    Plot::CourierHangsUp,
    Plot::CustomerHangsUp,
    Plot::HoldAndKeys,
    Plot::CustomerRefuses,
    Plot::CourierGivesUp,
    Plot::UnknownOrder,
    Plot::ForeignOrder,
    Plot::ClosedOrder,
    Plot::CustomerCallsAndHangsUp,
    Plot::CustomerCallsCourierHangsUp,
    Plot::CourierRejects,
    Plot::CustomerGivesUp,
    Plot::CustomerWithoutOrder,
];

/// One of the two who talk.
struct Side {
    phone: Phone,
    events: PhoneEvents,
}

impl Side {
    async fn start(config: PhoneConfig) -> anyhow::Result<Self> {
        let (phone, events) = Phone::start(config).await?;
        Ok(Self { phone, events })
    }

    /// Passes over events until one is as wanted; the end of the call is always one.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Kind) -> bool) -> anyhow::Result<CallId> {
        let wait = async {
            while let Some(event) = self.events.next().await {
                if wanted(&event.kind) {
                    return Ok(event.call);
                }
                if let Kind::Ended { reason } = event.kind {
                    bail!("the call ended ({reason}) while waiting for {what}");
                }
            }
            bail!("the phone stopped while waiting for {what}")
        };
        tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("waited in vain for {what}"))?
    }

    async fn rings(&mut self) -> anyhow::Result<CallId> {
        self.until("ringing here", |kind| matches!(kind, Kind::Incoming { .. })).await
    }

    async fn hears_ringing(&mut self) -> anyhow::Result<()> {
        self.until("ringing there", |kind| matches!(kind, Kind::Ringing)).await.map(drop)
    }

    async fn answered(&mut self) -> anyhow::Result<()> {
        self.until("the answer", |kind| matches!(kind, Kind::Answered)).await.map(drop)
    }

    async fn ended(&mut self) -> anyhow::Result<()> {
        self.until("the end", |kind| matches!(kind, Kind::Ended { .. })).await.map(drop)
    }

    /// The far side must refuse, with one of these statuses (any, if none are named).
    async fn refused(&mut self, statuses: &[u16]) -> anyhow::Result<()> {
        let wanted = |kind: &Kind| match kind {
            Kind::Ended { reason: EndReason::Refused { status, .. } } => {
                statuses.is_empty() || statuses.contains(status)
            }
            _ => false,
        };
        self.until(&format!("a refusal {statuses:?}"), wanted).await.map(drop)
    }
}

impl Campaign {
    /// Some calls of one courier with one customer.
    async fn pair(&mut self, most: usize, progress: &mut impl FnMut(usize)) -> anyhow::Result<()> {
        let number = self.report.calls / CALLS_OF_ONE_PAIR;
        self.stage.customer = format!("+4917139{:06}", self.rng.random_range(0..1_000_000));
        self.stage.courier = format!("courier-{:08x}", self.rng.random::<u32>());
        let (customer_name, courier_name) = (
            format!("Anna-{:08x}", self.rng.random::<u32>()),
            format!("Kurt-{:08x}", self.rng.random::<u32>()),
        );
        let of_customer = self.customer_secrets(Scanner::new(), &customer_name)?;
        let of_courier = self.courier_secrets(Scanner::new(), &courier_name)?;
        let everybody = std::mem::take(&mut self.everybody);
        let everybody = self.customer_secrets(everybody, &customer_name)?;
        self.everybody = self.courier_secrets(everybody, &courier_name)?;

        let (courier_tap, customer_tap) = (
            self.folder.join(format!("{number}-courier.sip")),
            self.folder.join(format!("{number}-customer.sip")),
        );
        let mut courier = Side::start(PhoneConfig {
            transport: Transport::WebSocket {
                token: Sensitive::new(self.stage.token(&self.stage.courier, Duration::from_secs(3600))?),
                domain: Host::domain("doorstep.invalid")?,
            },
            bind: (Ipv4Addr::LOCALHOST, 0).into(),
            codecs: vec![Codec::Opus, Codec::Pcmu],
            on_call: OnCall::Ring,
            display_name: Some(courier_name),
            tap: Some(courier_tap.clone()),
            ..PhoneConfig::new(&self.stage.courier, self.stage.edge_addr()?)
        })
        .await?;
        let mut customer = Side::start(PhoneConfig {
            bind: self.stage.phone,
            on_call: OnCall::Ring,
            // The worst that a carrier may hand over: name and number in one.
            display_name: Some(format!("{customer_name} {}", self.stage.customer)),
            tap: Some(customer_tap.clone()),
            ..PhoneConfig::new(&self.stage.customer, self.stage.trunk)
        })
        .await?;
        courier.phone.register().await?;

        let mut answers = Vec::new();
        for _ in 0..most.min(CALLS_OF_ONE_PAIR) {
            // Each plot once, then at random.
            let plot = match PLOTS.get(self.report.calls) {
                Some(plot) => *plot,
                None => {
                    PLOTS.get(self.rng.random_range(0..PLOTS.len())).copied().unwrap_or(Plot::CourierHangsUp)
                }
            };
            let call = self.report.calls;
            let played = self.play(plot, &mut courier, &mut customer, &mut answers).await;
            played
                .with_context(|| format!("call {call}, plot {plot:?}{}", self.stage.gateway.last_words()))?;
            self.report.calls += 1;
            progress(self.report.calls);
        }
        courier.phone.shutdown().await;
        customer.phone.shutdown().await;

        for (scanner, other, tap) in
            [(&of_customer, &of_courier, &courier_tap), (&of_courier, &of_customer, &customer_tap)]
        {
            // A side's own secrets are there; a search that does not find them would find nothing at all.
            if other.scan_file(tap)?.len() < 2 {
                bail!("{} does not even hold its own side's secrets", tap.display());
            }
            self.report.bytes += std::fs::metadata(tap)?.len();
            self.report.leaks.extend(scanner.scan_file(tap)?);
        }
        for (place, text) in &answers {
            self.report.bytes += text.len() as u64;
            self.report.leaks.extend(of_customer.scan(place, text.as_bytes()));
        }
        Ok(())
    }

    fn customer_secrets(&self, scanner: Scanner, name: &str) -> anyhow::Result<Scanner> {
        let scanner = scanner.number("the customer's number", &self.stage.customer)?;
        Ok(scanner.text("the customer's name", name)?)
    }

    fn courier_secrets(&self, scanner: Scanner, name: &str) -> anyhow::Result<Scanner> {
        Ok(scanner.text("the courier's id", &self.stage.courier)?.text("the courier's name", name)?)
    }

    async fn play(
        &mut self,
        plot: Plot,
        courier: &mut Side,
        customer: &mut Side,
        answers: &mut Vec<(String, String)>,
    ) -> anyhow::Result<()> {
        let order = format!("o{:08x}", self.rng.random::<u32>());
        let label = format!("Order {order}");
        match plot {
            Plot::UnknownOrder => {}
            Plot::CustomerWithoutOrder => self.stage.put_number().await?,
            Plot::ForeignOrder => {
                self.stage.put_order(&order, "somebody-else", &self.stage.customer, &label).await?;
            }
            _ => self.stage.put_order(&order, &self.stage.courier, &self.stage.customer, &label).await?,
        }
        let target = format!("order.{order}");
        match plot {
            Plot::CourierHangsUp | Plot::CustomerHangsUp | Plot::HoldAndKeys => {
                let here = courier.phone.call(&target).await?;
                let there = customer.rings().await?;
                courier.hears_ringing().await?;
                customer.phone.answer(there).await?;
                courier.answered().await?;
                self.report.answered += 1;
                if plot == Plot::HoldAndKeys {
                    hold_and_keys(courier, here, customer, there).await?;
                }
                if plot == Plot::CustomerHangsUp {
                    customer.phone.hang_up(there).await?;
                } else {
                    courier.phone.hang_up(here).await?;
                }
                courier.ended().await?;
                customer.ended().await?;
            }
            Plot::CustomerRefuses => {
                courier.phone.call(&target).await?;
                let there = customer.rings().await?;
                let status = *[403, 404, 480, 486, 488, 500, 503, 600, 603]
                    .get(self.rng.random_range(0..9))
                    .unwrap_or(&486);
                customer.phone.refuse(there, status).await?;
                courier.refused(&[]).await?;
                customer.ended().await?;
            }
            Plot::CourierGivesUp => {
                let here = courier.phone.call(&target).await?;
                customer.rings().await?;
                courier.phone.hang_up(here).await?;
                courier.ended().await?;
                customer.ended().await?;
            }
            Plot::UnknownOrder => {
                courier.phone.call(&target).await?;
                courier.refused(&[404]).await?;
            }
            Plot::ForeignOrder => {
                courier.phone.call(&target).await?;
                courier.refused(&[403]).await?;
            }
            Plot::ClosedOrder => {
                self.stage.delete(&format!("/v1/orders/{order}")).await?;
                courier.phone.call(&target).await?;
                courier.refused(&[404, 410]).await?;
            }
            Plot::CustomerCallsAndHangsUp | Plot::CustomerCallsCourierHangsUp => {
                let there = customer.phone.call(&self.stage.company).await?;
                let here = courier.rings().await?;
                customer.hears_ringing().await?;
                courier.phone.answer(here).await?;
                customer.answered().await?;
                self.report.answered += 1;
                if plot == Plot::CustomerCallsAndHangsUp {
                    customer.phone.hang_up(there).await?;
                } else {
                    courier.phone.hang_up(here).await?;
                }
                courier.ended().await?;
                customer.ended().await?;
            }
            Plot::CourierRejects => {
                customer.phone.call(&self.stage.company).await?;
                let here = courier.rings().await?;
                courier.phone.refuse(here, 486).await?;
                courier.ended().await?;
                customer.refused(&[]).await?;
            }
            Plot::CustomerGivesUp => {
                let there = customer.phone.call(&self.stage.company).await?;
                courier.rings().await?;
                customer.phone.hang_up(there).await?;
                customer.ended().await?;
                courier.ended().await?;
            }
            Plot::CustomerWithoutOrder => {
                customer.phone.call(&self.stage.company).await?;
                customer.refused(&[]).await?;
            }
        }
        self.ask_the_api(&order, answers).await?;
        if !matches!(plot, Plot::UnknownOrder | Plot::ClosedOrder | Plot::CustomerWithoutOrder) {
            self.stage.delete(&format!("/v1/orders/{order}")).await?;
        }
        Ok(())
    }

    /// What the company's backend may ask, and what it may do wrong.
    async fn ask_the_api(&self, order: &str, answers: &mut Vec<(String, String)>) -> anyhow::Result<()> {
        for path in [&format!("/v1/orders/{order}"), "/v1/orders", "/v1/calls", "/metrics"] {
            let (_, text) = self.stage.get(path).await?;
            answers.push((format!("the answer to GET {path}"), text));
        }
        // A number as it is written on paper is no E.164: the refusal names the field, not the number.
        let national = self.stage.customer.replacen("+49", "0", 1);
        let body =
            json!({"courier": self.stage.courier, "customer": national, "closes_at": "2100-01-01T00:00:00Z"});
        let (status, text) = self.stage.try_put(&format!("/v1/orders/{order}-bad"), &body).await?;
        if !(400..500).contains(&status) || !text.contains("customer") {
            bail!("a number that is not E.164 was answered with {status} {text}");
        }
        answers.push(("the refusal of a bad number".to_owned(), text));
        Ok(())
    }
}

async fn hold_and_keys(
    courier: &mut Side,
    here: CallId,
    customer: &mut Side,
    there: CallId,
) -> anyhow::Result<()> {
    customer.answered().await?;
    let changed = |kind: &Kind| matches!(kind, Kind::MediaChanged { accepted: true });
    courier.phone.hold(here).await?;
    courier.until("the hold", changed).await?;
    customer.until("being held", |kind| matches!(kind, Kind::Held { held: true })).await?;
    courier.phone.resume(here).await?;
    courier.until("the end of the hold", changed).await?;
    customer.until("not being held", |kind| matches!(kind, Kind::Held { held: false })).await?;
    customer.phone.hold(there).await?;
    customer.until("the customer's hold", changed).await?;
    customer.phone.resume(there).await?;
    customer.until("the end of the customer's hold", changed).await?;
    courier.phone.send_digits(here, "12#").await?;
    customer.phone.send_digits(there, "*").await?;
    Ok(())
}
