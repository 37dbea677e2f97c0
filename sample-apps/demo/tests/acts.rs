//! The demo as a user runs it: calls that are understood, a summary for programs, and nothing left behind.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use doorstep_demo::phones::installed;
use serde_json::Value;

fn demo(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorstep-demo"));
    command.args(["--headless", "--json", "--out"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = Value> + use<> {
    let stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).expect("one JSON object per line"))
}

/// Command lines of the demo that has this folder, and of every program that it has started.
fn running(folder: &Path) -> Vec<String> {
    let folder = folder.to_string_lossy();
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let of_it = |process: std::fs::DirEntry| {
        let read = |name: &str| {
            let bytes = std::fs::read(process.path().join(name)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let command_line = read("cmdline");
        (command_line.contains(&*folder) || read("environ").contains(&*folder)).then_some(command_line)
    };
    processes.filter_map(of_it).collect()
}

#[test]
fn every_act_is_understood_and_nothing_leaks() {
    if !installed(&[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demo(folder.path());
    let told: Vec<Value> = lines(&mut demo).collect();
    let status = demo.wait().unwrap();
    let summary = told.last().unwrap();
    assert!(status.success(), "{status}: {summary}");
    assert_eq!(summary["ok"], true);
    assert_eq!(summary["leaks"], 0);
    let acts = summary["acts"].as_array().unwrap();
    let names: Vec<_> = acts.iter().map(|act| act["name"].as_str().unwrap()).collect();
    let expected = [
        "courier_calls_customer",
        "customer_calls_back",
        "closed_app_callback_apns",
        "closed_app_callback_fcm",
        "courier_unreachable",
    ];
    assert_eq!(names, expected);
    for act in &acts[2..4] {
        for step in ["invite_to_wake_ms", "wake_to_push_ms", "push_to_ringing_ms", "push_to_invite_ms"] {
            assert!(act[step].is_number(), "{step} of {act}");
        }
    }
    let unreachable = &acts[4];
    assert_eq!(unreachable["connected"], true);
    for score in ["message_score", "customer_heard_score", "centre_heard_score"] {
        assert!(unreachable[score].as_f64().unwrap() > 0.5, "{score} of {unreachable}");
    }
    assert_eq!(unreachable["courier_screen"], Value::Null, "the courier saw nothing");
    for act in &acts[..4] {
        assert_eq!(act["connected"], true);
        assert!(act["press_to_ringing_ms"].is_number() && act["answer_to_audio_ms"].is_number(), "{act}");
        assert_eq!(act["courier_screen"], "Order 4711");
        assert!(act["customer_screen"].as_str().unwrap().starts_with("+493023125"), "{act}");
        for wav in ["courier_heard_wav", "customer_heard_wav"] {
            assert!(Path::new(act[wav].as_str().unwrap()).is_file(), "{act}");
        }
    }
    assert!(running(folder.path()).is_empty());
}

#[test]
fn a_demo_that_is_stopped_in_the_middle_leaves_no_program_behind() {
    if !installed(&[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut demo = demo(folder.path());
    let mut told = lines(&mut demo);
    assert!(told.any(|event| event["event"] == "answered"));
    let programs = running(folder.path());
    for name in ["doorstep-demo", "doorstep-gateway", "doorstep-push ", "doorstep-push-fakes", "courier-cli"]
    {
        assert!(programs.iter().any(|line| line.contains(name)), "{name} among {programs:?}");
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    // Both programs hang up before they end, and tell so.
    let last: Vec<Value> = told.collect();
    assert!(!demo.wait().unwrap().success());
    assert_eq!(running(folder.path()), Vec::<String>::new(), "{last:?}");
}
