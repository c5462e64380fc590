//! One card request, in each manner.

use std::collections::VecDeque;

use kaika_conformance::crypto::{labelled, password};
use serde_json::{Value, json};

use super::{Line, TRIES, failed, is_refusal, refused};

/// How a phone applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It keeps what its person was asked, and asks again after a restart.
    AsksAgain,
    /// It keeps what it said last, and says that again after a restart.
    SaysAgain,
    /// It knows nothing of a request that it died in.
    Forgets,
    /// It sends photos under another key after a restart.
    NewPhotos,
    /// It sends the video again while it is looked at.
    Films,
    /// It takes what nobody can read for the end.
    GivesUp,
    /// It takes every problem document for the verifier's last word.
    Believes,
    /// It says something again under another key.
    NewKeys,
    /// It asks for every other code in the same message.
    SameKey,
    /// It answers to the first code that it was told of.
    FirstCode,
    /// It asks for another code whatever its person says.
    Resends,
    /// It consents to what it had not said: another product.
    Consents,
}

/// One card request. A step ends well, or with what is shown.
pub(crate) struct Phone {
    manner: Manner,
    line: Line,
    /// What the person types.
    codes: VecDeque<Value>,
    /// What outlives it: `request_id`, `session`, both nonces, `asked`, `last`.
    kept: Value,
}

/// The last part of a path, and the message's body and key.
type Sent = (String, String, String);

const WORDS: &[&str] = &[
    "password",
    "applicant",
    "otp",
    "id-photos",
    "frames",
    "issue",
    "provision",
    "relay",
    "done",
    "cancelled",
    "none",
];

/// Whether it can be read what comes next.
fn says_next(body: &Value) -> bool {
    let is_hex = |command: &Value| {
        command
            .as_str()
            .is_some_and(|text| hex::decode(text).is_ok())
    };
    let commands = body["commands"].as_array();
    let word = body["next"].as_str();
    word.is_some_and(|word| WORDS.contains(&word))
        && commands.is_none_or(|all| all.iter().all(is_hex))
}

/// Whether the person is asked for a code again.
fn asks_again(told: &Result<Value, Value>) -> bool {
    let code = told.as_ref().err().and_then(|shown| shown["code"].as_str());
    code.is_some_and(|code| ["otp-wrong", "otp-expired", "rate-limited"].contains(&code))
}

impl Phone {
    pub(crate) fn new(manner: Manner, line: Line) -> Self {
        let codes = line.wanted["codes"].as_array().cloned();
        Self {
            manner,
            line,
            codes: codes.unwrap_or_default().into(),
            kept: Value::Null,
        }
    }

    /// Applies, or goes on where it died.
    pub(crate) fn applies(mut self) -> Value {
        let shown = match self.line.kept() {
            Some(kept) if self.manner != Manner::Forgets => {
                self.kept = kept;
                self.resumes()
            }
            _ => self.opens(),
        };
        let shown = shown.and_then(|next| self.goes_on(next));
        shown.unwrap_or_else(|shown| shown)
    }

    fn text(&self, name: &str) -> String {
        self.kept[name].as_str().unwrap_or_default().to_owned()
    }

    fn keeps(&mut self, name: &str, value: Value) {
        self.kept[name] = value;
        self.line.keeps(self.kept.clone());
    }

    /// Says something until it is answered, or often enough.
    fn until(
        &self,
        path: &str,
        key: &str,
        body: Option<&str>,
        can_read: impl Fn(&Value) -> bool,
    ) -> Result<Value, Value> {
        let session = hex::decode(self.text("session")).unwrap_or_default();
        let session = (!session.is_empty()).then_some(&session[..]);
        let mut key = key.to_owned();
        for _ in 0..TRIES {
            match self.line.say(path, &key, session, body) {
                Some((200 | 201, body)) if can_read(&body) => return Ok(body),
                Some((status, body)) if is_refusal(status, &body) => return Err(refused(&body)),
                Some((503, body)) if self.manner == Manner::Believes => {
                    return Err(refused(&body));
                }
                Some(_) if self.manner == Manner::GivesUp => return Err(failed()),
                _ if self.manner == Manner::NewKeys => key = self.line.key(),
                _ => {}
            }
            self.line.pause();
        }
        Err(failed())
    }

    /// Says something about the request.
    fn says(&self, (what, body, key): &Sent) -> Result<Value, Value> {
        let path = format!("/v1/requests/{}/{what}", self.text("request_id"));
        self.until(&path, key, Some(body), says_next)
    }

    /// A message of its own; kept, so that it can be said again.
    fn says_new(&mut self, what: &str, body: &Value) -> Result<Value, Value> {
        let sent = (what.to_owned(), body.to_string(), self.line.key());
        self.keeps("last", json!(sent));
        self.says(&sent)
    }

    fn opens(&mut self) -> Result<Value, Value> {
        let wanted = self.line.wanted.clone();
        let terminal_nonce = self.line.key();
        let mut body = json!({"terminal_nonce": terminal_nonce});
        for name in ["account_id", "device_id", "se_id", "product", "tos_version"] {
            body[name] = wanted[name].clone();
        }
        let is_opened = |body: &Value| body["challenge"]["salt"].is_string();
        let (key, body) = (self.line.key(), body.to_string());
        let opened = self.until("/v1/requests", &key, Some(&body), is_opened)?;
        let challenge = &opened["challenge"];
        if challenge["m_kib"] != kaika_spec::limit::ARGON2_M_KIB {
            return Err(failed());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let digest = labelled(
            "kaika/open/1",
            &[
                self.line.text("account_id"),
                self.line.text("device_id"),
                self.line.text("se_id"),
                self.line.text("product"),
                self.line.text("tos_version"),
                &terminal_nonce,
            ],
        );
        let request_id = text(&opened["request_id"]);
        let proved = password::prove(
            self.line.text("password"),
            &hex::decode(text(&challenge["salt"])).unwrap_or_default(),
            "apply",
            &request_id,
            &text(&challenge["nonce"]),
            &hex::encode(digest),
        );
        let proved = proved.map_err(|_| failed())?;
        let path = format!("/v1/requests/{request_id}/password");
        let (key, body) = (
            self.line.key(),
            json!({"proof": hex::encode(proved.proof)}).to_string(),
        );
        let next = self.until(&path, &key, Some(&body), says_next)?;
        self.kept = json!({
            "request_id": request_id, "session": hex::encode(proved.session), "terminal_nonce": terminal_nonce,
            "verifier_nonce": opened["verifier_nonce"], "asked": null, "last": null,
        });
        self.line.keeps(self.kept.clone());
        Ok(next)
    }

    /// Does what comes next, until nothing does.
    fn goes_on(&mut self, mut next: Value) -> Result<Value, Value> {
        loop {
            next = match next["next"].as_str().unwrap_or_default() {
                "applicant" => {
                    let body = json!({"applicant": self.line.wanted["applicant"]});
                    self.says_new("applicant", &body)?
                }
                "otp" => self.codes(&next)?,
                "id-photos" => self.photos(&next)?,
                "frames" => self.frames(&next)?,
                "issue" => self.consents()?,
                "provision" => self.begins()?,
                "relay" => self.relays(&next)?,
                "done" => {
                    self.line.forgets();
                    return Ok(json!({
                        "result": "ready", "card_code": next["card_code"], "token_ref": next["token_ref"],
                    }));
                }
                _ => return Err(failed()),
            };
        }
    }

    /// Asks for the code until one is right or another is sent.
    fn codes(&mut self, next: &Value) -> Result<Value, Value> {
        if self.manner != Manner::FirstCode || self.kept["asked"].is_null() {
            self.keeps("asked", next.clone());
        }
        let otp_id = self.kept["asked"]["otp"]["otp_id"].clone();
        loop {
            let code = self.codes.pop_front().ok_or_else(failed)?;
            let told = if code.is_null() || self.manner == Manner::Resends {
                self.another()
            } else {
                self.says_new("otp", &json!({"otp_id": otp_id, "code": code}))
            };
            if !asks_again(&told) {
                return told;
            }
        }
    }

    fn another(&mut self) -> Result<Value, Value> {
        if self.manner == Manner::SameKey {
            let sent = ("otp/resend".to_owned(), "{}".to_owned(), "0".repeat(32));
            return self.says(&sent);
        }
        self.says_new("otp/resend", &json!({}))
    }

    fn photos(&mut self, next: &Value) -> Result<Value, Value> {
        let wanted = &self.line.wanted;
        let body = json!({
            "policy_id": next["policy_id"], "front": wanted["front"], "back": wanted["back"],
        });
        let known = next["key"].as_str().map(str::to_owned);
        let key = known.filter(|_| self.manner != Manner::NewPhotos);
        let key = key.unwrap_or_else(|| self.line.key());
        let mut asked = next.clone();
        asked["key"] = json!(key);
        self.keeps("asked", asked);
        let sent = ("id-photos".to_owned(), body.to_string(), key);
        self.keeps("last", json!(sent));
        self.says(&sent)
    }

    fn frames(&mut self, next: &Value) -> Result<Value, Value> {
        self.keeps("asked", next.clone());
        let pictures = &self.line.wanted["frames"];
        let actions = next["actions"].as_array().cloned().unwrap_or_default();
        let frames: Vec<Value> = actions
            .iter()
            .map(|action| {
                let image = &pictures[action.as_str().unwrap_or_default()];
                json!({"action": action, "image": image})
            })
            .collect();
        let body =
            json!({"policy_id": next["policy_id"], "nonce": next["nonce"], "frames": frames});
        self.says_new("frames", &body)
    }

    fn consents(&mut self) -> Result<Value, Value> {
        let wanted = &self.line.wanted["applicant"];
        let of = |name: &str| wanted[name].as_str().unwrap_or_default();
        let applicant = [of("name"), of("id_type"), of("id_no"), of("id_valid_to")];
        let applicant = hex::encode(labelled("kaika/applicant/1", &applicant));
        let product = match self.manner {
            Manner::Consents => "credit",
            _ => self.line.text("product"),
        };
        let context = labelled(
            "kaika/request/1",
            &[
                &self.text("request_id"),
                self.line.text("account_id"),
                self.line.text("device_id"),
                self.line.text("se_id"),
                &applicant,
                product,
                self.line.text("tos_version"),
                &self.text("terminal_nonce"),
                &self.text("verifier_nonce"),
            ],
        );
        let consent = self.line.evidence(1, &hex::encode(context));
        let consent = consent.ok_or_else(failed)?;
        self.says_new("issue", &json!({"consent": consent}))
    }

    fn begins(&mut self) -> Result<Value, Value> {
        self.provisions(&json!({"session": null, "responses": []}))
    }

    fn relays(&mut self, next: &Value) -> Result<Value, Value> {
        let commands = next["commands"].as_array().cloned().unwrap_or_default();
        let commands: Vec<String> = commands
            .iter()
            .filter_map(|command| command.as_str().map(str::to_owned))
            .collect();
        let answers = self.line.chip(&commands).ok_or_else(failed)?;
        let answers: Vec<String> = answers.into_iter().map(hex::encode).collect();
        self.provisions(&json!({"session": next["session"], "responses": answers}))
    }

    /// The script starts again when it fails.
    fn provisions(&mut self, body: &Value) -> Result<Value, Value> {
        match self.says_new("provision", body) {
            Err(shown) if shown["code"] == "personalisation-failed" => {
                Ok(json!({"next": "provision"}))
            }
            told => told,
        }
    }

    /// What comes next after a restart, by the verifier's word on the request and by what is kept.
    fn resumes(&mut self) -> Result<Value, Value> {
        let path = format!("/v1/requests/{}", self.text("request_id"));
        let can_read = |body: &Value| {
            let state = body["state"].as_str().unwrap_or_default();
            says_next(body) && state != "perhaps"
        };
        let mut told = Value::Null;
        for _ in 0..TRIES {
            told = self.until(&path, "", None, can_read)?;
            if told["state"] != "await-match" || self.manner == Manner::Films {
                break;
            }
            self.line.pause();
        }
        let next = told["next"].as_str().unwrap_or_default();
        let asked = self.kept["asked"].clone();
        let asks = asked["next"].as_str().unwrap_or_default();
        match (asks, next) {
            ("otp", "otp") | ("id-photos", "id-photos" | "frames") | ("frames", "frames") => {
                self.answers(asked)
            }
            (_, "done") => Ok(json!({"next": "provision"})),
            _ => Ok(json!({ "next": next })),
        }
    }

    /// The person is asked again, or what was said is said again.
    fn answers(&mut self, asked: Value) -> Result<Value, Value> {
        let last = serde_json::from_value::<Sent>(self.kept["last"].clone());
        match last {
            Ok(last) if self.manner == Manner::SaysAgain && last.0 == asked["next"] => {
                self.codes.pop_front();
                let told = self.says(&last);
                if asks_again(&told) { Ok(asked) } else { told }
            }
            _ => Ok(asked),
        }
    }
}
