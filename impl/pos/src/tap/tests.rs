//! Histories of a payment.

use super::*;
use kaika_apdu::tlv::Writer;
use kaika_wire::iso8583::Malformed;

fn sale() -> Sale {
    Sale {
        kind: Kind::Authorisation,
        amount_minor: 1250,
        currency: "156".into(),
        country: "156".into(),
        at: "1124120000".into(),
        date: "261124".into(),
        unpredictable_number: [1, 2, 3, 4],
        stan: "000042".into(),
        reference: "000000000042".into(),
        terminal: "SHOP0001".into(),
        shop: "SHOP".into(),
    }
}

fn objects(fill: impl FnOnce(&mut Writer<'_>) -> Result<(), kaika_apdu::Full>) -> Vec<u8> {
    let mut buffer = [0; 300];
    let mut writer = Writer::new(&mut buffer);
    assert!(fill(&mut writer).is_ok());
    [writer.written(), &[0x90, 0x00]].concat()
}

const AID: &[u8] = &[0xf0, 1, 2, 3, 4, 5];

/// The chip's answers up to the cryptogram, which is of this kind; the first byte of its interchange profile.
fn card(kind: u8, aip: u8) -> Vec<Vec<u8>> {
    let entry = |w: &mut Writer<'_>| {
        w.nest(Tag::APPLICATION, |w| {
            w.put(Tag::AID, AID)?;
            w.put(Tag::PRIORITY, &[1])
        })
    };
    vec![
        objects(|w| {
            w.nest(Tag::FCI, |w| {
                w.nest(Tag::FCI_PROPRIETARY, |w| {
                    w.nest(Tag::FCI_DISCRETIONARY, entry)
                })
            })
        }),
        objects(|w| {
            w.nest(Tag::FCI, |w| {
                w.put(Tag::DF_NAME, AID)?;
                w.nest(Tag::FCI_PROPRIETARY, |w| {
                    w.put(Tag::PDOL, &[0x9f, 0x02, 6, 0x9f, 0x37, 4])
                })
            })
        }),
        objects(|w| {
            w.nest(Tag::RESPONSE, |w| {
                w.put(Tag::AIP, &[aip, 0])?;
                w.put(Tag::AFL, &[0x08, 1, 1, 0])
            })
        }),
        objects(|w| {
            w.nest(Tag::RECORD, |w| {
                w.put(Tag::PAN, &[0x62, 0x99, 0, 0, 0x12, 0x34, 0x56, 0x78])?;
                w.put(Tag::EXPIRY, &[0x31, 0x11, 0x30])?;
                w.put(Tag::PSN, &[1])?;
                w.put(Tag::CDOL1, &[0x9f, 0x02, 6, 0x9f, 0x37, 4])
            })
        }),
        objects(|w| {
            w.nest(Tag::RESPONSE, |w| {
                w.put(Tag::CRYPTOGRAM_INFORMATION, &[kind])?;
                w.put(Tag::ATC, &[0, 1])?;
                w.put(Tag::CRYPTOGRAM, &[9; 8])?;
                w.put(Tag::IAD, &[6, 1, 0x12, 3, 0xa0, 0, 0])
            })
        }),
    ]
}

/// A terminal that has asked the issuer, and what it asked.
fn asked() -> (Pos, Message) {
    asked_for(sale(), 0x18)
}

fn asked_for(sale: Sale, aip: u8) -> (Pos, Message) {
    let mut pos = Pos::new(sale);
    let mut effect = pos.handle(Input::Start);
    for answer in card(0x80, aip) {
        assert!(matches!(effect, Effect::Chip(_)), "{effect:?}");
        effect = pos.handle(Input::Chip(answer));
    }
    let request = sent(&effect);
    (pos, request)
}

fn sent(effect: &Effect) -> Message {
    match effect {
        Effect::Ask { request: bytes, .. } | Effect::Reverse(bytes) => {
            Message::parse(bytes).unwrap_or_default()
        }
        other => panic!("nothing for the issuer: {other:?}"),
    }
}

fn answer(request: &Message, mti: [u8; 4], code: &str) -> Vec<u8> {
    let mut answer = Message {
        mti,
        ..request.clone()
    };
    for field in [14, 22, 55, 90] {
        answer.fields.remove(&field);
    }
    answer
        .with(39, code)
        .with(38, *b"123456")
        .encode()
        .unwrap_or_default()
}

#[test]
fn the_issuers_word_is_shown() {
    let (mut pos, request) = asked();
    assert_eq!(request.mti, *b"0100");
    assert_eq!(request.text(4), Some("000000001250"));
    assert_eq!(pos.token(), Some("6299000012345678"));
    let approved = pos.handle(Input::Issuer(answer(&request, *b"0110", "00")));
    assert_eq!(
        approved,
        Effect::Show(Outcome::Approved {
            auth_code: "123456".into()
        })
    );
    let (mut pos, request) = asked();
    let declined = pos.handle(Input::Issuer(answer(&request, *b"0110", "05")));
    assert_eq!(
        declined,
        Effect::Show(Outcome::Declined { code: "05".into() })
    );
}

#[test]
fn a_time_out_is_reversed_until_the_reversal_is_taken() {
    let (mut pos, request) = asked();
    let first = sent(&pos.handle(Input::Timeout));
    assert_eq!((first.mti, first.field(37)), (*b"0400", request.field(37)));
    let second = sent(&pos.handle(Input::Timeout));
    assert_eq!(second.mti, *b"0401");
    let third = sent(&pos.handle(Input::Issuer(answer(&second, *b"0410", "05"))));
    assert_eq!(third.mti, *b"0401");
    assert_eq!(
        pos.handle(Input::Issuer(answer(&third, *b"0410", "00"))),
        Effect::Show(Outcome::Reversed)
    );
}

#[test]
fn an_answer_to_something_else_approves_nothing() {
    for change in [4_u8, 11, 37, 2] {
        let (mut pos, request) = asked();
        let mut other = request.clone();
        if let Some(digit) = other
            .fields
            .get_mut(&change)
            .and_then(|value| value.last_mut())
        {
            *digit = if *digit == b'9' { b'8' } else { b'9' };
        }
        let effect = pos.handle(Input::Issuer(answer(&other, *b"0110", "00")));
        assert_eq!(sent(&effect).mti, *b"0400", "field {change}");
    }
    let (mut pos, request) = asked();
    assert_eq!(
        sent(&pos.handle(Input::Issuer(answer(&request, *b"0410", "00")))).mti,
        *b"0400"
    );
    let (mut pos, _) = asked();
    assert_eq!(
        sent(&pos.handle(Input::Issuer(b"garbage".to_vec()))).mti,
        *b"0400"
    );
}

#[test]
fn a_chip_that_declines_or_errs_ends_the_payment_without_the_issuer() {
    let answers = card(0x00, 0x18);
    let mut pos = Pos::new(sale());
    pos.handle(Input::Start);
    let effects: Vec<_> = answers
        .into_iter()
        .map(|answer| pos.handle(Input::Chip(answer)))
        .collect();
    assert_eq!(effects.last(), Some(&Effect::Show(Outcome::CardUnusable)));
    for wrong in 0..5 {
        let mut pos = Pos::new(sale());
        let mut effect = pos.handle(Input::Start);
        for (place, answer) in card(0x80, 0x18).into_iter().enumerate() {
            effect = pos.handle(Input::Chip(if place == wrong {
                vec![0x69, 0x85]
            } else {
                answer
            }));
            if place == wrong {
                break;
            }
        }
        assert_eq!(
            effect,
            Effect::Show(Outcome::CardUnusable),
            "answer {wrong}"
        );
    }
}

#[test]
fn without_the_issuer_nothing_is_approved() {
    let (mut pos, _) = asked();
    assert!(!matches!(
        pos.handle(Input::Chip(vec![0x90, 0x00])),
        Effect::Show(Outcome::Approved { .. })
    ));
}

fn approved() -> Effect {
    Effect::Show(Outcome::Approved {
        auth_code: "123456".into(),
    })
}

const PROOF: [u8; 8] = [1, 2, 3, 4, 0, 0x80, 0, 0];

/// An approval with field 55, given to a terminal whose chip supports issuer authentication.
fn proven(field_55: &[u8]) -> (Pos, Effect) {
    let (mut pos, request) = asked_for(sale(), 0x1c);
    let bytes = answer(&request, *b"0110", "00");
    let message = Message::parse(&bytes)
        .unwrap_or_default()
        .with(55, field_55);
    let effect = pos.handle(Input::Issuer(message.encode().unwrap_or_default()));
    (pos, effect)
}

fn proof_object() -> Vec<u8> {
    [&[0x91, 8][..], &PROOF].concat()
}

//= spec/75-tap.md#tap-19-the-chip-hears-the-issuer
//= type=test
//# The POS MUST reverse an approval whose response cryptogram is missing, or refused by the chip, when the chip's interchange
//# profile supports issuer authentication.
#[test]
fn an_approval_that_the_chip_does_not_believe_is_reversed() {
    let command = [&[0x00, 0x82, 0, 0, 8][..], &PROOF].concat();
    for (response, believed) in [
        (Input::Chip(vec![0x90, 0]), true),
        (Input::CardGone, true),
        (Input::Chip(vec![0x63, 0]), false),
        (Input::Chip(vec![0x69, 0x85]), false),
        (Input::Chip(vec![]), false),
        (Input::Timeout, false),
    ] {
        let (mut pos, effect) = proven(&proof_object());
        assert_eq!(effect, Effect::Chip(command.clone()));
        let end = pos.handle(response.clone());
        if believed {
            assert_eq!(end, approved(), "{response:?}");
        } else {
            assert_eq!(sent(&end).mti, *b"0400", "{response:?}");
        }
    }
    for without in [
        &[][..],
        &[0x8a, 2, b'0', b'0'],
        &[0x91, 4, 1, 2, 3, 4],
        &[0x91, 8, 1],
    ] {
        assert_eq!(sent(&proven(without).1).mti, *b"0400", "{without:02x?}");
    }
}

#[test]
fn a_decline_needs_no_proof_and_a_chip_that_cannot_check_is_not_asked() {
    let (mut pos, request) = asked_for(sale(), 0x1c);
    let declined = pos.handle(Input::Issuer(answer(&request, *b"0110", "51")));
    assert_eq!(
        declined,
        Effect::Show(Outcome::Declined { code: "51".into() })
    );
    let (mut pos, request) = asked();
    let message = Message::parse(&answer(&request, *b"0110", "00"))
        .unwrap_or_default()
        .with(55, proof_object());
    let bytes = message.encode().unwrap_or_default();
    assert_eq!(pos.handle(Input::Issuer(bytes)), approved());
}

#[test]
fn a_financial_request_is_answered_and_reversed_under_its_own_type() {
    let sale = || Sale {
        kind: Kind::Financial,
        ..sale()
    };
    let (mut pos, request) = asked_for(sale(), 0x18);
    assert_eq!(request.mti, *b"0200");
    assert_eq!(
        pos.handle(Input::Issuer(answer(&request, *b"0210", "00"))),
        approved()
    );
    let (mut pos, request) = asked_for(sale(), 0x18);
    let reversal = sent(&pos.handle(Input::Issuer(answer(&request, *b"0110", "00"))));
    assert_eq!(
        reversal.text(90),
        Some("020000004211241200000000000000000000000000")
    );
}

#[test]
fn the_reversal_comes_with_the_request_and_is_the_one_that_is_sent() {
    let mut pos = Pos::new(sale());
    let mut effect = pos.handle(Input::Start);
    for answer in card(0x80, 0x18) {
        effect = pos.handle(Input::Chip(answer));
    }
    let Effect::Ask { request, reversal } = effect else {
        panic!("{effect:?}")
    };
    assert_eq!(
        pos.handle(Input::Timeout),
        Effect::Reverse(reversal.clone())
    );
    let Some(restored) = Reversal::restored(&reversal) else {
        panic!("it reads as it was written")
    };
    assert_eq!(restored.first(), reversal);
    assert_eq!(
        pos.handle(Input::Timeout),
        Effect::Reverse(restored.again())
    );
    assert_eq!(restored.name(), "SHOP0001|SHOP           |000000000042");
    assert_eq!(Reversal::restored(&request), None);
    assert_eq!(Reversal::restored(b""), None);
}

//= spec/75-tap.md#tap-22-an-answer-finds-its-request
//= type=test
//# The POS MUST take an answer only for the request with its message class and its fields 11, 37, 41 and 42.
#[test]
fn an_answer_has_the_name_of_its_request_and_no_other() {
    let (_, request) = asked();
    let bytes = request.encode().unwrap_or_default();
    let name = host::asked(&bytes);
    assert!(name.is_ok());
    assert_eq!(host::answered(&answer(&request, *b"0110", "00")), name);
    assert_ne!(host::answered(&answer(&request, *b"0210", "00")), name);
    assert_eq!(host::answered(&bytes), Err(Malformed));
    for field in [11_u8, 37, 41, 42] {
        let mut other = request.clone();
        let value = other.fields.get_mut(&field);
        if let Some(last) = value.and_then(|value| value.last_mut()) {
            *last = b'7';
        }
        let answer = answer(&other, *b"0110", "00");
        assert_ne!(host::answered(&answer), name, "{field}");
    }
}
