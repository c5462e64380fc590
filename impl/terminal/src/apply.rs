//! A card request, from the password to the chip's receipt. Read [`Apply::handle`] first.

use kaika_crypto::digest;
use kaika_wire::messages::Applicant;
use kaika_wire::messages::verifier::{Next, Opened};
use kaika_wire::value::{Apdu, Hex, Image};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::password::prove;
use crate::{Card, Effect, Failure, Http, Input, is_retry, refused};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The request.
    pub request_id: String,
    /// Key of its messages, hex.
    pub session_key: String,
}

/// A card request under way.
pub struct Apply {
    profile: Profile,
    terminal_nonce: String,
    kept: Option<Kept>,
    stage: Stage,
}

#[derive(Clone, Debug)]
enum Stage {
    Idle,
    Opening,
    Proving {
        session_key: String,
        request_id: String,
    },
    Resuming,
    Waiting,
    Code {
        otp_id: String,
    },
    Photos {
        policy_id: String,
    },
    Frames {
        policy_id: String,
        nonce: String,
        actions: Vec<String>,
    },
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
            kept: None,
            stage: Stage::Idle,
        }
    }

    /// A card request that a restart interrupted: it is asked about, never opened anew.
    pub fn resume(profile: Profile, kept: Kept) -> Self {
        Self {
            profile,
            terminal_nonce: String::new(),
            kept: Some(kept),
            stage: Stage::Idle,
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
            Input::Answer { body, .. } if is_retry(&body) => Effect::SendAgain,
            Input::Answer { body, .. } => self.refused(&body),
            Input::Silence => Effect::SendAgain,
            Input::Chip(responses) => self.relay(responses),
            Input::Code(code) => self.code(&code),
            // The stage stays: when it is too soon, the code that was sent still counts.
            Input::AnotherCode => self.send("otp/resend", json!({})),
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
        })
    }

    fn answered(&mut self, body: &Value) -> Effect {
        match self.stage.clone() {
            Stage::Opening => self.prove(body),
            Stage::Resuming => self.resumed(body),
            Stage::Proving {
                session_key,
                request_id,
            } => {
                self.kept = Some(Kept {
                    request_id,
                    session_key,
                });
                self.next(body)
            }
            _ => self.next(body),
        }
    }

    fn prove(&mut self, body: &Value) -> Effect {
        let Ok(opened) = serde_json::from_value::<Opened>(body.clone()) else {
            return self.fail(Failure::Unexpected);
        };
        let request_id = opened.request_id.to_string();
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
        })
    }

    /// What the verifier says comes next after a restart.
    fn resumed(&mut self, body: &Value) -> Effect {
        match body.get("next").and_then(Value::as_str).unwrap_or_default() {
            "applicant" => self.say_applicant(),
            "otp" => self.signed("otp/resend", json!({})),
            "issue" => self.signed("issue", json!({})),
            "provision" | "done" => {
                self.signed("provision", json!({"session": null, "responses": []}))
            }
            _ => self.fail(Failure::Unexpected),
        }
    }

    fn say_applicant(&mut self) -> Effect {
        let applicant = json!({"applicant": self.profile.applicant});
        self.signed("applicant", applicant)
    }

    fn next(&mut self, body: &Value) -> Effect {
        let Ok(next) = serde_json::from_value::<Next>(body.clone()) else {
            return self.fail(Failure::Unexpected);
        };
        match next {
            Next::Applicant {} => self.say_applicant(),
            Next::Otp { otp } => {
                self.stage = Stage::Code {
                    otp_id: otp.otp_id.to_string(),
                };
                Effect::AskCode {
                    phone_mask: otp.phone_mask,
                }
            }
            Next::IdPhotos { policy_id, .. } => {
                self.stage = Stage::Photos {
                    policy_id: policy_id.to_string(),
                };
                Effect::AskPhotos
            }
            Next::Frames {
                policy_id,
                nonce,
                actions,
                ..
            } => {
                let actions = actions.names();
                self.stage = Stage::Frames {
                    policy_id: policy_id.to_string(),
                    nonce: nonce.to_string(),
                    actions: actions.clone(),
                };
                Effect::AskFrames { actions }
            }
            Next::Issue {} => self.signed("issue", json!({})),
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
        let Stage::Code { otp_id } = self.stage.clone() else {
            return self.fail(Failure::Unexpected);
        };
        // The stage stays: after a wrong code the person tries again.
        self.send("otp", json!({"otp_id": otp_id, "code": code}))
    }

    fn photos(&mut self, front: Vec<u8>, back: Vec<u8>) -> Effect {
        let Stage::Photos { policy_id } = self.stage.clone() else {
            return self.fail(Failure::Unexpected);
        };
        let body = json!({"policy_id": policy_id, "front": Image(front), "back": Image(back)});
        self.signed("id-photos", body)
    }

    fn frames(&mut self, pictures: Vec<Vec<u8>>) -> Effect {
        let Stage::Frames {
            policy_id,
            nonce,
            actions,
        } = self.stage.clone()
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
        })
    }

    fn refused(&mut self, body: &Value) -> Effect {
        let failure = refused(body);
        match (&self.stage, &failure) {
            (Stage::Code { .. }, Failure::Refused { code, .. })
                if code == "otp-wrong" || code == "rate-limited" =>
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
mod tests {
    use super::*;

    fn profile() -> Profile {
        let applicant = json!({"name": "Li Lei", "id_type": "resident-id", "id_no": "1", "id_valid_to": "2030-01-01"});
        let Ok(applicant) = serde_json::from_value(applicant) else {
            panic!("an applicant")
        };
        Profile {
            account_id: "a".into(),
            password: "p".into(),
            device_id: "d".into(),
            se_id: "00".repeat(8),
            product: "debit".into(),
            tos_version: "1".into(),
            applicant,
        }
    }

    fn path(effect: &Effect) -> String {
        match effect {
            Effect::Send(http) => format!("{} {} {}", http.method, http.path, http.key.is_some()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_restart_asks_and_never_opens_anew() {
        let kept = Kept {
            request_id: "r".into(),
            session_key: "11".repeat(32),
        };
        for (next, want) in [
            ("applicant", "POST /v1/requests/r/applicant true"),
            ("otp", "POST /v1/requests/r/otp/resend true"),
            ("issue", "POST /v1/requests/r/issue true"),
            ("provision", "POST /v1/requests/r/provision true"),
        ] {
            let mut apply = Apply::resume(profile(), kept.clone());
            assert_eq!(
                path(&apply.handle(Input::Start)),
                "GET /v1/requests/r false"
            );
            let body = json!({"request_id": "r", "state": "x", "next": next});
            assert_eq!(
                path(&apply.handle(Input::Answer { status: 200, body })),
                want
            );
        }
    }

    #[test]
    fn a_challenge_with_weaker_parameters_is_not_answered() {
        let mut apply = Apply::new(profile(), [0; 16]);
        apply.handle(Input::Start);
        let challenge =
            json!({"salt": "00".repeat(16), "m_kib": 8, "t": 1, "p": 1, "nonce": "00".repeat(32)});
        let body = json!({"request_id": "00".repeat(16), "verifier_nonce": "00".repeat(16), "challenge": challenge, "expires_at": 1});
        assert_eq!(
            apply.handle(Input::Answer { status: 201, body }),
            Effect::Failed(Failure::Password)
        );
    }

    #[test]
    fn silence_repeats_under_the_same_key() {
        let mut apply = Apply::new(profile(), [0; 16]);
        apply.handle(Input::Start);
        assert_eq!(apply.handle(Input::Silence), Effect::SendAgain);
        let body = json!({"code": "in-progress", "class": "retry"});
        assert_eq!(
            apply.handle(Input::Answer { status: 409, body }),
            Effect::SendAgain
        );
    }

    #[test]
    fn what_comes_out_of_turn_ends_it() {
        for input in [
            Input::Code("1".into()),
            Input::Chip(vec![]),
            Input::Photos(vec![], vec![]),
            Input::Frames(vec![]),
        ] {
            let mut apply = Apply::new(profile(), [0; 16]);
            assert_eq!(apply.handle(input), Effect::Failed(Failure::Unexpected));
        }
    }
}
