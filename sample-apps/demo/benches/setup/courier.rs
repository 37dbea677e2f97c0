//! The courier's app: the SDK with a device of the benchmark's own.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use doorstep::audio::AudioFactory;
use doorstep::{Call, CallState, Client, Config, Event, EventStream, RegistrationState};
use doorstep_media::device::{AudioDevice, CaptureSink, DeviceError, PlayoutSource, VirtualDevice};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::RINGS;
use crate::path::peer::Orders;
use crate::path::{ORDER, PATIENCE, app, ms};

/// Rate of its device, Hz.
const RATE: u32 = 48_000;
/// A sample that can be heard, out of 32 768; the customer's tone is eight times as loud.
const AUDIBLE: u16 = 1_000;

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut orders = Orders::new();
    let ready = orders.next().await?.context("not told where the gateway is")?;
    println!("{}", json!({"event": "rtt", "ms": app::round_trip(&ready).await?}));

    // A device may start before its first call's sounds are asked for; one call at a time is all there is.
    let (heard, mut ears) = mpsc::channel(4);
    let mut config = app::config(&ready)?;
    config.audio = Arc::new(Ears(heard));
    let client = Client::connect(config.clone()).await?;
    let mut events = client.events();
    let mut state = client.registration();
    let registered = |state: &RegistrationState| matches!(state, RegistrationState::Registered { .. });
    timeout(PATIENCE, state.wait_for(registered)).await.context("not registered")??;
    let mut warm = Some(client);
    while let Some(order) = orders.next().await? {
        // What an earlier call's device heard after its time.
        while ears.try_recv().is_ok() {}
        match (order["do"].as_str(), &warm) {
            (Some("call"), Some(client)) => outgoing(client, &mut orders, &mut ears).await?,
            (Some("take"), Some(_)) => incoming(&mut orders, &mut events, &mut ears).await?,
            (Some("cold"), _) => {
                if let Some(client) = warm.take() {
                    client.shutdown().await;
                }
                cold(&config).await?;
            }
            _ => bail!("{order} is not possible now"),
        }
    }
    if let Some(client) = warm {
        client.shutdown().await;
    }
    Ok(())
}

/// A call over the connection that is there; the customer answers.
async fn outgoing(
    client: &Client,
    orders: &mut Orders,
    ears: &mut mpsc::Receiver<SystemTime>,
) -> anyhow::Result<()> {
    let pressed = SystemTime::now();
    let call = client.contact_customer(ORDER).await?;
    ringing(&call, pressed).await?;
    talk(&call, orders, ears).await
}

/// A call that waits for its connection. Nobody answers.
async fn cold(config: &Config) -> anyhow::Result<()> {
    let config = config.clone();
    let pressed = SystemTime::now();
    let client = Client::connect(config).await?;
    let call = client.contact_customer(ORDER).await?;
    ringing(&call, pressed).await?;
    hang_up(&call).await?;
    client.shutdown().await;
    println!("{}", json!({"event": "over"}));
    Ok(())
}

/// The customer calls back.
async fn incoming(
    orders: &mut Orders,
    events: &mut EventStream,
    ears: &mut mpsc::Receiver<SystemTime>,
) -> anyhow::Result<()> {
    let call = loop {
        // Events of the calls before may still be there.
        let event = timeout(PATIENCE, events.next()).await.context("no call has come")?;
        if let Event::Incoming(call) = event.context("the client has ended")? {
            break call;
        }
    };
    tokio::time::sleep(RINGS).await;
    let answered = SystemTime::now();
    call.answer().await?;
    println!("{}", json!({"event": "answered", "at": ms(answered)}));
    talk(&call, orders, ears).await
}

/// Until both have heard each other, which the one who gives the orders knows.
async fn talk(call: &Call, orders: &mut Orders, ears: &mut mpsc::Receiver<SystemTime>) -> anyhow::Result<()> {
    let heard = timeout(PATIENCE, ears.recv()).await.ok().flatten().context("the customer is not heard")?;
    println!("{}", json!({"event": "heard", "at": ms(heard)}));
    orders.next().await?;
    hang_up(call).await?;
    println!("{}", json!({"event": "over"}));
    Ok(())
}

async fn ringing(call: &Call, pressed: SystemTime) -> anyhow::Result<()> {
    let mut state = call.state();
    let rings = |state: CallState| state == CallState::Ringing || state.is_answered();
    let told = state.wait_for(|call| rings(call.state) || matches!(call.state, CallState::Ended(_)));
    let told = timeout(PATIENCE, told).await.context("it does not ring")??.state;
    let at = SystemTime::now();
    if !rings(told) {
        bail!("the call has ended: {}", call.ended().await.text);
    }
    println!("{}", json!({"event": "ringing", "pressed": ms(pressed), "at": ms(at)}));
    Ok(())
}

async fn hang_up(call: &Call) -> anyhow::Result<()> {
    call.hang_up().await?;
    timeout(PATIENCE, call.ended()).await.context("the call does not end")?;
    Ok(())
}

/// Makes devices whose microphone hears a tone, and that tell when their speaker first has something to play.
struct Ears(mpsc::Sender<SystemTime>);

impl AudioFactory for Ears {
    fn device(&self) -> Result<Box<dyn AudioDevice>, DeviceError> {
        Ok(Box::new(Device { inner: VirtualDevice::new(RATE)?.tone(440.0), heard: self.0.clone() }))
    }
}

struct Device {
    inner: VirtualDevice,
    heard: mpsc::Sender<SystemTime>,
}

impl AudioDevice for Device {
    fn capture_rate(&self) -> u32 {
        self.inner.capture_rate()
    }

    fn playout_rate(&self) -> u32 {
        self.inner.playout_rate()
    }

    fn start(
        &mut self,
        capture: Box<dyn CaptureSink>,
        playout: Box<dyn PlayoutSource>,
    ) -> Result<(), DeviceError> {
        let speaker = Speaker { inner: playout, heard: Some(self.heard.clone()) };
        self.inner.start(capture, Box::new(speaker))
    }

    fn stop(&mut self) {
        self.inner.stop();
    }
}

struct Speaker {
    inner: Box<dyn PlayoutSource>,
    /// `None` once it is told.
    heard: Option<mpsc::Sender<SystemTime>>,
}

impl PlayoutSource for Speaker {
    fn fill(&mut self, frame: &mut [i16]) {
        self.inner.fill(frame);
        if frame.iter().any(|sample| sample.unsigned_abs() >= AUDIBLE)
            && let Some(heard) = self.heard.take()
        {
            // Nobody reads when the benchmark is at its end.
            let _ = heard.try_send(SystemTime::now());
        }
    }

    fn failed(&mut self, error: DeviceError) {
        self.inner.failed(error);
    }
}
