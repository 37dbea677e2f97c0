//! A gateway with push-service behind it: the courier's apps are closed, and pushes start them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use customer_phone::{CallId, PhoneConfig, SignIn, new_instance};
use doorstep_sip::registration::PushParams;
use doorstep_testkit::leaks::Scanner;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::Report;
use super::evidence::search_file;
use super::people::{self, Secrets, app, phone, token};
use super::side::{PATIENCE, Side, Taps};
use crate::phone_os::Carrier;
use crate::program::Role;
use crate::{Cast, Program, Stage, StageOptions, Story};

/// See the [module](self).
pub(super) struct Closed {
    cast: Cast,
    stage: Stage,
    story: Story,
    customer: Side,
    secrets: Secrets,
    /// The courier's telephones: one wakes by Apple, one by Google.
    devices: [Device; 2],
    folder: PathBuf,
    /// What the apps saw, each time one was open.
    seen: Vec<Taps>,
    last_order: String,
}

/// How a customer's call to a closed app goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// A push starts it, and it answers.
    AppAnswers,
    /// Nothing starts, and the customer hears a message instead.
    AppStaysClosed,
    /// The customer hangs up before it starts.
    CustomerGivesUp,
}

/// A telephone on which the app is installed.
struct Device {
    carrier: Carrier,
    token: String,
    instance: String,
}

impl Closed {
    pub(super) async fn set_up(folder: &Path, rng: &mut StdRng) -> anyhow::Result<Self> {
        let folder = folder.join("closed");
        let cast = Cast::new(&folder)?;
        let mut story = Story::default();
        let message = folder.join("message.wav");
        write_message(&message)?;
        let message = toml::Value::from(message.to_string_lossy().into_owned()).to_string();
        let options = StageOptions::without_options([("fallback.message", message.as_str())]);
        let options = StageOptions { wakes: true, ..options.tapped() };
        let mut stage = Stage::set_up(&cast, &mut story, &options).await?;
        stage.put_number().await?;
        let secrets = Secrets::random(rng);
        stage.customer.clone_from(&secrets.number);
        stage.courier.clone_from(&secrets.courier);
        let customer = Side::start(phone(&stage, &secrets), &folder, "customer").await?;
        let devices = [Carrier::Apns, Carrier::Fcm].map(|carrier| Device {
            carrier,
            token: format!("{:032x}{:032x}", rng.random::<u128>(), rng.random::<u128>()),
            instance: new_instance(),
        });
        let (seen, last_order) = (Vec::new(), String::new());
        let mut closed = Self { cast, stage, story, customer, secrets, devices, folder, seen, last_order };
        for device in 0..closed.devices.len() {
            let installed = closed.open_app(device).await?;
            closed.seen.push(installed.end().await.0);
            let carrier = closed.device(device)?.carrier;
            closed.stage.until_device_is_known(carrier).await?;
        }
        Ok(closed)
    }

    /// Returns whether they talked.
    pub(super) async fn play(
        &mut self,
        course: Course,
        order: &str,
        rng: &mut StdRng,
    ) -> anyhow::Result<bool> {
        order.clone_into(&mut self.last_order);
        let Secrets { courier, number, .. } = &self.secrets;
        let mut body = self.stage.order_body(courier, number, &format!("Order {order}"));
        body["otherwise"] = json!("message");
        body["ring_s"] = json!(if course == Course::AppStaysClosed { 5 } else { 60 });
        self.stage.put(&format!("/v1/orders/{order}"), &body).await?;
        let there = self.customer.phone.call(&self.stage.company).await?;
        let device = rng.random_range(0..self.devices.len());
        self.until_pushed(device, order).await?;
        match course {
            Course::AppAnswers => self.woken_app_answers(device, there).await?,
            Course::AppStaysClosed => {
                self.customer.answered(there).await?;
                self.customer.ended(there).await?;
            }
            Course::CustomerGivesUp => {
                self.customer.phone.hang_up(there).await?;
                self.customer.ended(there).await?;
                // It starts all the same, too late for the call.
                let late = self.open_app(device).await?;
                self.seen.push(late.end().await.0);
            }
        }
        self.stage.delete(&format!("/v1/orders/{order}")).await?;
        Ok(course == Course::AppAnswers)
    }

    async fn woken_app_answers(&mut self, device: usize, there: CallId) -> anyhow::Result<()> {
        let mut woken = self.open_app(device).await?;
        let here = woken.rings().await?;
        woken.phone.answer(here).await?;
        self.customer.answered(there).await?;
        self.customer.phone.hang_up(there).await?;
        self.customer.ended(there).await?;
        woken.ended(here).await?;
        self.seen.push(woken.end().await.0);
        Ok(())
    }

    /// The app starts and signs in.
    async fn open_app(&self, device: usize) -> anyhow::Result<Side> {
        let device = self.device(device)?;
        let sign_in = SignIn::Token(token(&self.stage, &self.secrets.courier)?);
        let config = PhoneConfig {
            instance: Some(device.instance.clone()),
            push: Some(PushParams {
                provider: device.carrier.name().to_owned(),
                param: Some(self.stage.push_param(device.carrier)?.to_owned()),
                prid: device.token.clone().into(),
            }),
            ..app(&self.stage, &self.secrets, sign_in)?
        };
        let opened = Side::start(config, &self.folder, &format!("app-{}", self.seen.len())).await?;
        opened.phone.register().await?;
        Ok(opened)
    }

    /// The provider hands a push of this order to the telephone.
    async fn until_pushed(&mut self, device: usize, order: &str) -> anyhow::Result<()> {
        let token = self.device(device)?.token.clone();
        loop {
            let push = self.story.expect(Role::Provider, "push", PATIENCE).await?;
            let of_order =
                push.fields.get("payload").and_then(|payload| payload.get("order")).and_then(Value::as_str);
            if push.text("token") == Some(&token) && of_order == Some(order) {
                return Ok(());
            }
        }
    }

    fn device(&self, device: usize) -> anyhow::Result<&Device> {
        self.devices.get(device).context("no such telephone")
    }

    /// Ends it and searches everything: payloads as the providers received them, push-service's database and logs.
    pub(super) async fn end(self, everybody: Scanner, report: &mut Report) -> anyhow::Result<Scanner> {
        let Self { cast, mut stage, customer, secrets, devices, seen, last_order, .. } = self;
        let (at_customer, _) = customer.end().await;
        stage.gateway.stop().await?;
        let files = |program: &Program| [program.log().to_owned(), program.told().to_owned()];
        let store = stage.wakes()?.store.clone();
        stage.stop_wakes().await?;
        let (ours, providers) = (
            [files(&stage.gateway), files(&stage.wakes()?.service)].concat(),
            files(&stage.wakes()?.provider),
        );
        let everybody = secrets.add_to(everybody)?;
        let anybody = people::addresses(everybody.clone(), &stage);
        // The providers are told the devices' tokens, our logs are not.
        let mut and_tokens = anybody.clone();
        for device in &devices {
            and_tokens = and_tokens.text("a device's token", &device.token)?;
        }
        for (scanner, files) in [(&and_tokens, ours.as_slice()), (&anybody, providers.as_slice())] {
            for file in files {
                search_file(scanner, file, report)?;
            }
        }
        let of_customer = people::addresses(secrets.of_customer(Scanner::new())?, &stage);
        let named = of_customer.clone().text("the courier's name", &secrets.courier_name)?;
        // The database knows whose device is which, and no more.
        let mut stores = 0;
        for end in ["", "-wal"] {
            let file = PathBuf::from(format!("{}{end}", store.display()));
            if file.exists() {
                search_file(&named, &file, report)?;
                stores += usize::from(
                    !Scanner::new().text("planted", &secrets.courier)?.scan_file(&file)?.is_empty(),
                );
            }
        }
        ensure!(stores > 0, "push-service's database does not even know the courier");
        let order = Scanner::new().text("planted", &last_order)?;
        let pushed = providers.iter().map(|log| order.scan_file(log)).collect::<Result<Vec<_>, _>>()?;
        ensure!(!pushed.concat().is_empty(), "no push tells of the order");
        let of_customer = secrets.of_customer(Scanner::new())?;
        for taps in &seen {
            search_file(&of_customer, &taps.signalling, report)?;
            search_file(&of_customer, &taps.media, report)?;
        }
        for file in [&at_customer.signalling, &at_customer.media] {
            search_file(&secrets.of_courier(Scanner::new())?, file, report)?;
        }
        cast.end().await;
        Ok(everybody)
    }
}

/// What a caller hears who reaches nobody: a short tone.
fn write_message(path: &Path) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec)?;
    for sample in 0..2_400_u16 {
        let tone = (f32::from(sample) * 440.0 * std::f32::consts::TAU / 8_000.0).sin();
        file.write_sample((tone * 8_000.0) as i16)?;
    }
    Ok(file.finalize()?)
}
