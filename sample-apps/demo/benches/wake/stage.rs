//! The company's programs and the customer's phone; the stand-in for Apple is started from here, but runs at the other end.

use anyhow::{Context as _, bail};
use customer_phone::{OnCall, Phone, PhoneConfig, PhoneEvent, PhoneEventKind};
use doorstep_demo::phone_os::Carrier;
use doorstep_demo::{Cast, Elsewhere, Event, Role, Stage, StageOptions, Story};
use serde_json::{Value, json};

use crate::path::peer::Orders;
use crate::path::{ORDER, PATIENCE, far_edge, ms};

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut orders = Orders::new();
    let there = orders.next().await?.context("not told where the provider is")?;
    let folder = tempfile::tempdir()?;
    let cast = Cast::new(folder.path())?;
    let done = serve(&cast, &mut orders, &there).await;
    cast.end().await;
    done
}

async fn serve(cast: &Cast, orders: &mut Orders, there: &Value) -> anyhow::Result<()> {
    let text = |field: &str| there[field].as_str().with_context(|| format!("not told the {field}"));
    let through = ["ip", "netns", "exec", text("namespace")?].map(str::to_owned).to_vec();
    let mut story = Story::default();
    let options = StageOptions {
        log_level: "warn".to_owned(),
        config: far_edge(),
        wakes: true,
        providers: Some(Elsewhere { through, address: text("address")?.parse()? }),
        ..StageOptions::default()
    };
    let stage = Stage::set_up(cast, &mut story, &options).await?;
    stage.place_order(ORDER, "Order 4711").await?;
    let (phone, mut events) = Phone::start(PhoneConfig {
        bind: stage.phone,
        on_call: OnCall::Ring,
        ..PhoneConfig::new(&stage.customer, stage.trunk)
    })
    .await?;
    let ready = json!({
        "event": "ready",
        "edge": stage.edge,
        "port": stage.edge_addr()?.port(),
        "pin": stage.pin(),
        "token": stage.token(&stage.courier, PATIENCE * 60)?,
        "push_param": stage.push_param(Carrier::Apns)?,
    });
    println!("{ready}");

    let mut call = None;
    loop {
        tokio::select! {
            order = orders.next() => {
                let Some(order) = order? else { break };
                match (order["do"].as_str(), call.take()) {
                    (Some("call"), None) => call = Some(phone.call(&stage.company).await?),
                    (Some("give_up"), Some(call)) => phone.hang_up(call).await?,
                    (Some("wait_for_device"), None) => {
                        stage.until_device_is_known(Carrier::Apns).await?;
                        println!("{}", json!({"event": "device_known"}));
                    }
                    _ => bail!("{order} is not possible now"),
                }
            }
            event = events.next() => tell_phone(&event.context("the phone has stopped")?),
            event = story.next(PATIENCE * 60) => tell_program(&event?)?,
        }
    }
    phone.shutdown().await;
    Ok(())
}

fn tell_phone(event: &PhoneEvent) {
    let name = match &event.kind {
        PhoneEventKind::Calling { .. } => "calling",
        PhoneEventKind::Ended { .. } => "ended",
        PhoneEventKind::Incoming { .. }
        | PhoneEventKind::Ringing
        | PhoneEventKind::Answered
        | PhoneEventKind::FirstAudio
        | PhoneEventKind::Digit { .. }
        | PhoneEventKind::Held { .. }
        | PhoneEventKind::MediaChanged { .. }
        | PhoneEventKind::Invited
        | PhoneEventKind::Progress { .. }
        | PhoneEventKind::Transfer { .. } => return,
    };
    println!("{}", json!({"event": name, "at": ms(event.at)}));
}

fn tell_program(event: &Event) -> anyhow::Result<()> {
    if event.name == "exit" {
        bail!("the {}'s program has ended", event.who);
    }
    if event.who == Role::Provider && event.name == "push" {
        let payload = event.fields.get("payload").context("a push without a payload")?;
        println!("{}", json!({"event": "push", "at": event.t, "payload": payload}));
    }
    Ok(())
}
