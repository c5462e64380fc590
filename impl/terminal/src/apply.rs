//! A card request, from the password to the chip's receipt. Read [`Apply::handle`] first.

use kaika_crypto::digest;
use kaika_wire::messages::Applicant;
use kaika_wire::messages::verifier::{Next, NextWord, Opened, RequestState};
use kaika_wire::value::{Apdu, Hex, Image};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::evidence::{self, Kind};
use crate::password::prove;
use crate::{Card, Effect, Failure, Http, Input, is_refusal, is_retry, refused};

/// Who applies, with what, for what.
#[derive(Clone, Serialize, Deserialize)]
pub struct Profile {
    /// Account.
    pub account_id: String,
    /// Its password.
    pub password: String,
    /// Phone.
    pub device_id: String,
    /// Chip, 16 hex digits.
    pub se_id: String,
    /// Product.
    pub product: String,
    /// Version of the terms.
    pub tos_version: String,
    /// Who applies.
    pub applicant: Applicant,
}

/// Where a card request stands: what survives a restart of the phone. It holds no password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The request.
    pub request_id: String,
    /// Key of its messages, hex.
    pub session_key: String,
    /// The terminal's nonce, hex: a part of the request context.
    pub terminal_nonce: String,
    /// The verifier's nonce, hex: another.
    pub verifier_nonce: String,
    /// What the person was asked last.
    #[serde(default)]
    pub asked: Option<Asked>,
}

impl core::fmt::Debug for Kept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Kept")
    }
}

/// What a person was asked, with all that the answer has to name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// The code that was sent.
    Code {
        /// Its id.
        otp_id: String,
        /// The phone, masked.
        phone_mask: String,
    },
    /// Photos of the document.
    Photos {
        /// The policy.
        policy_id: String,
    },
    /// The video.
    Frames {
        /// The policy.
        policy_id: String,
        /// Its nonce.
        nonce: String,
        /// The actions, in order.
        actions: Vec<String>,
    },
}

/// A card request under way.
pub struct Apply {
    profile: Profile,
    terminal_nonce: String,
    verifier_nonce: String,
    kept: Option<Kept>,
    stage: Stage,
    /// How often a match under way was asked about.
    waited: u32,
}

/// The idempotency key of the photos for a policy: a restarted terminal knows it again.
fn photos_key(session_key: &str, policy_id: &str) -> String {
    let digest = kaika_crypto::digest::labelled("kaika/photos-key/1", &[session_key, policy_id]);
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// A body of this form, if it is one.
fn read<T: DeserializeOwned>(body: &Value) -> Option<T> {
    serde_json::from_value(body.clone()).ok()
}

/// How often a match under way is asked about before the video is taken again.
const WAITS_MAX: u32 = 3;

#[derive(Clone)]
enum Stage {
    Idle,
    Opening,
    Proving {
        session_key: String,
        request_id: String,
    },
    Resuming,
    Waiting,
    Asking(Asked),
    Consenting,
    Relaying {
        session: String,
    },
    Over,
}

impl Apply {
    /// A new card request. `terminal_nonce` is fresh entropy.
    pub fn new(profile: Profile, terminal_nonce: [u8; 16]) -> Self {
        Self {
            profile,
            terminal_nonce: hex::encode(terminal_nonce),
            verifier_nonce: String::new(),
            kept: None,
            stage: Stage::Idle,
            waited: 0,
        }
    }

    /// A card request that a restart interrupted: it is asked about, never opened anew.
    pub fn resume(profile: Profile, kept: Kept) -> Self {
        Self {
            profile,
            terminal_nonce: kept.terminal_nonce.clone(),
            verifier_nonce: kept.verifier_nonce.clone(),
            kept: Some(kept),
            stage: Stage::Idle,
            waited: 0,
        }
    }

    /// What to keep for [`Apply::resume`], once the password is proved.
    pub const fn kept(&self) -> Option<&Kept> {
        self.kept.as_ref()
    }

    /// Takes one input and says what must be done next.
    pub fn handle(&mut self, input: Input) -> Effect {
        match input {
            Input::Start => self.start(),
            Input::Answer { status, body } if status < 300 => self.answered(&body),
            Input::Answer { status, body } if is_refusal(status, &body) && !is_retry(&body) => {
                self.refused(&body)
            }
            //= spec/90-wire.md#wir-17-what-was-not-answered-is-said-again
            //# The terminal MUST repeat a message that was not answered, a payment excepted, under the same route, key and body.
            Input::Answer { .. } | Input::Silence => Effect::SendAgain,
            Input::Chip(responses) => self.chip(responses),
            Input::Code(code) => self.code(&code),
            Input::AnotherCode => self.another(),
            Input::Photos(front, back) => self.photos(front, back),
            Input::Frames(pictures) => self.frames(pictures),
        }
    }

    fn start(&mut self) -> Effect {
        if let Some(kept) = &self.kept {
            self.stage = Stage::Resuming;
            let path = format!("/v1/requests/{}", kept.request_id);
            return Effect::Send(Http {
                method: "GET",
                path,
                body: Value::Null,
                key: None,
                again: None,
            });
        }
        self.stage = Stage::Opening;
        let body = json!({
            "account_id": self.profile.account_id,
            "device_id": self.profile.device_id,
            "se_id": self.profile.se_id,
            "product": self.profile.product,
            "tos_version": self.profile.tos_version,
            "terminal_nonce": self.terminal_nonce,
        });
        Effect::Send(Http {
            method: "POST",
            path: "/v1/requests".into(),
            body,
            key: None,
            again: None,
        })
    }

    fn answered(&mut self, body: &Value) -> Effect {
        match self.stage.clone() {
            Stage::Opening => self.prove(body),
            Stage::Resuming => self.resumed(body),
            stage => match read(body) {
                Some(next) => self.went_on(stage, next),
                None => Effect::SendAgain,
            },
        }
    }

    /// It can be read what comes next.
    fn went_on(&mut self, stage: Stage, next: Next) -> Effect {
        if let Stage::Proving {
            session_key,
            request_id,
        } = stage
        {
            self.kept = Some(Kept {
                request_id,
                session_key,
                terminal_nonce: self.terminal_nonce.clone(),
                verifier_nonce: self.verifier_nonce.clone(),
                asked: None,
            });
        }
        self.next(next)
    }

    fn prove(&mut self, body: &Value) -> Effect {
        let Some(opened) = read::<Opened>(body) else {
            return Effect::SendAgain;
        };
        let request_id = opened.request_id.to_string();
        self.verifier_nonce = opened.verifier_nonce.to_string();
        let digest = hex::encode(digest::open(&digest::Open {
            account_id: &self.profile.account_id,
            device_id: &self.profile.device_id,
            se_id: &self.profile.se_id,
            product: &self.profile.product,
            tos_version: &self.profile.tos_version,
            terminal_nonce: &self.terminal_nonce,
        }));
        let Some(proved) = prove(
            &self.profile.password,
            &opened.challenge,
            "apply",
            &request_id,
            &digest,
        ) else {
            return self.fail(Failure::Password);
        };
        let path = format!("/v1/requests/{request_id}/password");
        self.stage = Stage::Proving {
            session_key: hex::encode(proved.session),
            request_id,
        };
        Effect::Send(Http {
            method: "POST",
            path,
            body: json!({"proof": hex::encode(proved.proof)}),
            key: None,
            again: None,
        })
    }

    /// What the verifier says comes next after a restart.
    fn resumed(&mut self, body: &Value) -> Effect {
        //= spec/30-prove.md#prv-20-a-restart-goes-on
        //# A terminal that is started again MUST answer what its person was asked before, as long as the verifier says that the
        //# request waits for it.
        let word = |name: &str| body.get(name).unwrap_or(&Value::Null);
        let state = read::<RequestState>(word("state"));
        let (Some(state), Some(next)) = (state, read::<NextWord>(word("next"))) else {
            return Effect::SendAgain;
        };
        //= spec/30-prove.md#prv-22-a-match-under-way-is-waited-for
        //# A terminal that is started again MUST ask for the request again before it sends frames, when the verifier says that a
        //# match is under way.
        if state == RequestState::AwaitMatch && self.waited < WAITS_MAX {
            self.waited = self.waited.saturating_add(1);
            return Effect::SendAgain;
        }
        let asked = self.kept.as_ref().and_then(|kept| kept.asked.clone());
        match (next, asked) {
            (NextWord::Otp, Some(asked @ Asked::Code { .. }))
            // Sent perhaps, and not heard: the same photos under the same key have the same answer.
            | (NextWord::IdPhotos | NextWord::Frames, Some(asked @ Asked::Photos { .. }))
            | (NextWord::Frames, Some(asked @ Asked::Frames { .. })) => self.ask(asked),
            (next, _) => self.go_on(next),
        }
    }

    fn go_on(&mut self, next: NextWord) -> Effect {
        match next {
            NextWord::Applicant => self.say_applicant(),
            NextWord::Otp => self.signed("otp/resend", json!({})),
            NextWord::Issue => self.consent(),
            NextWord::Provision | NextWord::Done => {
                self.signed("provision", json!({"session": null, "responses": []}))
            }
            NextWord::Password
            | NextWord::IdPhotos
            | NextWord::Frames
            | NextWord::Cancelled
            | NextWord::None => self.fail(Failure::Unexpected),
        }
    }

    fn say_applicant(&mut self) -> Effect {
        let applicant = json!({"applicant": self.profile.applicant});
        self.signed("applicant", applicant)
    }

    fn next(&mut self, next: Next) -> Effect {
        match next {
            Next::Applicant {} => self.say_applicant(),
            //= spec/30-prove.md#prv-21-the-newest-code
            //# The terminal MUST send what its person types under the id of the last code that it was told of.
            Next::Otp { otp } => {
                let otp_id = otp.otp_id.to_string();
                self.ask(Asked::Code {
                    otp_id,
                    phone_mask: otp.phone_mask,
                })
            }
            Next::IdPhotos { policy_id, .. } => {
                let policy_id = policy_id.to_string();
                self.ask(Asked::Photos { policy_id })
            }
            Next::Frames {
                policy_id,
                nonce,
                actions,
                ..
            } => {
                let (policy_id, nonce) = (policy_id.to_string(), nonce.to_string());
                let actions = actions.names();
                self.ask(Asked::Frames {
                    policy_id,
                    nonce,
                    actions,
                })
            }
            Next::Issue {} => self.consent(),
            Next::Provision { .. } => {
                self.signed("provision", json!({"session": null, "responses": []}))
            }
            Next::Relay { session, commands } => self.give(session, commands),
            Next::Done {
                card_code,
                token_ref,
            } => {
                self.stage = Stage::Over;
                Effect::Ready(Card {
                    card_code: card_code.into(),
                    token_ref: token_ref.to_string(),
                })
            }
            Next::Cancelled {} => self.fail(Failure::Unexpected),
        }
    }

    /// Asks the person, and keeps what was asked for a restart.
    fn ask(&mut self, asked: Asked) -> Effect {
        let effect = match &asked {
            Asked::Code { phone_mask, .. } => Effect::AskCode {
                phone_mask: phone_mask.clone(),
            },
            Asked::Photos { .. } => Effect::AskPhotos,
            Asked::Frames { actions, .. } => Effect::AskFrames {
                actions: actions.clone(),
            },
        };
        if let Some(kept) = &mut self.kept {
            kept.asked = Some(asked.clone());
        }
        self.stage = Stage::Asking(asked);
        effect
    }

    /// Has the chip consent to this request.
    fn consent(&mut self) -> Effect {
        let Some(context) = self.context() else {
            return self.fail(Failure::Unexpected);
        };
        self.stage = Stage::Consenting;
        Effect::Sign(evidence::commands(Kind::Consent, &context))
    }

    /// The request context, from what the terminal sent, drew and was answered.
    fn context(&self) -> Option<[u8; 32]> {
        //= spec/20-apply.md#app-16-the-terminal-consents-to-what-it-knows
        //# The terminal MUST have its chip consent to the request context that it computed itself, and to no digest that it was
        //# told.
        let who = &self.profile.applicant;
        let applicant = digest::applicant(&digest::Applicant {
            name: who.name.as_str(),
            id_type: who.id_type.as_str(),
            id_no: who.id_no.as_str(),
            id_valid_to: who.id_valid_to.as_str(),
        });
        Some(digest::request_context(&digest::RequestContext {
            request_id: &self.kept.as_ref()?.request_id,
            account_id: &self.profile.account_id,
            device_id: &self.profile.device_id,
            se_id: &self.profile.se_id,
            applicant_digest: &hex::encode(applicant),
            product: &self.profile.product,
            tos_version: &self.profile.tos_version,
            terminal_nonce: &self.terminal_nonce,
            verifier_nonce: &self.verifier_nonce,
        }))
    }

    /// The chip answered: the issuer's commands, or the wish to sign.
    fn chip(&mut self, responses: Vec<Vec<u8>>) -> Effect {
        if !matches!(self.stage, Stage::Consenting) {
            return self.relay(responses);
        }
        match evidence::answered(&responses) {
            Some(consent) => self.signed("issue", json!({"consent": consent})),
            None => self.fail(Failure::Unsigned),
        }
    }

    fn give(&mut self, session: Hex<16>, commands: Vec<Apdu>) -> Effect {
        self.stage = Stage::Relaying {
            session: session.to_string(),
        };
        Effect::Chip(commands.into_iter().map(|command| command.0).collect())
    }

    fn relay(&mut self, responses: Vec<Vec<u8>>) -> Effect {
        let Stage::Relaying { session } = self.stage.clone() else {
            return self.fail(Failure::Unexpected);
        };
        let responses: Vec<String> = responses.into_iter().map(hex::encode).collect();
        self.signed(
            "provision",
            json!({"session": session, "responses": responses}),
        )
    }

    fn code(&mut self, code: &str) -> Effect {
        let Stage::Asking(Asked::Code { otp_id, .. }) = self.stage.clone() else {
            return self.fail(Failure::Unexpected);
        };
        // The stage stays: after a wrong code the person tries again.
        self.send("otp", json!({"otp_id": otp_id, "code": code}))
    }

    fn another(&mut self) -> Effect {
        match self.stage {
            // The stage stays: when no other is sent, the code before still counts.
            Stage::Asking(Asked::Code { .. }) => self.send("otp/resend", json!({})),
            _ => self.fail(Failure::Unexpected),
        }
    }

    fn photos(&mut self, front: Vec<u8>, back: Vec<u8>) -> Effect {
        let Stage::Asking(Asked::Photos { policy_id }) = self.stage.clone() else {
            return self.fail(Failure::Unexpected);
        };
        let body = json!({"policy_id": policy_id, "front": Image(front), "back": Image(back)});
        let again = self
            .kept
            .as_ref()
            .map(|kept| photos_key(&kept.session_key, &policy_id));
        match self.signed("id-photos", body) {
            Effect::Send(message) => Effect::Send(Http { again, ..message }),
            other => other,
        }
    }

    fn frames(&mut self, pictures: Vec<Vec<u8>>) -> Effect {
        let Stage::Asking(Asked::Frames {
            policy_id,
            nonce,
            actions,
        }) = self.stage.clone()
        else {
            return self.fail(Failure::Unexpected);
        };
        let frames: Vec<Value> = actions
            .into_iter()
            .zip(pictures)
            .map(|(action, picture)| json!({"action": action, "image": Image(picture)}))
            .collect();
        self.signed(
            "frames",
            json!({"policy_id": policy_id, "nonce": nonce, "frames": frames}),
        )
    }

    fn signed(&mut self, what: &str, body: Value) -> Effect {
        self.stage = Stage::Waiting;
        self.send(what, body)
    }

    fn send(&mut self, what: &str, body: Value) -> Effect {
        let Some(kept) = &self.kept else {
            return self.fail(Failure::Unexpected);
        };
        let path = format!("/v1/requests/{}/{what}", kept.request_id);
        let key = hex::decode(&kept.session_key)
            .ok()
            .and_then(|key| key.try_into().ok());
        Effect::Send(Http {
            method: "POST",
            path,
            body,
            key,
            again: None,
        })
    }

    fn refused(&mut self, body: &Value) -> Effect {
        let failure = refused(body);
        match (&self.stage, &failure) {
            (Stage::Asking(Asked::Code { .. }), Failure::Refused { code, .. })
                if ["otp-wrong", "otp-expired", "rate-limited"].contains(&code.as_str()) =>
            {
                Effect::AskCode {
                    phone_mask: String::new(),
                }
            }
            (_, Failure::Refused { code, .. }) if code == "personalisation-failed" => {
                self.signed("provision", json!({"session": null, "responses": []}))
            }
            _ => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) -> Effect {
        self.stage = Stage::Over;
        Effect::Failed(failure)
    }
}

#[cfg(test)]
mod tests;
