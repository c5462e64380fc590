//! `kaika demo`: every role on loopback, and two people who get a card and pay with it.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use kaika_node::Fault;
use kaika_node::chip::Remote;
use kaika_node::client::{Person, Phone, Step};
use kaika_node::log::Diary;
use kaika_node::operator::Enrolment;
use kaika_node::sms;
use kaika_node::store::Sqlite;
use kaika_node::till::{PATIENCE, Till};
use kaika_node::world::{SE_ID, World};
use kaika_pos::{Kind, Outcome};
use kaika_spec::Role;
use kaika_terminal::apply::{Apply, Profile};
use kaika_terminal::pay::{Pay, Wanted};
use kaika_terminal::{Card, Effect};
use serde_json::{Value, json};

use crate::{NO, OK, tap};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the servers keep their stores; a fresh directory that is removed afterwards by default.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

const PASSWORD: &str = "correct horse battery staple";
const PHONE: &str = "+8613800000001";

/// Somebody in the story.
struct Actor<'w> {
    world: &'w World,
    account: &'static str,
    name: &'static str,
    id_no: &'static str,
}

fn applicant(name: &str, id_no: &str) -> Value {
    json!({"name": name, "id_type": "resident-id", "id_no": id_no, "id_valid_to": "2040-01-01"})
}

fn people() -> anyhow::Result<Enrolment> {
    let (mei, bo) = (
        applicant("Han Meimei", "110101199001011234"),
        applicant("Li Bo", "110101199202022345"),
    );
    Ok(serde_json::from_value(json!({
        "customers": [{"applicant": mei, "phone": PHONE}],
        "accounts": [
            {"account_id": "meimei", "applicant": mei, "password": PASSWORD},
            {"account_id": "bo", "applicant": bo, "password": PASSWORD},
        ],
        "persons": [{"applicant": mei, "face": "face-of-meimei"}, {"applicant": bo, "face": "face-of-bo"}],
    }))?)
}

impl Actor<'_> {
    fn profile(&self) -> anyhow::Result<Profile> {
        Ok(Profile {
            account_id: self.account.into(),
            password: PASSWORD.into(),
            device_id: format!("phone-of-{}", self.account),
            se_id: hex::encode(SE_ID),
            product: "debit".into(),
            tos_version: "1".into(),
            applicant: serde_json::from_value(applicant(self.name, self.id_no))?,
        })
    }
}

impl Person for Actor<'_> {
    async fn code(&mut self, phone_mask: &str) -> Result<Option<String>, Fault> {
        let messages = self.world.gateway.messages(PHONE);
        let text = messages
            .last()
            .map(|message| message.text.as_str())
            .unwrap_or_default();
        println!(
            "    sms → {phone_mask}: a code arrives ({})",
            text.split_once(' ').map_or("", |(_, rest)| rest)
        );
        let code = sms::code(text).map(str::to_owned);
        code.map(Some)
            .ok_or_else(|| Fault::Peer("no code arrived".into()))
    }

    fn photos(&mut self) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        println!("    {} photographs the document", self.name);
        let front = format!(
            "face: face-of-{}\nname: {}\nid_no: {}\n",
            self.account, self.name, self.id_no
        );
        Ok((front.into_bytes(), b"back".to_vec()))
    }

    fn frames(&mut self, actions: &[String]) -> Result<Vec<Vec<u8>>, Fault> {
        println!(
            "    {} does what is asked: {}",
            self.name,
            actions.join(", ")
        );
        let nonce = kaika_node::dice::id();
        let picture = |action: &String| {
            format!(
                "face: face-of-{}\naction: {action}\nshot: {nonce}\n",
                self.account
            )
        };
        Ok(actions
            .iter()
            .map(|action| picture(action).into_bytes())
            .collect())
    }

    fn sees(&mut self, what: &Step<'_>) {
        match what {
            Step::Sent(http) => {
                let place = http
                    .path
                    .split('/')
                    .map(|part| if part.len() == 32 { "…" } else { part })
                    .collect::<Vec<_>>();
                println!(
                    "    terminal → verifier: {} {}",
                    http.method,
                    place.join("/")
                );
            }
            Step::Answered(status, body) => {
                let next = body
                    .get("next")
                    .or_else(|| body.get("result"))
                    .and_then(Value::as_str)
                    .unwrap_or("-");
                println!("    verifier → terminal: {status} next: {next}");
            }
            Step::Chip(count) => {
                println!("    terminal ⇄ chip: {count} commands, sealed by the issuer")
            }
            Step::Sign => println!("    terminal ⇄ chip: the chip signs, for the issuer to verify"),
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<u8> {
    let fresh = std::env::temp_dir().join(format!("kaika-demo-{}", kaika_node::dice::id()));
    let data = args.data.clone().unwrap_or_else(|| fresh.clone());
    let done = story(data).await;
    if args.data.is_none() {
        let _ = std::fs::remove_dir_all(&fresh);
    }
    done
}

async fn story(data: PathBuf) -> anyhow::Result<u8> {
    let world = World::start(data.clone()).await?;
    world.enrol(&people()?).await?;
    let at = &world.addresses;
    println!(
        "verifier {}  issuer {} and {}  identity {}",
        at.verifier, at.issuer, at.pos, at.identity
    );
    println!("sms {}  chip {}\n", at.sms, at.chip);
    let mut chip = Remote::connect(at.chip).await?;
    let diary = |role: Role| {
        Diary::open(
            &data.join(format!("{role}.ndjson")),
            role,
            world.clock.clone(),
        )
    };
    let mut phone = Phone::new(&format!("http://{}", at.verifier), world.clock.clone())?
        .logged(diary(Role::Terminal)?);

    println!("A  Han Meimei, whom the issuer knows, applies for a card");
    let mut meimei = Actor {
        world: &world,
        account: "meimei",
        name: "Han Meimei",
        id_no: "110101199001011234",
    };
    let card = apply(&mut meimei, &mut phone, &mut chip).await?;
    balance(&world, &card).await?;

    println!("B  Li Bo, who has no card with this issuer, applies for a first one");
    let mut bo = Actor {
        world: &world,
        account: "bo",
        name: "Li Bo",
        id_no: "110101199202022345",
    };
    apply(&mut bo, &mut phone, &mut chip).await?;

    println!("C  Han Meimei pays 12.50 in a web shop");
    let wanted = Wanted {
        account_id: "meimei".into(),
        password: PASSWORD.into(),
        card_code: card.card_code.clone(),
        payee: "book-shop".into(),
        amount_minor: 1250,
        currency: "156".into(),
    };
    match phone
        .pay(&mut Pay::new(wanted), &mut chip, &mut meimei)
        .await?
    {
        Effect::Paid { auth_code } => println!("    paid, authorisation code {auth_code}"),
        other => bail!("the payment ended with {other:?}"),
    }
    balance(&world, &card).await?;

    println!("D  Han Meimei taps her phone at a noodle bar for 7.00");
    let store = Arc::new(Sqlite::open(&data.join("pos.db"))?);
    let till = Till::new(store, at.pos, PATIENCE, world.clock.clone()).logged(diary(Role::Pos)?);
    let sale = tap::sale(Kind::Authorisation, 700, "156", "NOODLE-BAR");
    let (outcome, token) = till.tap(sale, &mut chip).await?;
    let last = token
        .as_deref()
        .and_then(|token| token.get(token.len().saturating_sub(4)..))
        .unwrap_or_default();
    println!("    pos ⇄ chip: token …{last} and a cryptogram   pos → issuer: ISO 8583 0100");
    let approved = matches!(outcome, Outcome::Approved { .. });
    match outcome {
        Outcome::Approved { auth_code } => {
            println!("    issuer → pos: 0110 approved, authorisation code {auth_code}")
        }
        other => println!("    {other:?}"),
    }
    balance(&world, &card).await?;
    println!("four flows, every message over a socket, the PAN never outside the issuer");
    Ok(if approved { OK } else { NO })
}

async fn apply(who: &mut Actor<'_>, phone: &mut Phone, chip: &mut Remote) -> anyhow::Result<Card> {
    let mut apply = Apply::new(who.profile()?, kaika_node::dice::bytes());
    match phone.apply(&mut apply, chip, who).await? {
        Effect::Ready(card) => {
            println!(
                "    ready: card code {}, token {} active in the chip\n",
                card.card_code, card.token_ref
            );
            Ok(card)
        }
        other => bail!("the card request ended with {other:?}"),
    }
}

async fn balance(world: &World, card: &Card) -> anyhow::Result<()> {
    let (_, body) = world
        .operator(Role::Issuer)?
        .get(&format!("/v1/cards/{}", card.card_code))
        .await?;
    let left = body
        .get("available_minor")
        .and_then(Value::as_u64)
        .context("the issuer does not say the balance")?;
    println!(
        "    issuer's ledger: {}.{:02} left\n",
        left / 100,
        left % 100
    );
    Ok(())
}
