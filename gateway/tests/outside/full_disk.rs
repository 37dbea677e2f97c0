//! A full disk: the API says 503, the call goes on, and when there is room again all is as before. The disk is a small one in memory,
//! in a mount namespace of the gateway's own, so it ends with it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{Courier, Gateway, GatewayBuilder, Phone, order, soon};

#[tokio::test]
async fn a_call_goes_on_while_nothing_can_be_written() {
    if !may_mount() {
        assert!(std::env::var_os("DOORSTEP_REQUIRE_TOOLS").is_none(), "mounting takes root");
        println!("SKIPPED: mounting a small disk takes root");
        return;
    }
    let mut phone = Phone::new().await;
    let gateway = start_on_small_disk(&phone);
    gateway.open_order("4711", "anna").await;
    let mut anna = Courier::connect(&gateway, "anna").await;
    let courier_session = anna.contact("4711").await;
    let (session, _) = phone.invited().await;

    let filler = gateway.path_inside(&gateway.dir.path().join("disk/filler"));
    fill(&filler);
    let (status, problem) = refused_order(&gateway).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:doorstep:problem:unavailable")));

    phone.answer(session).await;
    anna.answered().await;
    phone.hears_rtp().await;
    anna.hang_up(courier_session).await;
    phone.ended().await;

    std::fs::remove_file(&filler).unwrap();
    assert_eq!(gateway.put("/v1/orders/after", order("anna")).await.0, 201);
    assert_eq!(gateway.get("/readyz").await.0, 200);
    let call = soon("the record", gateway.call_of("4711", |call| call["state"] == "ended")).await;
    assert_eq!(call["end"], "courier_hung_up");
}

/// Orders are put until one finds no room: what the database's file has left is not known.
async fn refused_order(gateway: &Gateway) -> (u16, serde_json::Value) {
    soon("a full database", async {
        let mut number = 0;
        loop {
            let answer = gateway.put(&format!("/v1/orders/filler-{number}"), order("anna")).await;
            if answer.0 != 201 {
                return answer;
            }
            number += 1;
        }
    })
    .await
}

fn start_on_small_disk(phone: &Phone) -> Gateway {
    let mut builder = GatewayBuilder::new(Some(phone.address));
    let disk = builder.dir.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    for (section, line) in &mut builder.lines {
        if *section == "store" {
            *line = format!("path = \"{}\"\nbusy_timeout_ms = 200", disk.join("gateway.db").display());
        }
    }
    let script = "mount -t tmpfs -o size=1m none \"$0\" && exec \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", script];
    builder.launcher = words.into_iter().map(str::to_owned).chain([disk.display().to_string()]).collect();
    builder.start()
}

/// Writes until there is no room for a byte.
fn fill(path: &Path) {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).unwrap();
    for size in [4096, 1] {
        loop {
            match file.write(&vec![0; size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn may_mount() -> bool {
    let tried = Command::new("unshare").args(["--mount", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}
