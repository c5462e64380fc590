//! All six roles as they are, without sockets: the four flows, what stands in the way of them, and torn chips.
//!
//! [`Town`] (in `town`) carries messages between the cores and commits what they decide; everything else is theirs.

mod pans;
mod town;

use kaika_pos::{Effect as PosEffect, Outcome, Pos};
use kaika_secure_element::Chip;
use kaika_secure_element::image::State;
use kaika_secure_element::journal::MemoryFlash;
use kaika_terminal::apply::Apply;
use kaika_terminal::pay::Pay;
use kaika_terminal::{Effect, Failure, Http, Input};
use kaika_wire::iso8583::Message;
use serde_json::{Value, json};

use town::*;

#[test]
fn a_customer_whom_the_issuer_knows_gets_a_card_and_pays_with_it() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    assert_eq!(
        town.sms
            .iter()
            .map(|(to, _)| to.as_str())
            .collect::<Vec<_>>(),
        ["+8613800000001"]
    );
    assert_eq!(town.token_state(&card), "active");
    let start = town.available(&card);
    assert!(matches!(
        town.pay(&mut chip, ALICE_HERSELF.wants(&card, 1_250)),
        Effect::Paid { .. }
    ));
    assert!(matches!(
        town.tap(&mut chip, sale(1, 700)),
        Outcome::Approved { .. }
    ));
    assert!(matches!(
        town.tap(&mut chip, sale(2, 50)),
        Outcome::Approved { .. }
    ));
    assert_eq!(start - town.available(&card), 2_000);
}

#[test]
fn a_first_card_customer_gets_a_card_by_photos_and_video() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &BOB_HIMSELF);
    assert!(town.sms.is_empty());
    assert!(matches!(
        town.tap(&mut chip, sale(1, 700)),
        Outcome::Approved { .. }
    ));
    assert_eq!(town.token_state(&card), "active");
}

#[test]
fn another_face_gets_no_card() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let impostor = Person {
        face: "face-of-mallory",
        ..BOB_HIMSELF
    };
    let mut apply = Apply::new(impostor.profile(), [1; 16]);
    let end = town.apply(&mut apply, &mut chip, &impostor);
    assert!(
        matches!(&end, Effect::Failed(Failure::Refused { code, .. }) if code == "declined"),
        "{end:?}"
    );
    assert!(
        chip.image()
            .slots
            .iter()
            .all(|slot| slot.state == State::Empty)
    );
}

#[test]
fn another_persons_name_gets_no_further() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let mallory = Person {
        account: "bob",
        ..ALICE_HERSELF
    };
    let mut apply = Apply::new(mallory.profile(), [1; 16]);
    let end = town.apply(&mut apply, &mut chip, &mallory);
    assert!(
        matches!(&end, Effect::Failed(Failure::Refused { code, .. }) if code == "ineligible"),
        "{end:?}"
    );
    assert!(town.sms.is_empty());
}

#[test]
fn a_second_card_of_the_same_product_is_refused() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut town, &mut chip, &ALICE_HERSELF);
    let mut again = Apply::new(ALICE_HERSELF.profile(), [2; 16]);
    let end = town.apply(&mut again, &mut chip, &ALICE_HERSELF);
    assert!(
        matches!(&end, Effect::Failed(Failure::Refused { code, .. }) if code == "declined"),
        "{end:?}"
    );
}

#[test]
fn a_lost_card_pays_nowhere() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    let path = format!("/v1/cards/{}/status", card.card_code);
    assert_eq!(
        town.operator("issuer", &path, &json!({"status": "lost"}))
            .status,
        200
    );
    let paid = town.pay(&mut chip, ALICE_HERSELF.wants(&card, 100));
    assert_eq!(paid, Effect::Declined);
    assert_eq!(
        town.tap(&mut chip, sale(1, 100)),
        Outcome::Declined { code: "62".into() }
    );
    assert_eq!(
        town.operator("issuer", &path, &json!({"status": "active"}))
            .status,
        409
    );
}

#[test]
fn an_expired_token_pays_nowhere() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut town, &mut chip, &ALICE_HERSELF);
    let year = 365 * 86_400_000;
    town.now = NOW + 5 * year - 1;
    let taken = town.tap(&mut chip, sale(1, 100));
    assert!(matches!(taken, Outcome::Approved { .. }), "{taken:?}");
    town.now = NOW + 5 * year;
    let refused = Outcome::Declined { code: "54".into() };
    assert_eq!(town.tap(&mut chip, sale(2, 100)), refused);
}

#[test]
fn a_suspended_token_pays_again_only_when_all_have_resumed_it() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    let by = |town: &mut Town, what: &str, who: &str| {
        let path = format!("/v1/tokens/{}/{what}", card.token_ref);
        town.operator("issuer", &path, &json!({"by": who})).status
    };
    assert_eq!(by(&mut town, "suspend", "issuer"), 200);
    assert_eq!(by(&mut town, "suspend", "fraud"), 200);
    assert_eq!(
        by(&mut town, "suspend", "user"),
        401,
        "the back office does not speak for the cardholder"
    );
    assert_eq!(by(&mut town, "resume", "issuer"), 200);
    assert_eq!(
        town.tap(&mut chip, sale(1, 100)),
        Outcome::Declined { code: "62".into() }
    );
    assert_eq!(by(&mut town, "resume", "fraud"), 200);
    assert!(matches!(
        town.tap(&mut chip, sale(2, 100)),
        Outcome::Approved { .. }
    ));
}

#[test]
fn the_same_request_is_approved_once_and_a_replayed_counter_never() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    let mut pos = Pos::new(sale(1, 100));
    let mut effect = pos.handle(kaika_pos::Input::Start);
    let request = loop {
        match effect {
            PosEffect::Chip(command) => {
                effect = pos.handle(kaika_pos::Input::Chip(send(&mut chip, &command)))
            }
            PosEffect::Ask { request, .. } => break request,
            other => panic!("{other:?}"),
        }
    };
    let asked = Message::parse(&request).unwrap_or_default();
    let told = |town: &mut Town, message: Message| {
        let answer = town.authorise(&message.encode().unwrap_or_default());
        Message::parse(&answer)
            .unwrap_or_default()
            .fields
            .remove(&39)
    };
    let dearer = asked.clone().with(37, *b"000000000098");
    let dearer = dearer.with(4, *b"000000000900");
    assert_eq!(told(&mut town, dearer).as_deref(), Some(&b"82"[..]));
    let first = town.authorise(&request);
    let after = town.available(&card);
    assert_eq!(town.authorise(&request), first);
    assert_eq!(town.available(&card), after);
    let replay = asked.with(37, *b"000000000099");
    assert_eq!(told(&mut town, replay).as_deref(), Some(&b"82"[..]));
    assert_eq!(town.available(&card), after);
}

#[test]
fn a_reversal_gives_back_once_and_one_that_overtakes_leaves_a_tombstone() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    let start = town.available(&card);
    let request = Message::new(*b"0400")
        .with(2, *b"6299000000000000")
        .with(3, *b"000000")
        .with(4, *b"000000000100")
        .with(7, *b"1124120000")
        .with(11, *b"000009")
        .with(37, *b"000000000009")
        .with(41, *b"POS00001")
        .with(42, *b"NOODLE-BAR     ")
        .with(49, *b"156")
        .with(90, format!("01000000091124120000{}", "0".repeat(22)));
    let reversal = request.encode().unwrap_or_default();
    town.authorise(&reversal);
    assert_eq!(
        town.tap(&mut chip, sale(9, 100)),
        Outcome::Declined { code: "05".into() }
    );
    assert!(matches!(
        town.tap(&mut chip, sale(10, 100)),
        Outcome::Approved { .. }
    ));
    let second = request
        .with(37, *b"000000000010")
        .with(11, *b"000010")
        .with(90, format!("01000000101124120000{}", "0".repeat(22)))
        .encode()
        .unwrap_or_default();
    town.authorise(&second);
    town.authorise(&second);
    assert_eq!(town.available(&card), start);
}

/// The answer to a payment is lost on its way: the terminal does not know, asks again, and is told what became of it. The
/// money moved once.
#[test]
fn a_payment_without_an_answer_is_neither_failed_nor_made_twice() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    let start = town.available(&card);
    let mut pay = Pay::new(ALICE_HERSELF.wants(&card, 100));
    let mut effect = pay.handle(Input::Start);
    let mut payment = None;
    let asked = loop {
        effect = match effect {
            Effect::Send(http) if http.path.ends_with("/pay") => {
                town.http(&http);
                payment = Some(http);
                pay.handle(Input::Silence)
            }
            Effect::Send(http) => pay.handle(town.http(&http)),
            Effect::Sign(commands) => pay.handle(given(&mut chip, &commands)),
            end => break end,
        };
    };
    assert_eq!(asked, Effect::Unknown);
    let Some(payment) = payment else {
        panic!("no payment went out")
    };
    let order = Http {
        method: "GET",
        path: payment.path.trim_end_matches("/pay").into(),
        body: Value::Null,
        key: None,
        again: None,
    };
    let told = town.http(&order);
    assert!(matches!(pay.handle(told), Effect::Paid { .. }));
    assert_eq!(start - town.available(&card), 100);
}

/// Power is cut at every word that provisioning writes; the request is taken up again each time and ends with one
/// active token in one slot.
#[test]
fn a_chip_torn_at_any_word_is_provisioned_in_the_end() {
    let mut whole = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut whole, &mut chip, &ALICE_HERSELF);
    let words = chip.flash().words_written;
    // The channel's counter, the staged token, the active token.
    assert_eq!(words, 5 + 29 + 29);
    for cut in 0..words {
        let mut town = town();
        let mut torn = chip_over(MemoryFlash::default().cut_after(cut));
        let mut apply = Apply::new(ALICE_HERSELF.profile(), [5; 16]);
        let first = town.apply(&mut apply, &mut torn, &ALICE_HERSELF);
        let bytes = *torn.flash().bytes();
        let mut chip = chip_over(MemoryFlash::with(bytes));
        let slots = |chip: &Chip<MemoryFlash>| chip.image().slots.map(|slot| slot.state);
        assert!(slots(&chip)[1..].iter().all(|state| *state == State::Empty));
        let Some(kept) = apply.kept().cloned() else {
            panic!("{first:?}")
        };
        let mut resumed = Apply::resume(ALICE_HERSELF.profile(), kept);
        let end = town.apply(&mut resumed, &mut chip, &ALICE_HERSELF);
        let Effect::Ready(card) = end else {
            panic!("cut at {cut}: {end:?}")
        };
        assert_eq!(
            slots(&chip),
            [State::Active, State::Empty, State::Empty, State::Empty],
            "cut at {cut}"
        );
        assert_eq!(town.token_state(&card), "active");
        assert!(matches!(
            town.tap(&mut chip, sale(1, 100)),
            Outcome::Approved { .. }
        ));
    }
}

/// Power is cut at every word of the first three payments: a counter that was shown never comes again.
#[test]
fn a_counter_never_comes_again() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut town, &mut chip, &ALICE_HERSELF);
    for payment in 0..3 {
        let bytes = *chip.flash().bytes();
        for cut in 0..12 {
            let mut chip = chip_over(MemoryFlash::with(bytes).cut_after(cut));
            town.tap(
                &mut chip,
                sale(payment * 100 + u32::try_from(cut).unwrap_or(0), 1),
            );
            let shown = chip.image().slots[0].atc;
            let after = chip_over(MemoryFlash::with(*chip.flash().bytes()))
                .image()
                .slots[0]
                .atc;
            assert!(
                after >= shown,
                "payment {payment}, cut at {cut}: {shown} then {after}"
            );
        }
        town.tap(&mut chip, sale(payment * 100 + 50, 1));
        assert_eq!(
            chip.image().slots[0].atc,
            u16::try_from(payment + 1).unwrap_or(0)
        );
    }
}

/// One first cryptogram for one counter, whatever is asked for.
#[test]
fn a_chip_gives_one_request_cryptogram_for_a_counter() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut town, &mut chip, &ALICE_HERSELF);
    assert!(matches!(
        town.tap(&mut chip, sale(1, 100)),
        Outcome::Approved { .. }
    ));
    for kind in [0x80, 0x40, 0x00] {
        let command = [&[0x80, 0xae, kind, 0x00, 29][..], &[0; 29], &[0]].concat();
        let answer = send(&mut chip, &command);
        let want: &[u8] = if kind == 0x80 {
            &[0x69, 0x85]
        } else {
            &[0x67, 0x00]
        };
        assert_eq!(answer, want, "{kind:02x}");
    }
    send(
        &mut chip,
        &[&[0x80, 0xa8, 0, 0, 35, 0x83, 33][..], &[0; 33], &[0]].concat(),
    );
    for want in [0x9000_u16, 0x6985] {
        let command = [&[0x80, 0xae, 0x80, 0x00, 29][..], &[0; 29], &[0]].concat();
        assert!(send(&mut chip, &command).ends_with(&want.to_be_bytes()));
    }
}

/// Tokenization, tested by search: no message that leaves the issuer and no row that it stores holds a PAN.
#[test]
fn no_pan_leaves_the_issuer_or_is_stored() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    let card = issued(&mut town, &mut chip, &ALICE_HERSELF);
    town.pay(&mut chip, ALICE_HERSELF.wants(&card, 100));
    town.tap(&mut chip, sale(1, 100));
    let replaced = format!("/v1/cards/{}/replace", card.card_code);
    assert_eq!(town.operator("issuer", &replaced, &json!({})).status, 200);
    town.tap(&mut chip, sale(2, 100));
    let Some(issuer) = town.servers.get("issuer") else {
        panic!("an issuer")
    };
    assert!(town.said.len() > 10);
    let said = town.said.iter().map(String::as_bytes);
    assert_eq!(said.filter(|message| pans::stands_in(message)).count(), 0);
    assert_eq!(pans::in_rows(&issuer.rows), Vec::<String>::new());
}
