//! All six roles as they are, without sockets: the four flows, what stands in the way of them, and torn chips.
//!
//! [`Town`] carries messages between the cores and commits what they decide; everything else is theirs.

mod pans;

use std::collections::BTreeMap;

use kaika_crypto::chip::ChipKeys;
use kaika_crypto::{ChipMasterKey, IssuerMasterKey};
use kaika_pos::{Effect as PosEffect, Kind, Outcome, Pos, Sale};
use kaika_secure_element::Chip;
use kaika_secure_element::image::State;
use kaika_secure_element::journal::MemoryFlash;
use kaika_spec::Role;
use kaika_terminal::apply::{Apply, Profile};
use kaika_terminal::pay::{Pay, Wanted};
use kaika_terminal::{Card, Effect, Failure, Http, Input};
use kaika_wire::core::{Caller, Core, Input as CoreInput, Reply, Request};
use kaika_wire::dice::Dice;
use kaika_wire::front::Signed;
use kaika_wire::iso8583::Message;
use kaika_wire::memory::MemoryRows;
use kaika_wire::problem;
use serde_json::{Value, json};

const SE_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const NOW: i64 = 1_800_000_000_000;

struct Server {
    core: Box<dyn Core>,
    rows: MemoryRows,
}

/// Everybody, and the wires between them.
struct Town {
    servers: BTreeMap<&'static str, Server>,
    issuer: kaika_issuer::Issuer,
    sms: Vec<(String, String)>,
    said: Vec<String>,
    dice: Dice,
    now: i64,
}

fn issuer_config() -> kaika_issuer::Config {
    kaika_issuer::Config {
        verifier_key: [1; 32],
        operator_key: [2; 32],
        kmc: ChipMasterKey::new([3; 16]),
        imk: IssuerMasterKey::new([4; 16]),
        vault: kaika_issuer::Vault::standard([10; 32]),
    }
}

fn town() -> Town {
    let identity = kaika_identity::Config {
        verifier_key: [5; 32],
        issuer_key: [6; 32],
        operator_key: [7; 32],
    };
    let simulator = Box::new(kaika_identity::matcher::Simulator);
    let verifier = kaika_verifier::Config {
        operator_key: [8; 32],
        secret: [9; 32],
    };
    let cores: [(&'static str, Box<dyn Core>); 3] = [
        (
            "issuer",
            Box::new(kaika_issuer::Issuer::new(issuer_config())),
        ),
        (
            "identity",
            Box::new(kaika_identity::Identity::new(identity, simulator)),
        ),
        (
            "verifier",
            Box::new(kaika_verifier::Verifier::new(verifier)),
        ),
    ];
    let servers = cores
        .into_iter()
        .map(|(name, core)| {
            (
                name,
                Server {
                    core,
                    rows: MemoryRows::default(),
                },
            )
        })
        .collect();
    let issuer = kaika_issuer::Issuer::new(issuer_config());
    let mut town = Town {
        servers,
        issuer,
        sms: vec![],
        said: vec![],
        dice: Dice::new([42; 32]),
        now: NOW,
    };
    town.enrol();
    town
}

fn applicant(name: &str, id_no: &str) -> Value {
    json!({"name": name, "id_type": "resident-id", "id_no": id_no, "id_valid_to": "2040-01-01"})
}

const ALICE: (&str, &str) = ("Alice", "110101199001011234");
const BOB: (&str, &str) = ("Bob", "110101199202022345");

impl Town {
    /// Alice is a customer of the bank, Bob is not; both have accounts, and the identity system knows both.
    fn enrol(&mut self) {
        let salt = [7; 16];
        let stored = kaika_terminal::password::stored("correct horse", &salt).map(hex::encode);
        for (account, (name, id_no)) in [("alice", ALICE), ("bob", BOB)] {
            let who = applicant(name, id_no);
            let body = json!({"account_id": account, "applicant": who, "salt": hex::encode(salt), "stored_key": stored});
            assert_eq!(self.operator("verifier", "/v1/accounts", &body).status, 201);
            let body = json!({"applicant": who, "face": format!("face-of-{account}")});
            assert_eq!(self.operator("identity", "/v1/persons", &body).status, 201);
        }
        let body = json!({"applicant": applicant(ALICE.0, ALICE.1), "phone": "+8613800000001"});
        assert_eq!(self.operator("issuer", "/v1/customers", &body).status, 201);
    }

    fn operator(&mut self, to: &str, path: &str, body: &Value) -> Reply {
        self.say(to, Caller::Known(Role::Operator), "POST", path, body, None)
    }

    fn say(
        &mut self,
        to: &str,
        caller: Caller,
        method: &'static str,
        path: &str,
        body: &Value,
        key: Option<[u8; 32]>,
    ) -> Reply {
        let body = if body.is_null() {
            vec![]
        } else {
            body.to_string().into_bytes()
        };
        let (time, idempotency_key) = (
            self.now,
            if method == "POST" {
                self.dice.id()
            } else {
                String::new()
            },
        );
        let signed = Signed {
            caller: "terminal",
            method,
            path,
            time,
            idempotency_key: &idempotency_key,
            body: &body,
        };
        let mac = key.map(|key| signed.mac(&key));
        let request = Request {
            caller,
            method,
            path: path.into(),
            time,
            idempotency_key,
            mac,
            body,
        };
        self.decide(to, CoreInput::Request(request))
    }

    /// One input of a server, and all that follows from it.
    fn decide(&mut self, to: &str, input: CoreInput) -> Reply {
        let Some(server) = self.servers.get_mut(to) else {
            panic!("no {to}")
        };
        let before = server.rows.clone();
        let change = match server
            .core
            .decide(&server.rows, self.now, &mut self.dice, &input)
        {
            Ok(change) => change,
            Err(refused) => {
                assert_eq!(server.rows, before);
                return self.heard(problem::reply(refused.refusal, refused.detail.as_deref()));
            }
        };
        server.rows.apply(&change.writes);
        if let Some(reply) = change.reply {
            return self.heard(reply);
        }
        let Some(call) = change.calls.first().cloned() else {
            panic!("neither answer nor call")
        };
        let from = if to == "issuer" {
            Role::Issuer
        } else {
            Role::Verifier
        };
        let answer = self.call(from, &call);
        self.decide(
            to,
            CoreInput::Answer {
                call: call.id,
                status: answer.status,
                body: answer.body,
            },
        )
    }

    fn call(&mut self, from: Role, call: &kaika_wire::core::Call) -> Reply {
        self.said.push(call.body.to_string());
        if call.to == "sms" {
            let text = |name: &str| call.body[name].as_str().unwrap_or_default().to_owned();
            self.sms.push((text("to"), text("text")));
            return Reply {
                status: 200,
                body: json!({}),
            };
        }
        self.say(
            &call.to.clone(),
            Caller::Known(from),
            "POST",
            &call.path,
            &call.body,
            None,
        )
    }

    fn heard(&mut self, reply: Reply) -> Reply {
        self.said.push(reply.body.to_string());
        reply
    }

    fn http(&mut self, http: &Http) -> Input {
        let reply = self.say(
            "verifier",
            Caller::Terminal,
            http.method,
            &http.path,
            &http.body,
            http.key,
        );
        Input::Answer {
            status: reply.status,
            body: reply.body,
        }
    }

    fn last_code(&self) -> String {
        let text = self
            .sms
            .last()
            .map(|(_, text)| text.clone())
            .unwrap_or_default();
        text.chars().filter(char::is_ascii_digit).take(6).collect()
    }

    /// Carries a card request to its end. `person` answers what is asked.
    fn apply(
        &mut self,
        apply: &mut Apply,
        chip: &mut Chip<MemoryFlash>,
        person: &Person,
    ) -> Effect {
        let mut effect = apply.handle(Input::Start);
        for _ in 0..60 {
            let input = match effect {
                Effect::Send(http) => self.http(&http),
                Effect::Chip(commands) | Effect::Sign(commands) => given(chip, &commands),
                Effect::AskCode { .. } => Input::Code(self.last_code()),
                Effect::AskPhotos => Input::Photos(person.front(), b"back".to_vec()),
                Effect::AskFrames { actions } => {
                    Input::Frames(actions.iter().map(|action| person.frame(action)).collect())
                }
                other => return other,
            };
            effect = apply.handle(input);
        }
        effect
    }

    fn pay(&mut self, chip: &mut Chip<MemoryFlash>, wanted: Wanted) -> Effect {
        let mut pay = Pay::new(wanted);
        let mut effect = pay.handle(Input::Start);
        loop {
            let input = match effect {
                Effect::Send(http) => self.http(&http),
                Effect::Sign(commands) => given(chip, &commands),
                end => return end,
            };
            effect = pay.handle(input);
        }
    }

    fn authorise(&mut self, frame: &[u8]) -> Vec<u8> {
        let Some(server) = self.servers.get_mut("issuer") else {
            panic!("an issuer")
        };
        let answered = self
            .issuer
            .authorise(&server.rows, self.now, &mut self.dice, frame);
        let Ok(answered) = answered else {
            panic!("a readable frame")
        };
        server.rows.apply(&answered.writes);
        answered.answer
    }

    fn tap(&mut self, chip: &mut Chip<MemoryFlash>, sale: Sale) -> Outcome {
        let mut pos = Pos::new(sale);
        let mut effect = pos.handle(kaika_pos::Input::Start);
        loop {
            effect = match effect {
                PosEffect::Chip(command) => {
                    pos.handle(kaika_pos::Input::Chip(send(chip, &command)))
                }
                PosEffect::Ask { request: bytes, .. } | PosEffect::Reverse(bytes) => {
                    let answer = self.authorise(&bytes);
                    pos.handle(kaika_pos::Input::Issuer(answer))
                }
                PosEffect::Show(outcome) => return outcome,
            };
        }
    }

    fn available(&mut self, card: &Card) -> u64 {
        let path = format!("/v1/cards/{}", card.card_code);
        let reply = self.say(
            "issuer",
            Caller::Known(Role::Operator),
            "GET",
            &path,
            &Value::Null,
            None,
        );
        reply.body["available_minor"].as_u64().unwrap_or_default()
    }

    fn token_state(&mut self, card: &Card) -> String {
        let path = format!("/v1/tokens/{}", card.token_ref);
        let reply = self.say(
            "issuer",
            Caller::Known(Role::Operator),
            "GET",
            &path,
            &Value::Null,
            None,
        );
        reply.body["state"].as_str().unwrap_or_default().to_owned()
    }
}

struct Person {
    account: &'static str,
    name: &'static str,
    id_no: &'static str,
    face: &'static str,
}

const ALICE_HERSELF: Person = Person {
    account: "alice",
    name: ALICE.0,
    id_no: ALICE.1,
    face: "face-of-alice",
};
const BOB_HIMSELF: Person = Person {
    account: "bob",
    name: BOB.0,
    id_no: BOB.1,
    face: "face-of-bob",
};

impl Person {
    fn front(&self) -> Vec<u8> {
        format!(
            "face: {}\nname: {}\nid_no: {}\n",
            self.face, self.name, self.id_no
        )
        .into_bytes()
    }

    fn frame(&self, action: &str) -> Vec<u8> {
        format!("face: {}\naction: {action}\n", self.face).into_bytes()
    }

    fn profile(&self) -> Profile {
        let Ok(applicant) = serde_json::from_value(applicant(self.name, self.id_no)) else {
            panic!("an applicant")
        };
        Profile {
            account_id: self.account.into(),
            password: "correct horse".into(),
            device_id: "phone-1".into(),
            se_id: hex::encode(SE_ID),
            product: "debit".into(),
            tos_version: "1".into(),
            applicant,
        }
    }

    fn wants(&self, card: &Card, amount_minor: u64) -> Wanted {
        Wanted {
            account_id: self.account.into(),
            password: "correct horse".into(),
            card_code: card.card_code.clone(),
            payee: "book-shop".into(),
            amount_minor,
            currency: "156".into(),
        }
    }
}

fn chip_over(flash: MemoryFlash) -> Chip<MemoryFlash> {
    let keys = ChipKeys::derive(&ChipMasterKey::new([3; 16]), &SE_ID);
    match Chip::new(keys, SE_ID, flash) {
        Ok(chip) => chip,
        Err(damaged) => panic!("{damaged:?}"),
    }
}

fn send(chip: &mut Chip<MemoryFlash>, command: &[u8]) -> Vec<u8> {
    let mut out = [0; 258];
    let length = chip.process(command, &mut out);
    out[..length].to_vec()
}

fn given(chip: &mut Chip<MemoryFlash>, commands: &[Vec<u8>]) -> Input {
    Input::Chip(commands.iter().map(|command| send(chip, command)).collect())
}

fn sale(number: u32, amount_minor: u64) -> Sale {
    Sale {
        kind: Kind::Authorisation,
        amount_minor,
        currency: "156".into(),
        country: "156".into(),
        at: "1124120000".into(),
        date: "261124".into(),
        unpredictable_number: number.to_be_bytes(),
        stan: format!("{number:06}"),
        reference: format!("{number:012}"),
        terminal: "POS00001".into(),
        shop: "NOODLE-BAR".into(),
    }
}

fn issued(town: &mut Town, chip: &mut Chip<MemoryFlash>, person: &Person) -> Card {
    let mut apply = Apply::new(person.profile(), [person.account.len() as u8; 16]);
    match town.apply(&mut apply, chip, person) {
        Effect::Ready(card) => card,
        other => panic!("{other:?}"),
    }
}

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

/// Power is cut at every word of a payment: a counter that was shown never comes again.
#[test]
fn a_counter_never_comes_again() {
    let mut town = town();
    let mut chip = chip_over(MemoryFlash::default());
    issued(&mut town, &mut chip, &ALICE_HERSELF);
    let bytes = *chip.flash().bytes();
    for cut in 0..12 {
        let mut chip = chip_over(MemoryFlash::with(bytes).cut_after(cut));
        town.tap(&mut chip, sale(u32::try_from(cut).unwrap_or(0), 1));
        let shown = chip.image().slots[0].atc;
        let after = chip_over(MemoryFlash::with(*chip.flash().bytes()))
            .image()
            .slots[0]
            .atc;
        assert!(after >= shown, "cut at {cut}: {shown} then {after}");
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
