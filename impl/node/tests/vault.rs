//! The vault on the durable store: at once, cut off, killed. Every token that was ever told of keeps its PAN.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kaika_crypto::chip::{ChipKeys, Evidence, evidence};
use kaika_crypto::{ChipMasterKey, IssuerMasterKey, digest};
use kaika_issuer::rows::{AccountRow, StateRow, VAULT, VAULT_KEYS, VAULT_STATE};
use kaika_issuer::{Config, Issuer, Vault};
use kaika_node::dice;
use kaika_node::store::{Sqlite, Store, run_blocking};
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{Caller, Core as _, Input, Request};
use kaika_wire::dice::Dice;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000_000;

/// An issuer on a file.
struct Bank {
    issuer: Arc<Issuer>,
    store: Sqlite,
}

type Said = Result<Value, Refusal>;

fn bank(file: &Path) -> Bank {
    let issuer = Arc::new(Issuer::new(Config {
        verifier_key: [1; 32],
        operator_key: [2; 32],
        kmc: ChipMasterKey::new([3; 16]),
        imk: IssuerMasterKey::new([4; 16]),
        vault: Vault::standard([5; 32]),
    }));
    let store = Sqlite::open(file).unwrap();
    Bank { issuer, store }
}

fn consent(chip: u8, context: u8) -> String {
    let (kmc, se_id) = (ChipMasterKey::new([3; 16]), [chip; 8]);
    let keys = ChipKeys::derive(&kmc, &se_id);
    hex::encode(evidence(
        &keys.receipt,
        Evidence::Consent,
        &se_id,
        &[context; 32],
    ))
}

impl Bank {
    /// One message, decided and stored in one transaction. `die` panics when all is decided and nothing stored.
    fn told(&self, caller: Role, path: &str, body: &Value, die: bool) -> Option<Said> {
        let (issuer, body) = (Arc::clone(&self.issuer), body.to_string().into_bytes());
        let request = Input::Request(Request {
            caller: Caller::Known(caller),
            method: "POST",
            path: path.into(),
            time: NOW,
            idempotency_key: String::new(),
            mac: None,
            body,
        });
        let mut dice = Dice::new(dice::bytes());
        let said = run_blocking(&self.store, move |rows| {
            let decided = issuer.decide(rows, NOW, &mut dice, &request);
            assert!(!die, "cut off, on purpose");
            match decided {
                Ok(change) => (
                    change.writes,
                    Ok(change.reply.map(|reply| reply.body).unwrap_or_default()),
                ),
                Err(refused) => (vec![], Err(refused.refusal)),
            }
        });
        said.ok()
    }

    fn say(&self, caller: Role, path: &str, body: &Value) -> Said {
        self.told(caller, path, body, false).unwrap()
    }

    fn operator(&self, path: &str, body: &Value) -> Said {
        self.say(Role::Operator, path, body)
    }

    /// A card for a new customer: card code and token reference.
    fn card(&self, id: &str) -> (String, String) {
        let who = json!({"name": "Li Lei", "id_type": "passport", "id_no": id, "id_valid_to": "2040-01-01"});
        let phone = "+8613800000001";
        self.operator("/v1/customers", &json!({"applicant": who, "phone": phone}))
            .unwrap();
        let (request_id, context) = (hex::encode(dice::bytes::<16>()), hex::encode([1; 32]));
        let asked = json!({"request_id": request_id, "request_context": context, "applicant": who, "product": "debit"});
        let decision = self.say(Role::Verifier, "/v1/eligibility", &asked).unwrap();
        let issue = json!({
            "request_id": request_id, "request_context": context, "eligibility_id": decision["eligibility_id"],
            "applicant": who, "product": "debit", "account_id": "a", "device_id": "d", "se_id": hex::encode([1; 8]),
            "evidence": {
                "kind": "otp", "otp_id": hex::encode([9; 16]), "phone_digest": hex::encode(digest::phone(phone)),
                "phone_version": 1, "verified_at": NOW,
            },
            "consent": consent(1, 1),
        });
        let issued = self.say(Role::Verifier, "/v1/issue", &issue).unwrap();
        let text = |field: &str| issued[field].as_str().unwrap().to_owned();
        (text("card_code"), text("token_ref"))
    }

    fn pan(&self, token_ref: &str) -> Result<String, Refusal> {
        let (issuer, token_ref) = (Arc::clone(&self.issuer), token_ref.to_owned());
        let pan = run_blocking(&self.store, move |rows| {
            let pan = issuer.detokenise(rows, &token_ref);
            (vec![], pan.map(|pan| pan.expose().to_owned()))
        });
        pan.unwrap()
    }

    fn row<T: serde::de::DeserializeOwned>(&self, table: &'static str) -> BTreeMap<String, T> {
        let rows = self.store.scan(table).unwrap();
        rows.into_iter()
            .map(|(key, row)| (key, serde_json::from_slice(&row).unwrap()))
            .collect()
    }

    fn state(&self) -> StateRow {
        self.row(VAULT_STATE).remove("state").unwrap()
    }

    /// Every account is under a key that is there, and there is no key beside those that are needed.
    fn is_sound(&self) {
        let state = self.state();
        let keys: BTreeSet<String> = self.row::<Value>(VAULT_KEYS).into_keys().collect();
        let vault = |number: &u32| format!("vault-{number}");
        let needed = [state.current, state.previous];
        let mut want: BTreeSet<String> = needed
            .iter()
            .filter(|number| **number != 0)
            .map(vault)
            .collect();
        want.insert("index".into());
        assert_eq!(keys, want);
        for (par, account) in self.row::<AccountRow>(VAULT) {
            assert!(keys.contains(&vault(&account.key)), "{par}");
        }
    }

    /// Moves what is left to the newest key.
    fn reseal_all(&self) {
        while self.operator("/v1/vault/reseal", &json!({})).unwrap()["left"] != 0 {}
        let state = self.state();
        assert_eq!(state.previous, 0);
        let mut accounts = self.row::<AccountRow>(VAULT).into_values();
        assert!(accounts.all(|account| account.key == state.current));
    }
}

fn wanted(card_code: &str, chip: u8) -> Value {
    json!({"tokens": [{
        "card_code": card_code, "se_id": hex::encode([chip; 8]), "request_context": hex::encode([chip; 32]),
        "consent": consent(chip, chip),
    }]})
}

#[test]
fn many_at_once_get_one_token() {
    //= spec/40-issue.md#iss-34-one-token-for-one-use
    //= type=test
    //# The issuer MUST NOT have two tokens that are not deleted for one PAN account, requestor and chip.
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(&dir.path().join("issuer.db"));
    let (card_code, first) = bank.card("P1");
    let minted: Vec<(u8, Value)> = std::thread::scope(|scope| {
        let minters: Vec<_> = (0..16)
            .map(|thread| {
                let (bank, card_code) = (&bank, &card_code);
                scope.spawn(move || {
                    (0..8)
                        .map(|round| {
                            // Four chips, each asked for by all the threads, in another order by each.
                            let chip = 2 + (thread + round) % 4;
                            let said = bank
                                .operator("/v1/tokens", &wanted(card_code, chip))
                                .unwrap();
                            (chip, said["token_refs"][0].clone())
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let minted = minters.into_iter().map(|minter| minter.join().unwrap());
        minted.collect::<Vec<_>>().concat()
    });
    let mut by_chip: BTreeMap<u8, BTreeSet<String>> = BTreeMap::new();
    for (chip, token) in &minted {
        by_chip.entry(*chip).or_default().insert(token.to_string());
    }
    assert_eq!(minted.len(), 128);
    assert_eq!(by_chip.len(), 4);
    assert!(by_chip.values().all(|tokens| tokens.len() == 1));
    assert_eq!(bank.row::<Value>("tokens").len(), 5);
    let pan = bank.pan(&first).unwrap();
    for (_, token) in &minted {
        assert_eq!(bank.pan(token.as_str().unwrap()), Ok(pan.clone()));
    }
}

#[test]
fn keys_change_between_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let bank = bank(&dir.path().join("issuer.db"));
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (bank, done) = (&bank, &done);
            scope.spawn(move || {
                for round in 0..12 {
                    let (_, token) = bank.card(&format!("P{thread}-{round}"));
                    let pan = bank.pan(&token).unwrap();
                    assert_eq!(bank.pan(&token), Ok(pan));
                }
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        let (bank, done) = (&bank, &done);
        scope.spawn(move || {
            while done.load(Ordering::SeqCst) < 4 {
                let rotated = bank.operator("/v1/vault/rotate", &json!({}));
                assert!(matches!(rotated, Ok(_) | Err(Refusal::WrongOrder)));
                bank.operator("/v1/vault/reseal", &json!({})).unwrap();
            }
        });
    });
    bank.is_sound();
    bank.reseal_all();
    assert!(bank.state().current > 2, "the key changed");
    assert_eq!(bank.row::<Value>(VAULT).len(), 48);
}

/// Said by the child before it serves, in place of a test of its own.
const CHILD: &str = "KAIKA_TEST_VAULT_FILE";

/// What is killed: mints, resolves and changes keys, and says each token once it is durable.
#[test]
fn child() {
    let Ok(file) = std::env::var(CHILD) else {
        return;
    };
    let bank = bank(Path::new(&file));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let bank = &bank;
            scope.spawn(move || {
                loop {
                    let (_, token) = bank.card(&dice::id());
                    let pan = bank.pan(&token).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "minted {token} {pan}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
        let bank = &bank;
        scope.spawn(move || {
            loop {
                let rotated = bank.operator("/v1/vault/rotate", &json!({}));
                assert!(matches!(rotated, Ok(_) | Err(Refusal::WrongOrder)));
                bank.operator("/v1/vault/reseal", &json!({})).unwrap();
            }
        });
    });
}

#[test]
fn a_process_killed_while_keys_change_loses_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("issuer.db");
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    let mut current = 0;
    for round in 0..5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut minted = 0;
        for line in lines.map_while(Result::ok) {
            if let Some((_, said)) = line.split_once("minted ") {
                let (token, pan) = said.split_once(' ').unwrap();
                told.insert(token.into(), pan.into());
                minted += 1;
            }
            if minted == 20 + round * 7 {
                // SIGKILL: nothing is finished, nothing is cleaned up.
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(minted >= 20, "{minted} minted");
        let bank = bank(&file);
        bank.is_sound();
        for (token, pan) in &told {
            assert_eq!(bank.pan(token).as_ref(), Ok(pan));
        }
        assert!(bank.state().current > current, "the key changed");
        current = bank.state().current;
    }
    let bank = bank(&file);
    bank.reseal_all();
    for (token, pan) in &told {
        assert_eq!(bank.pan(token).as_ref(), Ok(pan));
    }
    let pans: BTreeSet<&String> = told.values().collect();
    assert_eq!(pans.len(), told.len());
}

/// Two plain maps: card → PAN, token → card.
#[derive(Default)]
struct Twin {
    pans: BTreeMap<String, String>,
    tokens: BTreeMap<String, String>,
    links: BTreeMap<(String, u8), String>,
    cards: Vec<String>,
}

/// Random histories on the file against the twin. Each operation may be cut off after it was judged and before anything
/// is stored, or be followed by the end of the process, after which the caller asks again.
#[test]
fn as_two_maps_whatever_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("issuer.db");
    let mut open = bank(&file);
    let (mut twin, mut roll) = (Twin::default(), Dice::new([42; 32]));
    for turn in 0..120 {
        let cut = roll.below(4);
        if cut == 0 && !twin.cards.is_empty() {
            let before = open.store.dump().unwrap();
            let card = &twin.cards[0];
            let (path, body) = match roll.below(4) {
                0 => ("/v1/vault/rotate".to_owned(), json!({})),
                1 => ("/v1/vault/reseal".to_owned(), json!({})),
                2 => (format!("/v1/cards/{card}/replace"), json!({})),
                _ => ("/v1/tokens".to_owned(), wanted(card, 200)),
            };
            let died = catch_unwind(AssertUnwindSafe(|| {
                open.told(Role::Operator, &path, &body, true)
            }));
            assert!(matches!(died, Ok(None)), "the store goes on");
            assert!(open.store.dump().unwrap() == before, "{path}");
        }
        perform(&open, &mut twin, &mut roll, turn);
        if cut == 1 {
            drop(open);
            open = bank(&file);
        }
        for (token, card) in &twin.tokens {
            assert_eq!(open.pan(token).as_ref(), Ok(&twin.pans[card]));
        }
        if twin.cards.is_empty() {
            continue;
        }
        open.is_sound();
    }
    assert!(twin.cards.len() > 5 && twin.tokens.len() > twin.cards.len());
}

fn perform(bank: &Bank, twin: &mut Twin, roll: &mut Dice, turn: i32) {
    let picked = usize::try_from(roll.below(twin.cards.len().max(1) as u64)).unwrap();
    let card = twin.cards.get(picked).cloned();
    match (roll.below(6), card) {
        (0 | 1, Some(card)) => {
            let chip = u8::try_from(2 + roll.below(3)).unwrap();
            let minted = bank.operator("/v1/tokens", &wanted(&card, chip)).unwrap();
            // The caller has not heard and asks again.
            let again = bank.operator("/v1/tokens", &wanted(&card, chip)).unwrap();
            assert_eq!(minted, again);
            let token = minted["token_refs"][0].as_str().unwrap().to_owned();
            let known = twin.links.insert((card.clone(), chip), token.clone());
            assert!(known.is_none_or(|known| known == token));
            twin.tokens.insert(token, card);
        }
        (2, Some(card)) => {
            let path = format!("/v1/cards/{card}/replace");
            bank.operator(&path, &json!({})).unwrap();
            let token = twin.tokens.iter().find(|(_, of)| **of == card);
            let pan = bank.pan(token.unwrap().0).unwrap();
            assert!(!twin.pans.values().any(|other| *other == pan));
            twin.pans.insert(card, pan);
        }
        (3, Some(_)) => {
            let rotated = bank.operator("/v1/vault/rotate", &json!({}));
            assert!(matches!(rotated, Ok(_) | Err(Refusal::WrongOrder)));
        }
        (4, Some(_)) => {
            bank.operator("/v1/vault/reseal", &json!({})).unwrap();
        }
        _ => {
            let (card, token) = bank.card(&format!("T{turn}"));
            let pan = bank.pan(&token).unwrap();
            assert!(!twin.pans.values().any(|other| *other == pan));
            twin.pans.insert(card.clone(), pan);
            twin.tokens.insert(token, card.clone());
            twin.cards.push(card);
        }
    }
}
