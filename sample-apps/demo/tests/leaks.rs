//! Over a hundred calls of every kind, neither side sees the other's number, id, name or address, and no log holds them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use doorstep_demo::campaign;

/// `cargo xtask bench leaks` makes 500.
const CALLS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_crosses_in_a_hundred_calls() {
    let seed = rand::random();
    println!("seed {seed}");
    let folder = tempfile::tempdir().unwrap();
    let report = campaign::run(folder.path(), CALLS, seed, |_| ()).await.unwrap();
    assert_eq!(report.calls, CALLS);
    assert_eq!(report.plots, campaign::plots(), "a kind of call is missing");
    assert!(report.answered > 10, "{} answered calls prove little", report.answered);
    let (courier, customer) = (report.courier_packets, report.customer_packets);
    for (kind, packets) in [
        ("checks at the courier's ear", courier.stun),
        ("handshakes at the courier's ear", courier.dtls),
        ("voice at the courier's ear", courier.rtp),
        ("reports at the courier's ear", courier.rtcp),
        ("voice at the customer's ear", customer.rtp),
        ("reports at the customer's ear", customer.rtcp),
    ] {
        assert!(packets > 0, "no {kind}");
    }
    assert!(report.bytes > 100_000, "{} bytes are too few to be all that was said", report.bytes);
    let leaks: Vec<_> = report.leaks.iter().map(ToString::to_string).collect();
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}
