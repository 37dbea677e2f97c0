//! A second gateway whose carrier says nothing at all: requests go out, and nothing ever comes back.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use customer_phone::SignIn;
use doorstep_testkit::leaks::Scanner;
use rand::rngs::StdRng;
use serde_json::json;

use super::Report;
use super::evidence::search_file;
use super::people::{self, Secrets, app, token};
use super::side::Side;
use crate::{Cast, Stage, StageOptions, Story};

/// Longest datagram there is.
const DATAGRAM: usize = 65_535;

/// See the [module](self).
pub(super) struct Silence {
    cast: Cast,
    stage: Stage,
    socket: UdpSocket,
    courier: Side,
    secrets: Secrets,
    folder: PathBuf,
}

impl Silence {
    pub(super) async fn set_up(folder: &Path, rng: &mut StdRng) -> anyhow::Result<Self> {
        let folder = folder.join("silence");
        let cast = Cast::new(&folder)?;
        // What it waits for will not come.
        let options = StageOptions::without_options([("limits.shutdown_s", "1")]).tapped();
        let mut stage = Stage::set_up(&cast, &mut Story::default(), &options).await?;
        let socket = UdpSocket::bind(stage.phone)?;
        socket.set_nonblocking(true)?;
        let secrets = Secrets::random(rng);
        stage.customer.clone_from(&secrets.number);
        stage.courier.clone_from(&secrets.courier);
        let courier = app(&stage, &secrets, SignIn::Token(token(&stage, &secrets.courier)?))?;
        let courier = Side::start(courier, &folder, "courier").await?;
        courier.phone.register().await?;
        Ok(Self { cast, stage, socket, courier, secrets, folder })
    }

    /// A call that rings nowhere.
    pub(super) async fn play(&mut self, order: &str) -> anyhow::Result<()> {
        let Secrets { courier, number, .. } = &self.secrets;
        self.stage.put_number().await?;
        let mut body = self.stage.order_body(courier, number, "nobody's");
        body["ring_s"] = json!(5);
        self.stage.put(&format!("/v1/orders/{order}"), &body).await?;
        let call = self.courier.phone.call(&format!("order.{order}")).await?;
        self.courier.refused(call, &[480, 503]).await
    }

    /// Ends it and searches what the carrier and the logs got. Adds to what no log may hold.
    pub(super) async fn end(self, everybody: Scanner, report: &mut Report) -> anyhow::Result<Scanner> {
        let Self { cast, mut stage, socket, courier, secrets, folder } = self;
        let (taps, _) = courier.end().await;
        stage.gateway.stop().await?;
        let sent = folder.join("carrier.sip");
        let mut datagrams = Vec::new();
        let mut buffer = vec![0; DATAGRAM];
        while let Ok(length) = socket.recv(&mut buffer) {
            datagrams.extend_from_slice(buffer.get(..length).unwrap_or_default());
        }
        std::fs::write(&sent, &datagrams)?;
        let everybody = secrets.add_to(everybody)?;
        for file in [stage.gateway.log(), stage.gateway.told()] {
            search_file(&people::addresses(everybody.clone(), &stage), file, report)?;
        }
        search_file(&secrets.of_customer(Scanner::new())?, &taps.signalling, report)?;
        search_file(&secrets.of_courier(Scanner::new())?, &sent, report)?;
        // The number that was called is there.
        anyhow::ensure!(
            !secrets.of_customer(Scanner::new())?.scan_file(&sent)?.is_empty(),
            "the silent carrier was not called"
        );
        cast.end().await;
        Ok(everybody)
    }
}
