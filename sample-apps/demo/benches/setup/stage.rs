//! Gateway and customer's phone.

use std::path::Path;

use anyhow::Context as _;
use customer_phone::{OnCall, Phone, PhoneConfig, PhoneEvent, PhoneEventKind};
use doorstep_demo::{Cast, Stage, StageOptions, Story};
use serde_json::json;

use super::RINGS;
use crate::path::peer::Orders;
use crate::path::{ORDER, PATIENCE, far_edge, ms};

/// Rate of what the customer says, Hz.
const RATE: u32 = 8_000;

pub(crate) async fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cast = Cast::new(folder.path())?;
    let done = serve(&cast, folder.path()).await;
    cast.end().await;
    done
}

async fn serve(cast: &Cast, folder: &Path) -> anyhow::Result<()> {
    let mut story = Story::default();
    let options =
        StageOptions { log_level: "warn".to_owned(), config: far_edge(), ..StageOptions::default() };
    let stage = Stage::set_up(cast, &mut story, &options).await?;
    stage.place_order(ORDER, "Order 4711").await?;
    let says = folder.join("tone.wav");
    write_tone(&says)?;
    let (phone, mut events) = Phone::start(PhoneConfig {
        bind: stage.phone,
        play: Some(says),
        on_call: OnCall::Answer { after: RINGS },
        ..PhoneConfig::new(&stage.customer, stage.trunk)
    })
    .await?;
    let token = stage.token(&stage.courier, PATIENCE * 60)?;
    let port = stage.edge_addr()?.port();
    println!(
        "{}",
        json!({"event": "ready", "edge": stage.edge, "port": port, "pin": stage.pin(), "token": token})
    );

    let mut orders = Orders::new();
    loop {
        tokio::select! {
            order = orders.next() => match order? {
                Some(_) => { phone.call(&stage.company).await?; }
                None => break,
            },
            event = events.next() => tell(&event.context("the phone has stopped")?),
        }
    }
    phone.shutdown().await;
    Ok(())
}

fn tell(event: &PhoneEvent) {
    let name = match &event.kind {
        PhoneEventKind::Answered => "answered",
        PhoneEventKind::FirstAudio => "first_audio",
        PhoneEventKind::Ended { .. } => "ended",
        PhoneEventKind::Incoming { .. }
        | PhoneEventKind::Calling { .. }
        | PhoneEventKind::Ringing
        | PhoneEventKind::Digit { .. }
        | PhoneEventKind::Held { .. }
        | PhoneEventKind::MediaChanged { .. }
        | PhoneEventKind::Transfer { .. }
        | PhoneEventKind::Invited
        | PhoneEventKind::Progress { .. } => return,
    };
    println!("{}", json!({"event": name, "at": ms(event.at)}));
}

/// Ten seconds of a tone, loud from its first sample on.
fn write_tone(path: &Path) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for n in 0..RATE * 10 {
        let turns = f64::from(n) * 440.0 / f64::from(RATE);
        writer.write_sample(((turns * std::f64::consts::TAU).cos() * 8_192.0) as i16)?;
    }
    Ok(writer.finalize()?)
}
