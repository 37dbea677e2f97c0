//! Whether anything of one side has shown on the other.

use std::collections::BTreeSet;

use bytes::Bytes;
use doorstep_sip::msg::{Message, NameAddr};
use doorstep_testkit::leaks::Scanner;

use super::media::{EDGE_MEDIA, TRUNK_MEDIA};
use super::storm_steps::STRANGER;
use super::world::{CARRIER_HOST, CENTRE, COURIER, CUSTOMER, EDGE_HOST, LABEL, ORDER, TRUNK_HOST, World};
use crate::core::Side;

/// Call-IDs, tags and branches.
fn names(bytes: &[u8]) -> Vec<String> {
    let message = Message::parse(bytes).unwrap();
    let headers = message.headers();
    let tag = |address: Option<NameAddr>| address.and_then(|address| address.tag().map(str::to_owned));
    let via = headers.via().and_then(|via| via.branch().map(str::to_owned));
    let call_id = headers.call_id().map(str::to_owned);
    [call_id, tag(headers.from()), tag(headers.to()), via].into_iter().flatten().collect()
}

/// Nothing of one side has shown on the other, nor anything personal in an output as it prints.
pub(super) fn assert_no_leak(world: &World) {
    let ip = |text: &str| text.parse().unwrap();
    let customers = Scanner::new()
        .number("customer", CUSTOMER)
        .and_then(|scanner| scanner.number("stranger", STRANGER))
        .and_then(|scanner| scanner.number("centre", CENTRE))
        .and_then(|scanner| scanner.text("customer's name", "Max Mustermann"))
        .unwrap()
        .address("trunk", ip(TRUNK_HOST))
        .address("trunk media", ip(TRUNK_MEDIA))
        .address("carrier", ip(CARRIER_HOST))
        .address("phone", ip("203.0.113.201"));
    let couriers = Scanner::new()
        .text("courier", COURIER)
        .and_then(|scanner| scanner.text("label", LABEL))
        .and_then(|scanner| scanner.text("order", &format!("order.{ORDER}")))
        .and_then(|scanner| scanner.text("edge", EDGE_HOST))
        .and_then(|scanner| scanner.text("apps", ".invalid"))
        .and_then(|scanner| scanner.text("app's name", "Mallory"))
        .unwrap()
        .address("edge media", ip(EDGE_MEDIA))
        .address("app", ip("192.0.2.201"));
    let of = |side: Side| -> Vec<&Bytes> {
        world.sent.iter().filter(|(to, _)| *to == side).map(|(_, bytes)| bytes).collect()
    };
    let joined =
        |side: Side| of(side).into_iter().fold(Vec::new(), |all, bytes| [&all, &bytes[..], b"\n"].concat());
    let (edge, trunk) = (joined(Side::Edge), joined(Side::Trunk));
    assert_eq!(customers.scan("edge", &edge), []);
    assert_eq!(couriers.scan("trunk", &trunk), []);
    let printed = world.printed.join("\n");
    assert_eq!(customers.scan("outputs", printed.as_bytes()), []);
    // Orders show in logs; who the courier is does not.
    let nobody = Scanner::new().text("courier", COURIER).unwrap().text("label", LABEL).unwrap();
    assert_eq!(nobody.scan("outputs", printed.as_bytes()), []);
    for (side, other) in [(Side::Edge, &trunk), (Side::Trunk, &edge)] {
        let names: BTreeSet<_> = of(side).into_iter().flat_map(|bytes| names(bytes)).collect();
        for name in names {
            let found = other.windows(name.len()).any(|window| window == name.as_bytes());
            assert!(!found, "{name} of the {side:?} side shows on the other");
        }
    }
}
