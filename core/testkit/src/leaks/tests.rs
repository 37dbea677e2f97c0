use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

const NUMBER: &str = "+4917612345678";

fn scanner() -> Scanner {
    Scanner::new()
        .number("customer's number", NUMBER)
        .and_then(|scanner| scanner.text("courier's id", "courier-4c81"))
        .unwrap()
        .address("courier's address", "127.77.0.2".parse().unwrap())
}

fn found(text: impl AsRef<[u8]>) -> bool {
    !scanner().scan("test", text.as_ref()).is_empty()
}

/// As a log line or a header would hold it.
fn amid(secret: &str) -> String {
    format!("2026-11-24T20:13:01Z INFO call: x=\"{secret}\" done")
}

#[test]
fn every_way_of_writing_a_number_is_found() {
    for written in [
        "+4917612345678",
        "004917612345678",
        "4917612345678",
        "017612345678",
        "17612345678",
        "+49 176 12345678",
        "+49 (0) 176 1234-5678",
        "0176/12 34 56 78",
        "0176.1234.5678",
        "0 1 7 6 1 2 3 4 5 6 7 8",
        "+49\u{a0}176\u{a0}12345678",
        "sip:+4917612345678@10.0.0.1;user=phone",
        "tel:+49-176-12345678",
        "\"Anna +4917612345678\" <sip:x@y>",
    ] {
        assert!(found(amid(written)), "{written}");
        let backwards: String = written.chars().rev().collect();
        assert!(found(amid(&backwards)), "{backwards}");
    }
}

#[test]
fn a_number_under_an_encoding_is_found() {
    let percent: String = NUMBER.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let json: String = NUMBER.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    let hex: String = NUMBER.bytes().map(|byte| format!("{byte:02x}")).collect();
    for (encoded, encoding) in [
        (percent, Encoding::Percent),
        (json, Encoding::Json),
        (hex.clone(), Encoding::Hex),
        (format!("a{hex}"), Encoding::Hex),
    ] {
        let leaks = scanner().scan("test", amid(&encoded).as_bytes());
        assert!(leaks.iter().any(|leak| leak.encodings == [encoding]), "{encoded}");
    }
    assert!(found("%2B4917612345678"));
    assert!(found("0176%2012%2034%2056%2078"));
}

#[test]
fn base64_hides_a_number_at_no_offset_and_in_no_alphabet() {
    for before in 0..7 {
        for after in 0..4 {
            let plain = format!("{}{NUMBER}{}", "~?x".repeat(3).get(..before).unwrap(), ">".repeat(after));
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                assert!(found(amid(&engine.encode(&plain))), "{plain}");
                // Glued to letters that belong to the alphabet, too.
                assert!(found(format!("tokenAB{}", engine.encode(&plain))), "{plain}");
            }
        }
    }
}

#[test]
fn two_layers_are_opened() {
    let percent: String = NUMBER.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let twice = STANDARD.encode(&percent);
    let leaks = scanner().scan("test", twice.as_bytes());
    assert!(leaks.iter().any(|leak| leak.encodings == [Encoding::Base64, Encoding::Percent]), "{leaks:?}");
    assert!(found(STANDARD.encode(STANDARD.encode(NUMBER))));
}

#[test]
fn utf_16_hides_nothing() {
    let wide: Vec<u8> = NUMBER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(found(wide));
}

#[test]
fn a_text_is_found_in_any_case_and_backwards() {
    assert!(found("From: <sip:Courier-4C81@x>"));
    assert!(found("18c4-reiruoc"));
    assert!(found("a=x:courier%2D4c81"));
    assert!(found(STANDARD.encode("sub=courier-4c81")));
    assert!(!found("courier-4c82"));
}

#[test]
fn an_address_is_not_mistaken_for_a_longer_one() {
    assert!(found("c=IN IP4 127.77.0.2\r\n"));
    assert!(found("host-127-77-0-2.example"));
    assert!(!found("c=IN IP4 127.77.0.21\r\n"));
    assert!(!found("c=IN IP4 127.77.0.2a\r\n"));
}

#[test]
fn what_is_harmless_is_not_reported() {
    for harmless in [
        "INVITE sip:order.4711@gw.example SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK776asdhds\r\n",
        "+4930901820",
        "1761234567",
        "176 1234 and 5678",
        "2026-11-24T20:13:01.176123Z 45678",
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
    ] {
        assert_eq!(scanner().scan("test", harmless.as_bytes()), [], "{harmless}");
    }
}

#[test]
fn a_leak_says_what_and_where_but_the_name_is_not_the_secret() {
    let leaks = scanner().scan("gateway.log", b"GET /v1/orders?q=%2B49%20176%2012345678");
    let told = leaks.first().unwrap().to_string();
    assert!(told.starts_with("customer's number in gateway.log"), "{told}");
}

#[test]
fn what_chance_would_find_is_refused() {
    assert_eq!(Scanner::new().text("id", "c1").err(), Some(SecretError::TooShort));
    assert_eq!(Scanner::new().number("n", "+4912345").err(), Some(SecretError::TooShort));
    assert_eq!(Scanner::new().number("n", "017612345678").err(), Some(SecretError::NotANumber));
}

#[test]
fn other_countries_numbers_lose_their_code_only() {
    for (number, written) in [
        ("+12025550123", "202-555-0123"),
        ("+74951234567", "8 (495) 123-45-67"),
        ("+4312345678", "012345678"),
        ("+35312345678", "01 234 5678"),
        ("+85212345678", "1234 5678"),
    ] {
        let scanner = Scanner::new().number("n", number).unwrap();
        assert!(!scanner.scan("test", written.as_bytes()).is_empty(), "{written}");
    }
}
