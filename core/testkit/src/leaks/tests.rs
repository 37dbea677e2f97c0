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

/// Of the first that was found, with the least around it.
fn encodings(bytes: &[u8]) -> Vec<Encoding> {
    scanner().scan("test", bytes).into_iter().next().map(|leak| leak.encodings).unwrap_or_default()
}

#[test]
fn a_number_in_half_bytes_is_found_at_either_half_and_in_either_order() {
    let half_bytes = |digits: &str, swapped: bool| -> Vec<u8> {
        let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
        let filled = digits.chunks(2).map(|pair| [pair[0], *pair.get(1).unwrap_or(&0xf)]);
        filled.map(|[a, b]| if swapped { b << 4 | a } else { a << 4 | b }).collect()
    };
    for digits in ["4917612345678", "04917612345678"] {
        for swapped in [false, true] {
            let packet = [&[0x80, 0xc8, 0x00][..], &half_bytes(digits, swapped), &[0xff]].concat();
            assert_eq!(encodings(&packet), [Encoding::Bcd], "{digits} {swapped}");
        }
    }
    // The last digit of an odd number may share its byte with anything.
    assert_eq!(encodings(&half_bytes("4917612345698", false)), []);
}

#[test]
fn a_number_in_binary_is_found_in_either_byte_order() {
    let number = 4_917_612_345_678_u64;
    assert_eq!(encodings(&number.to_be_bytes()), [Encoding::Integer]);
    assert_eq!(encodings(&number.to_le_bytes()), [Encoding::Integer]);
}

#[test]
fn a_hash_without_salt_is_no_hiding_place() {
    use sha2::{Digest as _, Sha256};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    for spelling in ["+4917612345678", "4917612345678", "004917612345678", "017612345678", "courier-4c81"] {
        let md5 = hex(&md5::Md5::digest(spelling));
        assert_eq!(encodings(format!("Call-ID: {md5}@x").as_bytes()), [Encoding::Hex, Encoding::Hash]);
        let sha = Sha256::digest(spelling);
        assert_eq!(encodings(STANDARD.encode(sha).as_bytes()), [Encoding::Base64, Encoding::Hash]);
    }
}

#[test]
fn bytes_printed_as_a_list_are_read() {
    assert_eq!(encodings(format!("body: {:?} end", NUMBER.as_bytes()).as_bytes()), [Encoding::ByteList]);
    assert!(found(format!("1, 2, 300, {:?}", "courier-4c81".as_bytes())));
}

#[test]
fn a_text_in_utf_16_is_found() {
    let wide: Vec<u8> = "courier-4c81".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(encodings(&wide), [Encoding::Utf16]);
}

#[test]
fn an_address_is_found_in_every_form_that_a_packet_or_a_log_gives_it() {
    assert_eq!(encodings(&[0, 1, 0x13, 0xc4, 127, 77, 0, 2]), [Encoding::AddressBytes]);
    assert_eq!(encodings(&[2, 0, 77, 127]), [Encoding::AddressBytes]);
    // XOR-MAPPED-ADDRESS of a STUN answer.
    let masked = [0, 0x20, 0, 8, 0, 1, 0x32, 0xd6, 127 ^ 0x21, 77 ^ 0x12, 0xa4, 2 ^ 0x42];
    assert_eq!(encodings(&masked), [Encoding::XorAddress]);
    assert!(found("from [127, 77, 0, 2]:5060"));
    assert!(found("host=2135752706"));
    assert!(found("c0=7F4D0002;"));
    let v6 = Scanner::new().address("a", "2001:db8::7".parse().unwrap());
    assert_eq!(v6.scan("t", b"c=IN IP6 2001:db8::7\r\n").len(), 1);
    assert_eq!(v6.scan("t", &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]).len(), 1);
}

#[test]
fn every_place_in_media_packets_is_searched() {
    // SDES items CNAME, NAME, PHONE, LOC, NOTE (RFC 3550 section 6.5), in a compound after a receiver report.
    for item in [1, 2, 4, 5, 7_u8] {
        let mut compound = vec![0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 202, 0, 5, 1, 2, 3, 4, item, 12];
        compound.extend(b"courier-4c81\0\0");
        assert!(found(&compound), "item {item}");
    }
    // APP, BYE with a reason (sections 6.6 and 6.7).
    assert!(found([&[0x80, 204, 0, 6, 1, 2, 3, 4][..], b"NAME", NUMBER.as_bytes()].concat()));
    assert!(found([&[0x81, 203, 0, 5, 1, 2, 3, 4, 14][..], NUMBER.as_bytes()].concat()));
    // A header extension (RFC 8285) and a contributing source that is an address (RFC 3550 section 5.1).
    let header = [0x90, 111, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9];
    assert!(found([&header[..], &[0xbe, 0xde, 0, 4, 0x1d], NUMBER.as_bytes()].concat()));
    let contributed = [0x81, 111, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 127, 77, 0, 2];
    assert!(found(contributed));
    // USERNAME and SOFTWARE of STUN (RFC 8489 sections 14.3 and 14.14), a certificate's subject.
    assert!(found([&[0, 6, 0, 15][..], b"ab:courier-4c81"].concat()));
    assert!(found([&[0x80, 0x22, 0, 14][..], NUMBER.as_bytes()].concat()));
    assert!(found([&[0x30, 0x17, 0x06, 3, 0x55, 4, 3, 0x0c, 12][..], b"Courier-4C81"].concat()));
}

#[test]
fn random_names_that_stand_on_both_sides_are_told() {
    let one = b"Call-ID: a84b4c76e66710@x\r\na=ssrc:305419896 cname:Ab3dEf6hIj9lMn2p\r\nUser-Agent: doorstep/0.1.0 abcdefg1";
    let report = [&[0x81, 202, 0, 6, 0x12, 0x34, 0x56, 0x78, 1, 16][..], b"Ab3dEf6hIj9lMn2p\0\0"].concat();
    assert_eq!(shared_names(one, &report, &[]), ["Ab3dEf6hIj9lMn2p"]);
    assert_eq!(shared_names(one, b"--- rtp from 1.2.3.4:5 ssrc 305419896", &[]), ["305419896"]);
    assert_eq!(shared_names(one, b"Server: abcdefg1", &["x (abcdefg1)"]), Vec::<String>::new());
    assert_eq!(shared_names(one, b"Call-ID: 84b4c76e66710", &[]), Vec::<String>::new());
}
