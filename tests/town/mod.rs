//! All servers without sockets, and the wires between them. Start at [`Town`].

use std::collections::BTreeMap;

use kaika_crypto::chip::ChipKeys;
use kaika_crypto::{ChipMasterKey, IssuerMasterKey};
use kaika_pos::{Effect as PosEffect, Kind, Outcome, Pos, Sale};
use kaika_secure_element::Chip;
use kaika_secure_element::journal::MemoryFlash;
use kaika_spec::Role;
use kaika_terminal::apply::{Apply, Profile};
use kaika_terminal::pay::{Pay, Wanted};
use kaika_terminal::{Card, Effect, Http, Input};
use kaika_wire::core::{Caller, Core, Input as CoreInput, Reply, Request};
use kaika_wire::dice::Dice;
use kaika_wire::front::Signed;
use kaika_wire::memory::MemoryRows;
use kaika_wire::problem;
use serde_json::{Value, json};

pub(crate) const SE_ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
pub(crate) const NOW: i64 = 1_800_000_000_000;

pub(crate) struct Server {
    pub(crate) core: Box<dyn Core>,
    pub(crate) rows: MemoryRows,
}

/// Everybody, and the wires between them.
pub(crate) struct Town {
    pub(crate) servers: BTreeMap<&'static str, Server>,
    pub(crate) issuer: kaika_issuer::Issuer,
    pub(crate) sms: Vec<(String, String)>,
    pub(crate) said: Vec<String>,
    pub(crate) dice: Dice,
    pub(crate) now: i64,
}

pub(crate) fn issuer_config() -> kaika_issuer::Config {
    kaika_issuer::Config {
        verifier_key: [1; 32],
        operator_key: [2; 32],
        kmc: ChipMasterKey::new([3; 16]),
        imk: IssuerMasterKey::new([4; 16]),
        vault: kaika_issuer::Vault::standard([10; 32]),
    }
}

pub(crate) fn town() -> Town {
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

pub(crate) fn applicant(name: &str, id_no: &str) -> Value {
    json!({"name": name, "id_type": "resident-id", "id_no": id_no, "id_valid_to": "2040-01-01"})
}

pub(crate) const ALICE: (&str, &str) = ("Alice", "110101199001011234");
pub(crate) const BOB: (&str, &str) = ("Bob", "110101199202022345");

impl Town {
    /// Alice is a customer of the bank, Bob is not; both have accounts, and the identity system knows both.
    pub(crate) fn enrol(&mut self) {
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

    pub(crate) fn operator(&mut self, to: &str, path: &str, body: &Value) -> Reply {
        self.say(to, Caller::Known(Role::Operator), "POST", path, body, None)
    }

    pub(crate) fn say(
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
    pub(crate) fn decide(&mut self, to: &str, input: CoreInput) -> Reply {
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

    pub(crate) fn call(&mut self, from: Role, call: &kaika_wire::core::Call) -> Reply {
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

    pub(crate) fn heard(&mut self, reply: Reply) -> Reply {
        self.said.push(reply.body.to_string());
        reply
    }

    pub(crate) fn http(&mut self, http: &Http) -> Input {
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

    pub(crate) fn last_code(&self) -> String {
        let text = self
            .sms
            .last()
            .map(|(_, text)| text.clone())
            .unwrap_or_default();
        text.chars().filter(char::is_ascii_digit).take(6).collect()
    }

    /// Carries a card request to its end. `person` answers what is asked.
    pub(crate) fn apply(
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

    pub(crate) fn pay(&mut self, chip: &mut Chip<MemoryFlash>, wanted: Wanted) -> Effect {
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

    pub(crate) fn authorise(&mut self, frame: &[u8]) -> Vec<u8> {
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

    pub(crate) fn tap(&mut self, chip: &mut Chip<MemoryFlash>, sale: Sale) -> Outcome {
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

    pub(crate) fn available(&mut self, card: &Card) -> u64 {
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

    pub(crate) fn token_state(&mut self, card: &Card) -> String {
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

pub(crate) struct Person {
    pub(crate) account: &'static str,
    pub(crate) name: &'static str,
    pub(crate) id_no: &'static str,
    pub(crate) face: &'static str,
}

pub(crate) const ALICE_HERSELF: Person = Person {
    account: "alice",
    name: ALICE.0,
    id_no: ALICE.1,
    face: "face-of-alice",
};
pub(crate) const BOB_HIMSELF: Person = Person {
    account: "bob",
    name: BOB.0,
    id_no: BOB.1,
    face: "face-of-bob",
};

impl Person {
    pub(crate) fn front(&self) -> Vec<u8> {
        format!(
            "face: {}\nname: {}\nid_no: {}\n",
            self.face, self.name, self.id_no
        )
        .into_bytes()
    }

    pub(crate) fn frame(&self, action: &str) -> Vec<u8> {
        format!("face: {}\naction: {action}\n", self.face).into_bytes()
    }

    pub(crate) fn profile(&self) -> Profile {
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

    pub(crate) fn wants(&self, card: &Card, amount_minor: u64) -> Wanted {
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

pub(crate) fn chip_over(flash: MemoryFlash) -> Chip<MemoryFlash> {
    let keys = ChipKeys::derive(&ChipMasterKey::new([3; 16]), &SE_ID);
    match Chip::new(keys, SE_ID, flash) {
        Ok(chip) => chip,
        Err(damaged) => panic!("{damaged:?}"),
    }
}

pub(crate) fn send(chip: &mut Chip<MemoryFlash>, command: &[u8]) -> Vec<u8> {
    let mut out = [0; 258];
    let length = chip.process(command, &mut out);
    out[..length].to_vec()
}

pub(crate) fn given(chip: &mut Chip<MemoryFlash>, commands: &[Vec<u8>]) -> Input {
    Input::Chip(commands.iter().map(|command| send(chip, command)).collect())
}

pub(crate) fn sale(number: u32, amount_minor: u64) -> Sale {
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

pub(crate) fn issued(town: &mut Town, chip: &mut Chip<MemoryFlash>, person: &Person) -> Card {
    let mut apply = Apply::new(person.profile(), [person.account.len() as u8; 16]);
    match town.apply(&mut apply, chip, person) {
        Effect::Ready(card) => card,
        other => panic!("{other:?}"),
    }
}
