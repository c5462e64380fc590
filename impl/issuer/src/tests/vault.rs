//! The vault in the issuer: what is stored, what a token resolves to, what the operator does, and every refusal of it.

use kaika_crypto::chip::token_key;
use kaika_crypto::emv::{CryptogramInput, cryptogram};
use kaika_spec::TokenState;
use kaika_spec::limit::{BULK_MINT_MAX, PAN_BIN, REQUESTOR_ID};
use kaika_tokenization::{Lifecycle, lifecycle};
use kaika_wire::core::{Write, read};
use kaika_wire::iso8583::Message;

use super::*;
use crate::rows::{
    AccountRow, CARDS, Card, NUMBERS, ORDER, PANS, StateRow, TOKENS, Token, VAULT, VAULT_KEYS,
    VAULT_STATE,
};

/// Whether a PAN stands in `bytes`, as text, as hex text, or two digits in a byte.
fn is_in(pan: &str, bytes: &[u8]) -> bool {
    let packed = hex::decode(pan).unwrap_or_default();
    [
        pan.as_bytes().to_vec(),
        hex::encode(pan).into_bytes(),
        packed,
    ]
    .iter()
    .any(|form| bytes.windows(form.len()).any(|window| window == form))
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

impl Bench {
    fn row<T: serde::de::DeserializeOwned>(&self, table: &str, key: &str) -> T {
        match read(&self.rows, table, key) {
            Some(row) => row,
            None => panic!("no {table}/{key}"),
        }
    }

    fn pan(&self, token_ref: &str) -> Result<String, Refusal> {
        let pan = self.issuer.detokenise(&self.rows, token_ref)?;
        Ok(pan.expose().to_owned())
    }

    /// The token of request 1, active.
    fn active(&mut self) -> (Value, String) {
        let issued = self.issued(1);
        let token_ref = text(&issued, "token_ref");
        let mut token: Token = self.row(TOKENS, &token_ref);
        token.set_life(
            Lifecycle::born()
                .after(lifecycle::Event::Activate)
                .unwrap_or(Lifecycle::born()),
        );
        self.rows
            .apply(&[Write::put(TOKENS, token_ref.clone(), &token)]);
        (issued, token_ref)
    }

    /// A tap that the chip of this token would sign, with this counter.
    fn tap(&mut self, token_ref: &str, atc: u16) -> (String, Option<Refusal>) {
        let token: Token = self.row(TOKENS, token_ref);
        let (amount, zero, issuer_data) =
            ([0, 0, 0, 0, 0x10, 0], [0; 6], [6, 1, 0x12, 3, 0xa0, 0, 0]);
        let input = CryptogramInput {
            amount: &amount,
            amount_other: &zero,
            country: &[1, 0x56],
            tvr: &[0; 5],
            currency: &[1, 0x56],
            date: &[0x27, 1, 0x15],
            kind: 0,
            unpredictable_number: &[1, 2, 3, 4],
            interchange_profile: &[0x19, 0x80],
            atc,
            issuer_data: &issuer_data,
        };
        let key = token_key(&self.issuer.config.imk, &token.digits, 1);
        let mac = hex::encode(cryptogram(&key, &input));
        let data = format!(
            "9f02060000000010009f03060000000000009f1a0201569505{}5f2a0201569a032701159c01009f37040102030482021980\
             9f3602{atc:04x}9f2701809f2608{mac}9f100706011203a000005f340101",
            "00".repeat(5)
        );
        let message = Message::new(*b"0100")
            .with(2, token.digits)
            .with(3, *b"000000")
            .with(4, *b"000000001000")
            .with(7, *b"0115080000")
            .with(11, *b"000042")
            .with(14, token.expiry[..4].to_owned())
            .with(22, *b"071")
            .with(37, format!("{atc:012}"))
            .with(41, *b"SHOP0001")
            .with(42, *b"SHOP           ")
            .with(49, *b"156")
            .with(55, hex::decode(data).unwrap_or_default());
        let bytes = message.encode().unwrap_or_default();
        let judged = self
            .issuer
            .authorise(&self.rows, self.now, &mut self.dice, &bytes);
        let Ok(frame) = judged else {
            panic!("malformed")
        };
        self.rows.apply(&frame.writes);
        let answer = Message::parse(&frame.answer).unwrap_or_default();
        let code = answer.text(39).unwrap_or_default().to_owned();
        (code, frame.refusal)
    }
}

#[test]
fn a_pan_is_sealed_and_stands_nowhere_else() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let pan = bench.pan(&text(&issued, "token_ref")).unwrap_or_default();
    assert!(pan.starts_with(PAN_BIN) && is_in(&pan, hex::encode(&pan).as_bytes()));
    assert!(!is_in(&pan, format!("{:?}", bench.rows).as_bytes()));
    for table in [VAULT, ORDER, PANS, NUMBERS, CARDS, TOKENS, VAULT_KEYS] {
        let rows: Vec<_> = bench.rows.table(table).collect();
        assert!(!rows.is_empty(), "{table}");
        for (key, row) in rows {
            assert!(
                !is_in(&pan, key.as_bytes()) && !is_in(&pan, row),
                "{table}/{key}"
            );
        }
    }
}

#[test]
fn no_answer_of_the_issuer_holds_a_pan() {
    let mut bench = bench();
    let issued = bench.issued(1);
    let (token_ref, card_code) = (text(&issued, "token_ref"), text(&issued, "card_code"));
    let pan = bench.pan(&token_ref).unwrap_or_default();
    assert!(pan.starts_with(PAN_BIN));
    let replaced = format!("/v1/cards/{card_code}/replace");
    let answers = [
        issued,
        bench.get(&format!("/v1/issue/{}", id(1))),
        bench.get(&format!("/v1/cards/{card_code}")),
        bench.get(&format!("/v1/tokens/{token_ref}")),
        bench
            .operator(&replaced, &json!({}))
            .map(|said| said.1)
            .unwrap_or_default(),
    ];
    for answer in answers.map(|answer| answer.to_string()) {
        let is_of_it = answer.contains(&card_code) || answer.contains(&token_ref);
        assert!(is_of_it && !is_in(&pan, answer.as_bytes()), "{answer}");
    }
}

#[test]
fn a_token_says_for_whom_it_is_and_how_sure_that_is() {
    //= spec/40-issue.md#iss-39-how-sure-and-for-whom
    //= type=test
    //# The issuer MUST store requestor and assurance method with every token that it mints.
    let mut bench = bench();
    let issued = bench.issued(1);
    let token: Token = bench.row(TOKENS, &text(&issued, "token_ref"));
    assert_eq!(
        (token.requestor.as_str(), token.assurance.as_str()),
        (REQUESTOR_ID, "11")
    );
    let card: Card = bench.row(CARDS, &text(&issued, "card_code"));
    assert_eq!(token.par, card.par);
    let second = bench.more(&[(1, 2)]).unwrap_or_default();
    let token: Token = bench.row(TOKENS, second[0].as_str().unwrap_or_default());
    assert_eq!(
        (token.requestor.as_str(), token.assurance.as_str()),
        (REQUESTOR_ID, "10")
    );
    assert_eq!(token.par, card.par);
}

#[test]
fn a_tap_resolves_to_the_pan_of_the_day() {
    let mut bench = bench();
    let (issued, token_ref) = bench.active();
    assert_eq!(bench.tap(&token_ref, 1), ("00".into(), None));
    let first = bench.pan(&token_ref);
    let card_code = text(&issued, "card_code");
    let before: Card = bench.row(CARDS, &card_code);
    let replaced = bench.operator(&format!("/v1/cards/{card_code}/replace"), &json!({}));
    let want = json!({"card_code": card_code, "par": before.par});
    assert_eq!(replaced, Ok((200, want)));
    let second = bench.pan(&token_ref);
    assert!(first.is_ok() && second.is_ok() && first != second);
    assert_eq!(bench.tap(&token_ref, 2), ("00".into(), None));
    let after: Card = bench.row(CARDS, &card_code);
    assert_eq!(
        (&after.par, &after.agreement, &after.token_ref),
        (&before.par, &before.agreement, &before.token_ref)
    );
    assert_eq!(bench.rows.table(PANS).count(), 2);
}

#[test]
fn a_card_that_is_gone_gets_no_new_pan() {
    for status in ["lost", "stolen", "closed"] {
        let mut bench = bench();
        let card_code = text(&bench.issued(1), "card_code");
        let path = format!("/v1/cards/{card_code}");
        let set = bench.operator(&format!("{path}/status"), &json!({"status": status}));
        assert!(set.is_ok());
        let refused = bench.operator(&format!("{path}/replace"), &json!({}));
        assert_eq!(refused, Err(Refusal::IllegalTransition), "{status}");
    }
    let refused = bench().operator("/v1/cards/CAAAAAAAAAAAAAAAAAAAA/replace", &json!({}));
    assert_eq!(refused, Err(Refusal::UnknownCard));
}

#[test]
fn keys_change_while_tokens_pay() {
    let mut bench = bench();
    let (_, token_ref) = bench.active();
    let pan = bench.pan(&token_ref);
    assert_eq!(
        bench.operator("/v1/vault/rotate", &json!({})),
        Ok((200, json!({"left": 1})))
    );
    assert_eq!(
        bench.operator("/v1/vault/rotate", &json!({})),
        Err(Refusal::WrongOrder)
    );
    assert_eq!(bench.tap(&token_ref, 1), ("00".into(), None));
    assert_eq!(bench.pan(&token_ref), pan);
    assert_eq!(
        bench.operator("/v1/vault/reseal", &json!({})),
        Ok((200, json!({"left": 0})))
    );
    assert_eq!(bench.tap(&token_ref, 2), ("00".into(), None));
    assert_eq!(bench.pan(&token_ref), pan);
    let state: StateRow = bench.row(VAULT_STATE, "state");
    assert_eq!((state.current, state.previous), (2, 0));
    let names: Vec<&str> = bench.rows.table(VAULT_KEYS).map(|(name, _)| name).collect();
    assert_eq!(names, ["index", "vault-2"]);
    assert_eq!(
        bench.operator("/v1/vault/reseal", &json!({})),
        Ok((200, json!({"left": 0})))
    );
}

#[test]
fn without_the_root_key_nothing_is_decided_and_the_same_tap_may_come_again() {
    let mut bench = bench();
    let (issued, token_ref) = bench.active();
    let mut stranger = config();
    stranger.vault = Vault::standard([99; 32]);
    let issuer = core::mem::replace(&mut bench.issuer, Issuer::new(stranger));
    let before = bench.rows.clone();
    let why = Some(Refusal::VaultUnavailable);
    assert_eq!(bench.tap(&token_ref, 1), ("91".into(), why));
    let replace = format!("/v1/cards/{}/replace", text(&issued, "card_code"));
    for path in [replace.as_str(), "/v1/vault/rotate"] {
        let refused = bench.operator(path, &json!({}));
        assert_eq!(refused, Err(Refusal::VaultUnavailable), "{path}");
    }
    let message = json!({"tokens": [bench.wanted(1, 2)]});
    let refused = bench.operator("/v1/tokens", &message);
    assert_eq!(refused, Err(Refusal::VaultUnavailable));
    assert_eq!(bench.rows, before);
    bench.issuer = issuer;
    assert_eq!(bench.tap(&token_ref, 1), ("00".into(), None));
}

#[test]
fn a_sealed_pan_of_another_account_is_not_taken() {
    let mut bench = bench();
    let (_, token_ref) = bench.active();
    let token: Token = bench.row(TOKENS, &token_ref);
    let mut account: AccountRow = bench.row(VAULT, &token.par);
    account.version += 1;
    bench
        .rows
        .apply(&[Write::put(VAULT, token.par.clone(), &account)]);
    let before = bench.rows.clone();
    let why = Some(Refusal::VaultUnavailable);
    assert_eq!(bench.tap(&token_ref, 1), ("91".into(), why));
    assert_eq!(bench.rows, before);
}

impl Bench {
    /// A wish for a token of the card of a request for a chip, with the chip's consent.
    fn wanted(&mut self, request: u8, chip: u8) -> Value {
        let outcome = self.get(&format!("/v1/issue/{}", id(request)));
        json!({
            "card_code": outcome["card_code"], "se_id": hex::encode([chip; 8]),
            "request_context": context(chip), "consent": signed([chip; 8], Evidence::Consent, [chip; 32]),
        })
    }

    /// The references minted for these (request, chip).
    fn more(&mut self, uses: &[(u8, u8)]) -> Result<Vec<Value>, Refusal> {
        let tokens: Vec<Value> = uses
            .iter()
            .map(|(request, chip)| self.wanted(*request, *chip))
            .collect();
        let said = self.operator("/v1/tokens", &json!({"tokens": tokens}));
        said.map(|said| said.1["token_refs"].as_array().cloned().unwrap_or_default())
    }
}

#[test]
fn tokens_for_other_chips_all_or_none() {
    let mut bench = bench();
    bench.issued(1);
    let minted = bench.more(&[(1, 2), (1, 3), (1, 2)]).unwrap_or_default();
    assert_eq!(minted.len(), 3);
    assert_eq!(minted[0], minted[2]);
    assert_ne!(minted[0], minted[1]);
    assert_eq!(bench.more(&[(1, 2)]), Ok(vec![minted[0].clone()]));
    let path = format!("/v1/tokens/{}", minted[1].as_str().unwrap_or_default());
    assert_eq!(
        bench.get(&path)["state"],
        json!(TokenState::Inactive.name())
    );
    let undo = format!("/v1/issue/{}/compensate", id(1));
    assert!(bench.verifier(&undo, &json!({})).is_ok());
    for token in &minted {
        let path = format!("/v1/tokens/{}", token.as_str().unwrap_or_default());
        assert_eq!(bench.get(&path)["state"], json!(TokenState::Deleted.name()));
    }
    assert_eq!(bench.more(&[(1, 4)]), Err(Refusal::CardNotActive));
}

/// One bad wish among good ones, spoiled in one field: nothing is minted.
#[test]
fn one_bad_wish_spoils_all() {
    //= spec/40-issue.md#iss-41-each-chip-consents
    //= type=test
    //# The issuer MUST refuse to mint a token for another chip of a card unless that chip's consent verifies over the
    //# request context that the message names.
    let mut bench = bench();
    bench.issued(1);
    let good = bench.wanted(1, 2);
    for (field, value, want) in [
        (
            "consent",
            json!(hex::encode([0; 16])),
            Refusal::ConsentInvalid,
        ),
        (
            "request_context",
            json!(context(9)),
            Refusal::ConsentInvalid,
        ),
        ("se_id", json!("0909090909090909"), Refusal::ConsentInvalid),
        (
            "card_code",
            json!("CAAAAAAAAAAAAAAAAAAAA"),
            Refusal::UnknownCard,
        ),
    ] {
        let mut bad = bench.wanted(1, 3);
        bad[field] = value;
        let message = json!({"tokens": [good, bad]});
        assert_eq!(bench.operator("/v1/tokens", &message), Err(want), "{field}");
    }
    let many = vec![good.clone(); BULK_MINT_MAX + 1];
    let refused = bench.operator("/v1/tokens", &json!({"tokens": many}));
    assert_eq!(refused, Err(Refusal::Malformed));
    assert_eq!(bench.rows.table(TOKENS).count(), 1);
}

#[test]
fn a_token_that_died_makes_room_for_another() {
    let mut bench = bench();
    bench.issued(1);
    let first = bench.more(&[(1, 2)]);
    bench.now += INACTIVE_TOKEN_TTL_MS;
    let second = bench.more(&[(1, 2)]);
    assert!(first.is_ok() && second.is_ok() && first != second);
}
