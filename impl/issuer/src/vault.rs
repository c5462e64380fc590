//! The vault in the issuer's rows: accounts, keys and tokens apart from everything else; and the operator's work at it.
//!
//! [`Case::vaulted`] is the only way to change it. It runs a [`Draft`] over the rows and hands back what to write with the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use kaika_crypto::SealKey;
use kaika_spec::limit::REQUESTOR_ID;
use kaika_spec::{Refusal, TokenState};
use kaika_tokenization::{
    Assurance, Changes, Channel, Draft, Entropy, Generation, KeyService, Link, Minted, Pan, Par,
    Place, Policy, Ranges, Record, Records, RequestorId, Software, detokenised,
};
use kaika_wire::core::{Change, Refused, Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::messages::issuer::{
    CardReplaced, Resealing, TokenWanted, TokensMinted, TokensRequest,
};
use kaika_wire::messages::{Empty, parse};
use kaika_wire::value::Hex;
use serde_json::json;

use crate::manage::{code, is_final, token_at};
use crate::pay::is_usable;
use crate::rows::{
    AccountRow, CARDS, Card, GIVEN, KeyRow, LINKS, NUMBERS, ORDER, PANS, StateRow, TOKENS, Token,
    VAULT, VAULT_KEYS, VAULT_STATE,
};
use crate::{Case, Decision, Issuer};

/// How the issuer runs its vault.
#[derive(Clone)]
pub struct Vault {
    /// Ranges, generator, root keys.
    pub policy: Policy,
    /// Who asks for tokens: the verifier.
    pub requestor: RequestorId,
}

impl Vault {
    /// The standard ranges, random numbers, the requestor of `spec/98-limits.md`, and this root key in memory.
    pub fn standard(root: [u8; 32]) -> Self {
        Self::with(Arc::new(Software::new(SealKey::new(root), vec![])))
    }

    /// As [`Vault::standard`], with root keys of another.
    ///
    /// # Panics
    /// Never: the standard ranges serve the random generator.
    pub fn with(keys: Arc<dyn KeyService>) -> Self {
        let policy = Policy::new(Ranges::standard(), Generation::Random, keys);
        match (policy, RequestorId::new(REQUESTOR_ID)) {
            (Ok(policy), Some(requestor)) => Self { policy, requestor },
            _ => panic!("the standard vault"),
        }
    }
}

impl Vault {
    pub(crate) fn link(&self, par: Par, chip: [u8; 8]) -> Link {
        Link {
            par,
            requestor: self.requestor.clone(),
            chip,
        }
    }

    /// Works on the vault in an issuer's rows. Nothing is stored but what is returned, in one transaction.
    ///
    /// # Errors
    /// The refusal of the work.
    pub fn work<T>(
        &self,
        rows: &dyn Rows,
        dice: &mut Dice,
        work: impl FnOnce(&mut Draft<'_>) -> Result<T, Refusal>,
    ) -> Result<(T, Vec<Write>), Refusal> {
        let (stored, mut thrown) = (Stored(rows), Thrown(dice));
        let mut draft = Draft::new(&self.policy, &stored, &mut thrown);
        let done = work(&mut draft)?;
        Ok((done, writes(draft.changes())))
    }
}

impl Issuer {
    /// The PAN that a token stands for: for whoever has the issuer's rows and its root key. No message asks for it.
    ///
    /// # Errors
    /// `unknown-token`, `vault-unavailable`.
    pub fn detokenise(&self, rows: &dyn Rows, token_ref: &str) -> Result<Pan, Refusal> {
        let token: Token = read(rows, TOKENS, token_ref).ok_or(Refusal::UnknownToken)?;
        let par = Par::new(&token.par).ok_or(Refusal::VaultUnavailable)?;
        detokenised(&self.config.vault.policy, &Stored(rows), &par)
            .map_err(|_| Refusal::VaultUnavailable)
    }
}

/// What one token is to be, beside its number.
pub(crate) struct Terms<'a> {
    pub(crate) link: &'a Link,
    pub(crate) card_code: &'a str,
    pub(crate) request_context: String,
    pub(crate) assurance: Assurance,
}

impl Case<'_> {
    /// Works on the vault. Nothing is stored but what is returned, with what else the decision writes.
    pub(crate) fn vaulted<T>(
        &mut self,
        work: impl FnOnce(&mut Draft<'_>) -> Result<T, Refusal>,
    ) -> Result<(T, Vec<Write>), Refusal> {
        let vault = &self.issuer.config.vault;
        vault.work(self.rows, self.dice, work)
    }

    /// Gives a card another PAN.
    pub(crate) fn replace(mut self, card_code: &str, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        let card = self.card_row(card_code).ok_or(Refusal::UnknownCard)?;
        if is_final(card.status) {
            return Err(Refusal::IllegalTransition.into());
        }
        let par = card.account()?;
        let ((), writes) = self.vaulted(|draft| draft.replace_pan(&par))?;
        let answer = CardReplaced {
            card_code: code(card_code)?,
            par: card.par.try_into().map_err(|_| Refusal::VaultUnavailable)?,
        };
        Ok(Change::reply(200, json!(answer), writes))
    }

    pub(crate) fn rotate(mut self, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        let (left, writes) = self.vaulted(|draft| draft.rotate())?;
        Ok(Change::reply(200, json!(Resealing { left }), writes))
    }

    pub(crate) fn reseal(mut self, body: &[u8]) -> Decision {
        let Empty {} = parse(body)?;
        let (left, writes) = self.vaulted(|draft| draft.reseal())?;
        Ok(Change::reply(200, json!(Resealing { left }), writes))
    }

    /// Mints tokens for other chips of cards.
    pub(crate) fn mint_more(mut self, body: &[u8]) -> Decision {
        let asked: TokensRequest = parse(body)?;
        let wanted: Result<Vec<(Card, Link)>, Refused> =
            asked.tokens.iter().map(|one| self.wanted(one)).collect();
        let wanted = wanted?;
        let links: Vec<Link> = wanted.iter().map(|(_, link)| link.clone()).collect();
        let (rows, now) = (self.rows, self.now);
        let is_dead = |reference: &str| {
            token_at(rows, now, reference)
                .is_some_and(|token| token.life().state() == TokenState::Deleted)
        };
        let (minted, mut writes) = self.vaulted(|draft| draft.mint_all(&links, &is_dead))?;
        let mut cards: BTreeMap<&str, Card> = BTreeMap::new();
        for ((one, (card, link)), minted) in asked.tokens.iter().zip(&wanted).zip(&minted) {
            let Minted::New { reference, token } = minted else {
                continue;
            };
            let terms = Terms {
                link,
                card_code: one.card_code.as_str(),
                request_context: one.request_context.to_string(),
                assurance: Assurance::Account,
            };
            let row = Token::born(token, &terms, now);
            writes.push(Write::put(TOKENS, reference.clone(), &row));
            let card = cards
                .entry(one.card_code.as_str())
                .or_insert_with(|| card.clone());
            card.more_tokens.push(reference.clone());
        }
        writes.extend(
            cards
                .iter()
                .map(|(code, card)| Write::put(CARDS, *code, card)),
        );
        Ok(Change::reply(201, answer(&minted)?, writes))
    }

    /// The live card that a token is wanted for, and for what; with the chip's consent.
    fn wanted(&self, one: &TokenWanted) -> Result<(Card, Link), Refused> {
        //= spec/40-issue.md#iss-41-each-chip-consents
        //# The issuer MUST refuse to mint a token for another chip of a card unless that chip's consent verifies over the
        //# request context that the message names.
        if !self.consents(&one.se_id.0, &one.request_context.0, &one.consent.0) {
            return Err(Refusal::ConsentInvalid.into());
        }
        let card = self
            .card_row(one.card_code.as_str())
            .ok_or(Refusal::UnknownCard)?;
        is_usable(&card)?;
        let vault = &self.issuer.config.vault;
        let link = vault.link(card.account()?, one.se_id.0);
        Ok((card, link))
    }
}

fn answer(minted: &[Minted]) -> Result<serde_json::Value, Refusal> {
    let references = minted.iter().map(|one| one.reference().to_owned());
    let token_refs: Result<Vec<Hex<16>>, String> = references.map(Hex::try_from).collect();
    let token_refs = token_refs.map_err(|_| Refusal::VaultUnavailable)?;
    Ok(json!(TokensMinted { token_refs }))
}

/// The channel of every token of this issuer.
pub(crate) const CHANNEL: Channel = Channel::Contactless;

/// Randomness of one input.
struct Thrown<'a>(&'a mut Dice);

impl Entropy for Thrown<'_> {
    fn fill(&mut self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(16) {
            let drawn = self.0.bytes::<16>();
            piece.copy_from_slice(drawn.get(..piece.len()).unwrap_or_default());
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }
}

/// The issuer's rows as records of the vault.
struct Stored<'a>(&'a dyn Rows);

impl Records for Stored<'_> {
    fn get(&self, place: &Place) -> Option<Record> {
        let (table, key) = address(place);
        match place {
            Place::Account(_) => {
                read::<AccountRow>(self.0, table, &key).map(|row| Record::Account(row.into()))
            }
            Place::Order(_) | Place::Pan(_) => read::<String>(self.0, table, &key)
                .and_then(|par| Par::new(&par))
                .map(Record::Par),
            Place::Number(_) | Place::Link(_) => read(self.0, table, &key).map(Record::Reference),
            Place::Given(_) => read(self.0, table, &key).map(Record::Count),
            Place::Key(_) => read::<KeyRow>(self.0, table, &key)
                .and_then(KeyRow::wrapped)
                .map(Record::Key),
            Place::State => {
                read::<StateRow>(self.0, table, &key).map(|row| Record::State(row.into()))
            }
        }
    }
}

/// Table and key of a place.
fn address(place: &Place) -> (&'static str, String) {
    match place {
        Place::Account(par) => (VAULT, par.as_str().into()),
        Place::Order(number) => (ORDER, format!("{number:020}")),
        Place::Pan(index) => (PANS, hex::encode(index)),
        Place::Number(token) => (NUMBERS, token.digits().into()),
        Place::Link(link) => {
            let (par, requestor) = (link.par.as_str(), link.requestor.digits());
            (
                LINKS,
                format!("{par}/{requestor}/{}", hex::encode(link.chip)),
            )
        }
        Place::Given(range) => (GIVEN, range.clone()),
        Place::Key(name) => (VAULT_KEYS, name.clone()),
        Place::State => (VAULT_STATE, "state".into()),
    }
}

fn writes(changes: Changes) -> Vec<Write> {
    changes
        .into_iter()
        .map(|(place, record)| {
            let (table, key) = address(&place);
            match record {
                Some(record) => written(table, key, record),
                None => Write::delete(table, key),
            }
        })
        .collect()
}

fn written(table: &'static str, key: String, record: Record) -> Write {
    match record {
        Record::Account(account) => Write::put(table, key, &AccountRow::from(account)),
        Record::Par(par) => Write::put(table, key, &par.as_str()),
        Record::Reference(reference) => Write::put(table, key, &reference),
        Record::Count(count) => Write::put(table, key, &count),
        Record::Key(wrapped) => Write::put(table, key, &KeyRow::from(wrapped)),
        Record::State(state) => Write::put(table, key, &StateRow::from(state)),
    }
}
