//! An issuer with one active token in its store, behind the real port for shop terminals, and the frames of a chip that has the
//! token's key.

#![allow(dead_code, reason = "each test and benchmark uses its own part")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kaika_apdu::{Tag, tlv};
use kaika_crypto::chip::token_key;
use kaika_crypto::emv::{CryptogramInput, cryptogram};
use kaika_crypto::{IssuerMasterKey, TokenKey};
use kaika_issuer::rows::{CARDS, Card, NUMBERS, POSTINGS, TOKENS, Token};
use kaika_issuer::{Issuer, Vault};
use kaika_node::clock::{Clock as _, System};
use kaika_node::keys::Keys;
use kaika_node::log::Log;
use kaika_node::pos_server::PosServer;
use kaika_node::store::{Dump, Store, run};
use kaika_node::world;
use kaika_spec::Role;
use kaika_spec::limit::REQUESTOR_ID;
use kaika_wire::core::Write;
use kaika_wire::dice::Dice;
use kaika_wire::iso8583::Message;
use kaika_wire::memory::MemoryRows;
use kaika_wire::messages::issuer::CardStatus;
use tokio::net::TcpListener;

/// Its expiry, YYMM.
pub(crate) const EXPIRY: &str = "9912";
const REFERENCE: &str = "77777777777777777777777777777777";

/// The digits of the `n`-th token.
fn digits(n: u32) -> String {
    format!("6299000000{n:05}7")
}

/// The code of the `n`-th card.
pub(crate) fn card_code(n: u32) -> String {
    format!("C{n:020}")
}

fn reference(n: u32) -> String {
    format!("{n:032}")
}
const IAD: [u8; 7] = [6, 1, 0x12, 3, 0xa0, 0, 0];

/// An issuer that listens.
pub(crate) struct Shop {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Its store.
    pub(crate) store: Arc<dyn Store>,
    master: IssuerMasterKey,
    /// The PAN account of all its cards.
    par: String,
}

impl Shop {
    /// Starts an issuer over `store`, with its log in `dir`.
    pub(crate) async fn start(store: Arc<dyn Store>, dir: &Path) -> Self {
        let keys = Keys::fresh();
        let master = IssuerMasterKey::new(*keys.token_master.bytes());
        let address = serve(world::issuer(&keys), Arc::clone(&store), dir).await;
        let (par, account) = account(&keys);
        let shop = Self {
            address,
            store,
            master,
            par,
        };
        for write in account {
            shop.keep(write).await;
        }
        shop.add(0).await;
        shop
    }

    /// Gives the issuer the `n`-th card and token.
    pub(crate) async fn add(&self, n: u32) {
        self.keep(Write::put(CARDS, card_code(n), &card(&self.par)))
            .await;
        self.keep(Write::put(TOKENS, reference(n), &token(n, &self.par)))
            .await;
        self.keep(Write::put(NUMBERS, digits(n), &reference(n)))
            .await;
    }

    /// The key of the `n`-th token.
    pub(crate) fn key(&self, n: u32) -> TokenKey {
        token_key(&self.master, &digits(n), 1)
    }

    async fn keep(&self, write: Write) {
        let kept = run(&*self.store, move |_| (vec![write], ())).await;
        assert!(kept.is_ok());
    }

    /// Stores the card, changed.
    pub(crate) async fn keep_card(&self, change: impl FnOnce(&mut Card)) {
        let mut card = card(&self.par);
        change(&mut card);
        self.keep(Write::put(CARDS, card_code(0), &card)).await;
    }

    /// Stores the token, changed.
    pub(crate) async fn keep_token(&self, change: impl FnOnce(&mut Token)) {
        let mut token = token(0, &self.par);
        change(&mut token);
        self.keep(Write::put(TOKENS, reference(0), &token)).await;
    }

    /// Every row.
    pub(crate) fn rows(&self) -> Dump {
        self.store.dump().unwrap_or_default()
    }

    /// What the ledger says: the card and every posting.
    pub(crate) fn ledger(&self) -> Dump {
        let mut rows = self.rows();
        rows.retain(|(table, _), _| table == CARDS || table == POSTINGS);
        rows
    }

    /// A request for this transaction and this counter, of 10.00.
    pub(crate) fn request(&self, number: u32, atc: u16) -> Message {
        request(&self.key(0), 0, number, atc)
    }
}

/// As [`Shop::request`], with the `n`-th token and its key.
pub(crate) fn request(key: &TokenKey, n: u32, number: u32, atc: u16) -> Message {
    let amount = &[0, 0, 0, 0, 0x10, 0];
    let input = CryptogramInput {
        amount,
        amount_other: &[0; 6],
        country: &[0x01, 0x56],
        tvr: &[0; 5],
        currency: &[0x01, 0x56],
        date: &[0x26, 0x11, 0x24],
        kind: 0,
        unpredictable_number: &[1, 2, 3, 4],
        interchange_profile: &[0x18, 0],
        atc,
        issuer_data: &IAD,
    };
    let cryptogram = cryptogram(key, &input);
    let counter = atc.to_be_bytes();
    let mut buffer = [0; 255];
    let mut writer = tlv::Writer::new(&mut buffer);
    for (tag, value) in [
        (Tag::CRYPTOGRAM, &cryptogram[..]),
        (Tag::CRYPTOGRAM_INFORMATION, &[0x80]),
        (Tag::IAD, &IAD),
        (Tag::UNPREDICTABLE_NUMBER, input.unpredictable_number),
        (Tag::ATC, &counter),
        (Tag::TVR, input.tvr),
        (Tag::DATE, input.date),
        (Tag::TYPE, &[0]),
        (Tag::AMOUNT, amount),
        (Tag::CURRENCY, input.currency),
        (Tag::AIP, input.interchange_profile),
        (Tag::COUNTRY, input.country),
        (Tag::AMOUNT_OTHER, input.amount_other),
        (Tag::PSN, &[1]),
    ] {
        assert!(writer.put(tag, value).is_ok());
    }
    named(Message::new(*b"0100"), number)
        .with(2, digits(n))
        .with(3, *b"000000")
        .with(4, *b"000000001000")
        .with(14, EXPIRY)
        .with(22, *b"071")
        .with(49, *b"156")
        .with(55, writer.written())
}

/// The issuer's port, on loopback.
async fn serve(issuer: Issuer, store: Arc<dyn Store>, dir: &Path) -> SocketAddr {
    let (listener, log) = match (
        TcpListener::bind("127.0.0.1:0").await,
        Log::open(&dir.join("issuer.ndjson"), Role::Issuer, System.now()),
    ) {
        (Ok(listener), Ok(log)) => (listener, log),
        (listener, log) => panic!("{listener:?} {}", log.is_ok()),
    };
    let Ok(address) = listener.local_addr() else {
        panic!("a listener has an address")
    };
    let server = PosServer {
        issuer: Arc::new(issuer),
        store,
        clock: Arc::new(System),
        log: Arc::new(log),
    };
    tokio::spawn(Arc::new(server).serve(listener));
    address
}

/// What names a transaction.
pub(crate) fn named(message: Message, number: u32) -> Message {
    message
        .with(7, *b"1124120000")
        .with(11, format!("{:06}", number % 1_000_000))
        .with(37, format!("{number:012}"))
        .with(41, *b"POS00001")
        .with(42, *b"NOODLE-BAR     ")
}

/// A PAN account of its own, and what the store must hold for it.
fn account(keys: &Keys) -> (String, Vec<Write>) {
    let (vault, empty) = (
        Vault::standard(*keys.vault_root.bytes()),
        MemoryRows::default(),
    );
    match vault.work(&empty, &mut Dice::new([8; 32]), |draft| {
        draft.open_account()
    }) {
        Ok((par, writes)) => (par.as_str().into(), writes),
        Err(refusal) => panic!("no account: {refusal}"),
    }
}

fn card(par: &str) -> Card {
    Card {
        par: par.into(),
        more_tokens: vec![],
        request_id: REFERENCE.into(),
        person: "resident-id/1".into(),
        product: "debit".into(),
        status: CardStatus::Active,
        agreement: "AAAAAAAAAAAAAAAAAAAAA".into(),
        token_ref: REFERENCE.into(),
        available_minor: 1_000_000_000,
        currency: "156".into(),
    }
}

fn token(n: u32, par: &str) -> Token {
    Token {
        digits: digits(n),
        par: par.into(),
        requestor: REQUESTOR_ID.into(),
        assurance: "10".into(),
        card_code: card_code(n),
        se_id: "4b41494b41000001".into(),
        request_context: "88".repeat(32),
        state: "active".into(),
        suspended_by: vec![],
        minted_at: 0,
        expires_at: System.now() + 86_400_000,
        expiry: format!("{EXPIRY}31"),
        binding_id: Some(REFERENCE.into()),
        session: None,
    }
}
