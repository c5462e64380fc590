//! One payment, in each manner.

use kaika_conformance::crypto::{labelled, password};
use serde_json::{Value, json};

use super::{Line, TRIES, failed, is_refusal, refused};

/// How a phone pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It sends the payment again.
    Repeats,
    /// It looks the order up.
    LooksUp,
    /// It takes silence for a no.
    GivesUp,
    /// It says it again under another key.
    NewKeys,
    /// It signs what it is told, whatever was wanted.
    SignsAll,
    /// It takes the digest that it is told.
    Trusts,
    /// It takes the result of any order.
    Believes,
    /// It knows nothing of what it sent before it died.
    Forgets,
    /// It never forgets what it sent.
    Hoards,
    /// It takes an order that is open for one that nobody paid.
    Hurries,
}

/// One payment.
pub(crate) struct Phone {
    pub(crate) manner: Manner,
    pub(crate) line: Line,
}

impl Phone {
    /// Pays, or asks about what it sent before it died.
    pub(crate) fn pays(&self) -> Value {
        match self.line.kept() {
            Some(sent) => self.told(&sent, true),
            None => self.begins(),
        }
    }

    /// The order, when it is the one that is wanted, and the digest of it.
    fn order(&self) -> Result<(Value, String), Value> {
        let wanted = &self.line.wanted;
        let fields = ["account_id", "payee", "amount_minor", "currency"];
        let body: Value = fields
            .iter()
            .map(|name| ((*name).to_owned(), wanted[*name].clone()))
            .collect();
        let (key, body) = (self.line.key(), body.to_string());
        for _ in 0..TRIES {
            match self.line.say("/v1/orders", &key, None, Some(&body)) {
                Some((201, order)) if order["order_id"].is_string() => {
                    let same = fields.iter().all(|name| order[*name] == wanted[*name]);
                    let told = order["order_digest"].as_str().unwrap_or_default();
                    let own = digest(&order);
                    let known = order["challenge"]["m_kib"] == kaika_spec::limit::ARGON2_M_KIB;
                    let fits = match self.manner {
                        Manner::SignsAll => own == told,
                        Manner::Trusts => same,
                        _ => same && own == told,
                    };
                    return if fits && known {
                        Ok((order.clone(), told.to_owned()))
                    } else {
                        Err(failed())
                    };
                }
                Some((status, body)) if is_refusal(status, &body) => return Err(refused(&body)),
                _ => self.line.pause(),
            }
        }
        Err(failed())
    }

    fn begins(&self) -> Value {
        let (order, order_digest) = match self.order() {
            Ok(ordered) => ordered,
            Err(shown) => return shown,
        };
        let id = order["order_id"].as_str().unwrap_or_default();
        let card = self.line.text("card_code");
        let digest = hex::encode(labelled("kaika/pay/1", &[&order_digest, card]));
        let Some(evidence) = self.line.evidence(2, &digest) else {
            return failed();
        };
        let challenge = &order["challenge"];
        let salt = challenge["salt"]
            .as_str()
            .and_then(|salt| hex::decode(salt).ok());
        let nonce = challenge["nonce"].as_str().unwrap_or_default();
        let (password, salt) = (self.line.text("password"), salt.unwrap_or_default());
        let proved = password::prove(password, &salt, "pay", id, nonce, &digest);
        let Ok(proved) = proved else {
            return failed();
        };
        let body = json!({
            "account_id": self.line.wanted["account_id"], "card_code": card, "order_digest": order_digest,
            "proof": hex::encode(proved.proof), "evidence": evidence,
        });
        let sent = json!({"id": id, "body": body.to_string(), "key": self.line.key()});
        if self.manner != Manner::Forgets {
            self.line.keeps(sent.clone());
        }
        self.told(&sent, false)
    }

    /// What is shown of an answer; nothing when it is none.
    fn shown(&self, id: &str, status: u16, body: &Value) -> Option<Value> {
        let ours = body["order_id"] == id || self.manner == Manner::Believes;
        match body["result"].as_str() {
            Some("paid") if status == 200 && ours => {
                let mut shown = json!({"result": "paid"});
                if let Some(code) = body.get("auth_code") {
                    shown["auth_code"] = code.clone();
                }
                Some(shown)
            }
            Some("declined") if status == 200 && ours => Some(json!({"result": "declined"})),
            Some("expired") if status == 200 && ours => {
                Some(json!({"result": "refused", "code": "order-closed"}))
            }
            Some("open") if self.manner == Manner::Hurries => Some(failed()),
            _ if is_refusal(status, body) => Some(refused(body)),
            _ => None,
        }
    }

    /// Asks until there is an answer, or there have been enough; whether it was sent by an earlier life.
    fn told(&self, sent: &Value, is_again: bool) -> Value {
        let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
        let (id, body, mut key) = (text("id"), text("body"), text("key"));
        if is_again && self.manner == Manner::NewKeys {
            key = self.line.key();
        }
        let path = format!("/v1/orders/{id}/pay");
        let looks_up = matches!(self.manner, Manner::LooksUp | Manner::Hurries);
        for attempt in 0..TRIES {
            let answer = if looks_up && (is_again || attempt > 0) {
                self.line.say(&format!("/v1/orders/{id}"), "", None, None)
            } else {
                self.line.say(&path, &key, None, Some(&body))
            };
            let shown = answer.and_then(|(status, body)| self.shown(&id, status, &body));
            if let Some(shown) = shown {
                if self.manner != Manner::Hoards {
                    self.line.forgets();
                }
                return shown;
            }
            match self.manner {
                Manner::GivesUp => return failed(),
                Manner::NewKeys => key = self.line.key(),
                _ => {}
            }
            self.line.pause();
        }
        json!({"result": "unknown"})
    }
}

/// The digest of what an order says.
fn digest(order: &Value) -> String {
    let text = |name: &str| match &order[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = [
        "order_id",
        "account_id",
        "payee",
        "amount_minor",
        "currency",
        "expires_at",
        "nonce",
    ]
    .map(text);
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    hex::encode(labelled("kaika/order/1", &fields))
}
