//! Many calls of every kind through one gateway, and a search of all that either side could see.
//!
//! Both sides are phones of ours in this process, whose signalling and media are kept as they arrived: the courier's is a
//! softphone over a WebSocket, the customer's a telephone behind the carrier. Both tell about themselves wherever a message
//! has room for it. Every few calls other people take over, so that more than one number, id and name is looked for.

mod api;
mod closed;
mod evidence;
mod people;
mod plots;
mod side;
mod silence;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use customer_phone::PacketCounts;
use doorstep_testkit::leaks::{Leak, Scanner};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{Cast, Stage, StageOptions, Story};
use api::Listener;
use closed::Closed;
use people::Pair;
use plots::{Play, Plot};
use silence::Silence;

/// After so many calls other people take over.
const CALLS_OF_ONE_PAIR: usize = 25;

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many calls were tried.
    pub calls: usize,
    /// How many of them were answered.
    pub answered: usize,
    /// How many kinds of calls there were.
    pub plots: usize,
    /// How much was searched.
    pub bytes: u64,
    /// The packets of media that reached the courier.
    pub courier_packets: PacketCounts,
    /// Those that reached the customer.
    pub customer_packets: PacketCounts,
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
        let mut campaign = Campaign::set_up(&cast, folder, seed).await?;
        while campaign.report.calls < calls {
            let pair = campaign.pair(calls - campaign.report.calls, &mut progress).await;
            pair.with_context(|| format!("in the campaign of seed {seed}"))?;
        }
        campaign.end().await
    }
    .await;
    cast.end().await;
    done
}

/// How many kinds of calls there are.
pub const fn plots() -> usize {
    plots::ALL.len()
}

struct Campaign {
    stage: Stage,
    folder: PathBuf,
    rng: StdRng,
    report: Report,
    /// Everything that no log may hold.
    everybody: Scanner,
    /// A courier who signs in with a password.
    with_password: (String, String),
    listener: Listener,
    silence: Option<Silence>,
    closed: Option<Closed>,
}

impl Campaign {
    async fn set_up(cast: &Cast, folder: &Path, seed: u64) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let with_password =
            (format!("rider-{:08x}", rng.random::<u32>()), format!("{:016x}", rng.random::<u64>()));
        let (user, password) = &with_password;
        let digest = format!("[{{ user = \"{user}\", password = \"{password}\" }}]");
        let options = StageOptions::without_options([("auth.digest", digest.as_str())]);
        let options = StageOptions { contact_centre: true, ..options.tapped() };
        let stage = Stage::set_up(cast, &mut Story::default(), &options).await?;
        stage.put_number().await?;
        let everybody = Scanner::new()
            .text("a courier's id", user)?
            .text("a courier's password", password)?
            .number("the contact centre's number", &stage.centre)?;
        Ok(Self {
            everybody: people::addresses(everybody, &stage),
            listener: Listener::start(&stage, folder).await?,
            stage,
            folder: folder.to_owned(),
            rng,
            report: Report::default(),
            with_password,
            silence: None,
            closed: None,
        })
    }

    /// Some calls of one courier with one customer.
    async fn pair(&mut self, most: usize, progress: &mut impl FnMut(usize)) -> anyhow::Result<()> {
        let number = self.report.calls / CALLS_OF_ONE_PAIR;
        let mut pair = Pair::start(&mut self.stage, &mut self.rng, &self.folder, number).await?;
        let everybody = std::mem::take(&mut self.everybody);
        self.everybody = pair.secrets.add_to(everybody)?;
        for _ in 0..most.min(CALLS_OF_ONE_PAIR) {
            let plot = Plot::choose(self.report.calls, &mut self.rng);
            let call = self.report.calls;
            let played = self.play(plot, &mut pair).await;
            played
                .with_context(|| format!("call {call}, plot {plot:?}{}", self.stage.gateway.last_words()))?;
            self.report.calls += 1;
            self.report.plots = self.report.plots.max(self.report.calls.min(plots::ALL.len()));
            progress(self.report.calls);
        }
        let evidence = pair.end().await;
        evidence.search(&self.stage, &self.with_password.0, &mut self.report)
    }

    async fn play(&mut self, plot: Plot, pair: &mut Pair) -> anyhow::Result<()> {
        let order = format!("o{:08x}", self.rng.random::<u32>());
        if plot == Plot::SilentTrunk {
            let silence = match self.silence.take() {
                Some(silence) => silence,
                None => Silence::set_up(&self.folder, &mut self.rng).await?,
            };
            return self.silence.insert(silence).play(&order).await;
        }
        if let Plot::ClosedApp(course) = plot {
            let closed = match self.closed.take() {
                Some(closed) => closed,
                None => Closed::set_up(&self.folder, &mut self.rng).await?,
            };
            let talked = self.closed.insert(closed).play(course, &order, &mut self.rng).await?;
            self.report.answered += usize::from(talked);
            return Ok(());
        }
        let mut play = Play::new(&self.stage, &mut self.rng, pair, &self.folder, &order, &self.with_password);
        if play.run(plot).await? {
            self.report.answered += 1;
        }
        api::ask(&self.stage, &order, pair).await
    }

    async fn end(self) -> anyhow::Result<Report> {
        let Self { mut stage, mut report, mut everybody, listener, silence, closed, .. } = self;
        if let Some(silence) = silence {
            everybody = silence.end(everybody, &mut report).await?;
        }
        if let Some(closed) = closed {
            everybody = closed.end(everybody, &mut report).await?;
        }
        stage.gateway.stop().await?;
        let told = listener.end().await?;
        for file in [stage.gateway.log(), stage.gateway.told(), &told] {
            evidence::search_file(&everybody, file, &mut report)?;
        }
        Ok(report)
    }
}
