//! What a client of the reference is told to do: a shop's terminal takes a payment, a phone pays or applies, or they die.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use kaika_node::chip::Remote;
use kaika_node::clock::System;
use kaika_node::log::Diary;
use kaika_node::store::Sqlite;
use kaika_node::till::Till;
use kaika_pos::{Kind, Outcome};
use kaika_spec::Role;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::{Control, LOG, done, failed, phone};
use crate::tap::{sale, shown};

/// What clients were told to do, and have not ended before anybody asked, by number.
#[derive(Debug, Default)]
pub(super) struct Begun {
    last: AtomicU64,
    all: Mutex<BTreeMap<String, Acting>>,
}

#[derive(Debug)]
struct Acting {
    task: AbortHandle,
    shown: watch::Receiver<Option<Value>>,
}

impl Begun {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Acting>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A payment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tap {
    issuer: SocketAddr,
    chip: SocketAddr,
    terminal: String,
    amount_minor: u64,
    currency: String,
    financial: bool,
    patience_ms: u64,
}

/// What a client can be told to do.
#[derive(Deserialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
enum Action {
    Tap(Tap),
    Pay(phone::Order),
    Apply(Box<phone::Wish>),
}

impl Action {
    /// Does it; what is shown in the end.
    async fn done(self, data: &Path) -> Value {
        let shown = match self {
            Self::Tap(tap) => {
                // A terminal keeps its store from one payment to the next; its name may be no file's name.
                let own = data.join(format!("pos-{}", hex::encode(&tap.terminal)));
                let ended = pay(tap, &own).await;
                ended.map(|outcome| shown(&outcome))
            }
            Self::Pay(order) => phone::pay(order, data).await.map_err(Into::into),
            Self::Apply(wish) => phone::apply(*wish, data).await.map_err(Into::into),
        };
        shown.unwrap_or_else(|_| json!({"result": "failed"}))
    }
}

/// Begins; the outcome is asked for by the number in the answer.
pub(super) async fn trigger(
    State(control): State<Arc<Control>>,
    Json(mut asked): Json<Value>,
) -> Json<Value> {
    // An answer may always come before the end.
    asked.as_object_mut().map(|asked| asked.remove("wait_ms"));
    let action: Action = match serde_json::from_value(asked) {
        Ok(action) => action,
        Err(error) => return failed(&error.to_string()),
    };
    let data = control.data.clone();
    let (tell, shown_later) = watch::channel(None);
    let task = tokio::spawn(async move {
        let outcome = action.done(&data).await;
        tell.send_replace(Some(outcome));
    });
    let id = control
        .begun
        .last
        .fetch_add(1, Ordering::SeqCst)
        .to_string();
    let acting = Acting {
        task: task.abort_handle(),
        shown: shown_later,
    };
    control.begun.all().insert(id.clone(), acting);
    done(json!({ "id": id }))
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Asked {
    id: String,
    wait_ms: u64,
}

/// What became of it, when it ends in time.
pub(super) async fn outcome(
    State(control): State<Arc<Control>>,
    Json(asked): Json<Asked>,
) -> Json<Value> {
    let acting = control
        .begun
        .all()
        .get(&asked.id)
        .map(|acting| acting.shown.clone());
    let Some(mut acting) = acting else {
        return failed(&format!("nothing with the number {}", asked.id));
    };
    let patience = Duration::from_millis(asked.wait_ms);
    let ended = tokio::time::timeout(patience, acting.wait_for(Option::is_some)).await;
    match ended {
        Err(_) => done(json!({})),
        Ok(Err(_)) => failed("the terminal died"),
        Ok(Ok(shown)) => {
            let shown = shown.clone().unwrap_or_default();
            control.begun.all().remove(&asked.id);
            done(json!({ "outcome": shown }))
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crash {
    id: String,
}

/// Ends a client in the middle of what it does.
pub(super) async fn crash(
    State(control): State<Arc<Control>>,
    Json(crash): Json<Crash>,
) -> Json<Value> {
    match control.begun.all().remove(&crash.id) {
        Some(acting) => {
            acting.task.abort();
            done(json!({}))
        }
        None => failed(&format!("nothing with the number {}", crash.id)),
    }
}

async fn pay(tap: Tap, own: &Path) -> anyhow::Result<Outcome> {
    let store = Arc::new(Sqlite::open(&own.with_extension("db"))?);
    let diary = Diary::open(&own.with_extension(LOG), Role::Pos, Arc::new(System))?;
    let patience = Duration::from_millis(tap.patience_ms);
    let till = Till::new(store, tap.issuer, patience, Arc::new(System)).logged(diary);
    till.settle().await?;
    let mut chip = Remote::connect(tap.chip).await?;
    let kind = if tap.financial {
        Kind::Financial
    } else {
        Kind::Authorisation
    };
    let sale = sale(kind, tap.amount_minor, &tap.currency, "CORNER-SHOP");
    Ok(till.tap(sale, &mut chip).await?.0)
}
