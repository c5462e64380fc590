//! Histories of a payment.

use super::*;
use kaika_apdu::tlv::Writer;

fn sale() -> Sale {
    Sale {
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

/// The chip's answers up to the cryptogram, which is of this kind.
fn card(kind: u8) -> Vec<Vec<u8>> {
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
                w.put(Tag::AIP, &[0x18, 0])?;
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
    let mut pos = Pos::new(sale());
    let mut effect = pos.handle(Input::Start);
    for answer in card(0x80) {
        assert!(matches!(effect, Effect::Chip(_)), "{effect:?}");
        effect = pos.handle(Input::Chip(answer));
    }
    let request = sent(&effect);
    (pos, request)
}

fn sent(effect: &Effect) -> Message {
    match effect {
        Effect::Issuer(bytes) => Message::parse(bytes).unwrap_or_default(),
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
    let answers = card(0x00);
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
        for (place, answer) in card(0x80).into_iter().enumerate() {
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
