//! What the reference's phone is told to do: pay, or apply for a card, for a person who answers as the message says.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kaika_node::chip::Remote;
use kaika_node::client::{Person, Phone, Step};
use kaika_node::clock::System;
use kaika_node::{Fault, dice};
use kaika_terminal::apply::{Apply, Kept, Profile};
use kaika_terminal::pay::{self, Pay, Wanted};
use kaika_terminal::{Effect, Failure};
use kaika_wire::messages::Applicant;
use kaika_wire::value::Image;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::LOG;
use crate::apply::diary;
use crate::person::{forget, keep, kept};

/// Where a phone finds its verifier and its chip, whose it is, and how long it waits.
#[derive(Deserialize)]
struct Around {
    terminal: String,
    verifier: String,
    chip: SocketAddr,
    account_id: String,
    password: String,
    patience_ms: u64,
    pause_ms: u64,
}

impl Around {
    /// What belongs to this phone alone. Its name may be no file's name.
    fn own(&self, data: &Path) -> PathBuf {
        data.join(format!("phone-{}", hex::encode(&self.terminal)))
    }

    fn phone(&self, own: &Path) -> Result<Phone, Fault> {
        let (patience, pause) = (self.patience_ms, self.pause_ms);
        let diary = diary(Some(&own.with_extension(LOG)))?;
        let phone = Phone::new(&self.verifier, Arc::new(System))?;
        phone.logged(diary).waiting(
            Duration::from_millis(patience),
            Duration::from_millis(pause),
        )
    }
}

/// A payment.
#[derive(Deserialize)]
pub(super) struct Order {
    #[serde(flatten)]
    around: Around,
    card_code: String,
    payee: String,
    amount_minor: u64,
    currency: String,
}

/// A card request.
#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(flatten)]
    around: Around,
    device_id: String,
    se_id: String,
    product: String,
    tos_version: String,
    applicant: Applicant,
    /// Null asks for another.
    codes: VecDeque<Option<String>>,
    front: Image,
    back: Image,
    frames: BTreeMap<String, Image>,
}

/// Whoever holds the phone.
struct Holder {
    codes: VecDeque<Option<String>>,
    photos: Option<(Image, Image)>,
    frames: BTreeMap<String, Image>,
    kept: Option<PathBuf>,
}

fn has_none(what: &str) -> Fault {
    Fault::Peer(format!("the person has no {what}"))
}

impl Person for Holder {
    async fn code(&mut self, _: &str) -> Result<Option<String>, Fault> {
        self.codes.pop_front().ok_or_else(|| has_none("other code"))
    }

    fn photos(&mut self) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let (front, back) = self.photos.clone().ok_or_else(|| has_none("photos"))?;
        Ok((front.0, back.0))
    }

    fn frames(&mut self, actions: &[String]) -> Result<Vec<Vec<u8>>, Fault> {
        let picture = |action: &String| {
            let found = self.frames.get(action).map(|image| image.0.clone());
            found.ok_or_else(|| has_none("such picture"))
        };
        actions.iter().map(picture).collect()
    }

    fn keeps(&mut self, kept: &Kept) -> Result<(), Fault> {
        match &self.kept {
            Some(path) => keep(path, kept).map_err(|error| Fault::file(path, error)),
            None => Ok(()),
        }
    }

    fn keeps_payment(&mut self, kept: &pay::Kept) -> Result<(), Fault> {
        match &self.kept {
            Some(path) => keep(path, kept).map_err(|error| Fault::file(path, error)),
            None => Ok(()),
        }
    }

    fn sees(&mut self, _: &Step<'_>) {}
}

/// Pays, or asks about what this phone sent when it died; what the person is shown in the end.
pub(super) async fn pay(order: Order, data: &Path) -> Result<Value, Fault> {
    let mut chip = Remote::connect(order.around.chip).await?;
    let own = order.around.own(data);
    let mut phone = order.around.phone(&own)?;
    let file = own.with_extension("payment");
    let wanted = Wanted {
        account_id: order.around.account_id,
        password: order.around.password,
        card_code: order.card_code,
        payee: order.payee,
        amount_minor: order.amount_minor,
        currency: order.currency,
    };
    let mut pay = match read(&file)? {
        Some(kept) => Pay::resume(wanted, kept),
        None => Pay::new(wanted),
    };
    let mut holder = Holder {
        codes: VecDeque::new(),
        photos: None,
        frames: BTreeMap::new(),
        kept: Some(file.clone()),
    };
    let end = phone.pay(&mut pay, &mut chip, &mut holder).await?;
    if end != Effect::Unknown {
        forget(&file)?;
    }
    Ok(shown(end))
}

/// Applies, or goes on where this phone stood when it died; what the person is shown in the end.
pub(super) async fn apply(wish: Wish, data: &Path) -> Result<Value, Fault> {
    let mut chip = Remote::connect(wish.around.chip).await?;
    let own = wish.around.own(data);
    let mut phone = wish.around.phone(&own)?;
    let file = own.with_extension("json");
    let profile = Profile {
        account_id: wish.around.account_id,
        password: wish.around.password,
        device_id: wish.device_id,
        se_id: wish.se_id,
        product: wish.product,
        tos_version: wish.tos_version,
        applicant: wish.applicant,
    };
    let mut apply = match read(&file)? {
        Some(kept) => Apply::resume(profile, kept),
        None => Apply::new(profile, dice::bytes()),
    };
    let mut holder = Holder {
        codes: wish.codes,
        photos: Some((wish.front, wish.back)),
        frames: wish.frames,
        kept: Some(file.clone()),
    };
    let end = phone.apply(&mut apply, &mut chip, &mut holder).await?;
    forget(&file)?;
    Ok(shown(end))
}

/// What was kept, if anything was.
fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, Fault> {
    kept(file).map_err(|error| Fault::file(file, error))
}

fn shown(end: Effect) -> Value {
    match end {
        Effect::Ready(card) => {
            json!({"result": "ready", "card_code": card.card_code, "token_ref": card.token_ref})
        }
        Effect::Paid { auth_code } => json!({"result": "paid", "auth_code": auth_code}),
        Effect::Declined => json!({"result": "declined"}),
        Effect::Unknown => json!({"result": "unknown"}),
        Effect::Failed(Failure::Refused { code, .. }) => json!({"result": "refused", "code": code}),
        _ => json!({"result": "failed"}),
    }
}
