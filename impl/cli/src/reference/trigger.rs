//! What a client of the reference is told to do: a shop's terminal takes a payment, or dies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kaika_node::chip::Remote;
use kaika_node::clock::System;
use kaika_node::store::Sqlite;
use kaika_node::till::Till;
use kaika_pos::{Kind, Outcome};
use serde::Deserialize;
use serde_json::json;
use tokio::task::AbortHandle;

use super::{Control, Told};
use crate::tap::{sale, shown};

/// Shop terminals that pay just now, by name.
pub(super) type Terminals = Mutex<BTreeMap<String, AbortHandle>>;

/// A payment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tap {
    action: Action,
    issuer: SocketAddr,
    chip: SocketAddr,
    terminal: String,
    amount_minor: u64,
    currency: String,
    financial: bool,
    patience_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Tap,
}

/// The end of a terminal's process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Crash {
    terminal: String,
}

/// Pays, and says what is shown. A terminal keeps its store from one payment to the next.
pub(super) async fn trigger(State(control): State<Arc<Control>>, Json(tap): Json<Tap>) -> Told {
    let Action::Tap = tap.action;
    let file = control
        .data
        .join(format!("pos-{}.db", digest(&tap.terminal)));
    let name = tap.terminal.clone();
    let paying = tokio::spawn(pay(tap, file));
    locked(&control.terminals).insert(name, paying.abort_handle());
    match paying.await {
        Ok(Ok(outcome)) => (StatusCode::OK, Json(shown(&outcome))),
        Ok(Err(_)) => (StatusCode::OK, Json(json!({"result": "failed"}))),
        Err(_) => {
            let body = json!({"detail": "the terminal died"});
            (StatusCode::INTERNAL_SERVER_ERROR, Json(body))
        }
    }
}

/// Ends a terminal in the middle of what it does.
pub(super) async fn crash(State(control): State<Arc<Control>>, Json(crash): Json<Crash>) -> Told {
    match locked(&control.terminals).remove(&crash.terminal) {
        Some(paying) => {
            paying.abort();
            (StatusCode::OK, Json(json!({})))
        }
        None => {
            let detail = format!("no terminal {}", crash.terminal);
            (StatusCode::BAD_REQUEST, Json(json!({ "detail": detail })))
        }
    }
}

fn locked(terminals: &Terminals) -> std::sync::MutexGuard<'_, BTreeMap<String, AbortHandle>> {
    terminals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that is a file's name, whatever it was.
fn digest(name: &str) -> String {
    hex::encode(name)
}

async fn pay(tap: Tap, file: PathBuf) -> anyhow::Result<Outcome> {
    let store = Arc::new(Sqlite::open(&file)?);
    let patience = Duration::from_millis(tap.patience_ms);
    let till = Till::new(store, tap.issuer, patience, Arc::new(System));
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
