//! A card request, from the password to the chip's receipt. Read [`Apply::handle`] first.

use kaika_crypto::digest;
use kaika_wire::messages::Applicant;
use kaika_wire::messages::verifier::{Next, Opened};
use kaika_wire::value::{Apdu, Hex, Image};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::evidence::{self, Kind};
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
            Input::Answer { body, .. } if is_retry(&body) => Effect::SendAgain,
            Input::Answer { body, .. } => self.refused(&body),
            Input::Silence => Effect::SendAgain,
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
            Stage::Proving {
                session_key,
                request_id,
            } => {
                self.kept = Some(Kept {
                    request_id,
                    session_key,
                    terminal_nonce: self.terminal_nonce.clone(),
                    verifier_nonce: self.verifier_nonce.clone(),
                    asked: None,
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
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("state") == "await-match" && self.waited < WAITS_MAX {
            self.waited = self.waited.saturating_add(1);
            return Effect::SendAgain;
        }
        let asked = self.kept.as_ref().and_then(|kept| kept.asked.clone());
        match (text("next"), asked) {
            ("otp", Some(asked @ Asked::Code { .. }))
            // Sent perhaps, and not heard: the same photos under the same key have the same answer.
            | ("id-photos" | "frames", Some(asked @ Asked::Photos { .. }))
            | ("frames", Some(asked @ Asked::Frames { .. })) => self.ask(asked),
            (next, _) => self.go_on(next),
        }
    }

    fn go_on(&mut self, next: &str) -> Effect {
        match next {
            "applicant" => self.say_applicant(),
            "otp" => self.signed("otp/resend", json!({})),
            "issue" => self.consent(),
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

    /// The chip is asked to consent to the context of the profile and of what was kept, computed with Python's `hashlib`.
    const CONSENT: &str =
        "sign 802a0100207afdbaff24471cade08fcfb1241479ff96e13f65b2cb3821cb322ddd6b73d57400";

    fn path(effect: &Effect) -> String {
        match effect {
            Effect::Send(http) => format!("{} {} {}", http.method, http.path, http.key.is_some()),
            Effect::Sign(commands) => {
                let last = commands.last().map(hex::encode).unwrap_or_default();
                format!("sign {last}")
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_restart_asks_and_never_opens_anew() {
        let kept = Kept {
            request_id: "r".into(),
            session_key: "11".repeat(32),
            terminal_nonce: "22".repeat(16),
            verifier_nonce: "33".repeat(16),
            asked: None,
        };
        for (next, want) in [
            ("applicant", "POST /v1/requests/r/applicant true"),
            ("otp", "POST /v1/requests/r/otp/resend true"),
            ("issue", CONSENT),
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
    fn a_restart_answers_what_was_asked_before() {
        //= spec/30-prove.md#prv-20-a-restart-goes-on
        //= type=test
        //# A terminal that is started again MUST answer what its person was asked before, as long as the verifier says that the
        //# request waits for it.
        let (id, key) = ("00".repeat(16), "11".repeat(32));
        let code = Asked::Code {
            otp_id: id.clone(),
            phone_mask: "**01".into(),
        };
        let photos = Asked::Photos {
            policy_id: id.clone(),
        };
        let frames = Asked::Frames {
            policy_id: id.clone(),
            nonce: id,
            actions: vec!["nod".into()],
        };
        let resume = |asked: &Asked, state: &str, next: &str| {
            let kept = Kept {
                request_id: "r".into(),
                session_key: key.clone(),
                terminal_nonce: "22".repeat(16),
                verifier_nonce: "33".repeat(16),
                asked: Some(asked.clone()),
            };
            let mut apply = Apply::resume(profile(), kept);
            apply.handle(Input::Start);
            let body = json!({"request_id": "r", "state": state, "next": next});
            let effect = apply.handle(Input::Answer {
                status: 200,
                body: body.clone(),
            });
            (apply, effect, body)
        };
        let (mut apply, effect, _) = resume(&code, "await-otp", "otp");
        let phone_mask = "**01".into();
        assert_eq!(effect, Effect::AskCode { phone_mask });
        assert_eq!(
            path(&apply.handle(Input::Code("012345".into()))),
            "POST /v1/requests/r/otp true"
        );
        let (mut apply, effect, _) = resume(&photos, "await-photos", "id-photos");
        assert_eq!(effect, Effect::AskPhotos);
        assert_eq!(
            path(&apply.handle(Input::Photos(vec![1], vec![2]))),
            "POST /v1/requests/r/id-photos true"
        );
        let (mut apply, effect, _) = resume(&frames, "await-frames", "frames");
        let actions = vec!["nod".to_owned()];
        assert_eq!(effect, Effect::AskFrames { actions });
        assert_eq!(
            path(&apply.handle(Input::Frames(vec![vec![1]]))),
            "POST /v1/requests/r/frames true"
        );
        // The photos were sent and their answer was not heard: they are sent again, under the same key.
        let sent = |(mut apply, effect, _): (Apply, Effect, Value)| {
            assert_eq!(effect, Effect::AskPhotos);
            match apply.handle(Input::Photos(vec![1], vec![2])) {
                Effect::Send(message) => message.again,
                other => panic!("{other:?}"),
            }
        };
        let first = sent(resume(&photos, "await-photos", "id-photos"));
        let second = sent(resume(&photos, "await-frames", "frames"));
        assert!(first.is_some());
        assert_eq!(first, second);
        assert_eq!(path(&resume(&code, "await-issue", "issue").1), CONSENT);
        // A match under way may yet be answered; only then the video is taken again.
        let (mut apply, mut effect, body) = resume(&frames, "await-match", "frames");
        for _ in 0..WAITS_MAX {
            assert_eq!(effect, Effect::SendAgain);
            let body = body.clone();
            effect = apply.handle(Input::Answer { status: 200, body });
        }
        assert!(matches!(effect, Effect::AskFrames { .. }));
    }

    #[test]
    fn what_is_typed_goes_under_the_newest_code() {
        //= spec/30-prove.md#prv-21-the-newest-code
        //= type=test
        //# The terminal MUST send what its person types under the id of the last code that it was told of.
        let (first, second) = ("11".repeat(16), "22".repeat(16));
        let kept = Kept {
            request_id: "r".into(),
            session_key: "11".repeat(32),
            terminal_nonce: "22".repeat(16),
            verifier_nonce: "33".repeat(16),
            asked: None,
        };
        let mut apply = Apply::resume(profile(), kept);
        assert_eq!(
            Apply::new(profile(), [0; 16]).handle(Input::AnotherCode),
            Effect::Failed(Failure::Unexpected)
        );
        apply.handle(Input::Start);
        let is_waiting = json!({"request_id": "r", "state": "await-otp", "next": "otp"});
        let sent = apply.handle(Input::Answer {
            status: 200,
            body: is_waiting,
        });
        assert_eq!(path(&sent), "POST /v1/requests/r/otp/resend true");
        let told = |otp_id: &str| Input::Answer {
            status: 200,
            body: json!({"next": "otp", "otp": {
                "otp_id": otp_id, "phone_mask": "**01", "expires_at": 1, "tries_left": 5, "sends_left": 1,
            }}),
        };
        let asks = Effect::AskCode {
            phone_mask: "**01".into(),
        };
        let typed = |apply: &mut Apply| match apply.handle(Input::Code("012345".into())) {
            Effect::Send(message) => message.body["otp_id"].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(apply.handle(told(&first)), asks);
        assert_eq!(typed(&mut apply), first);
        let refused = |code: &str| Input::Answer {
            status: 403,
            body: json!({"code": code, "class": "challenge"}),
        };
        // None is sent: the one before counts.
        for code in ["otp-wrong", "otp-expired"] {
            assert!(matches!(
                apply.handle(refused(code)),
                Effect::AskCode { .. }
            ));
            let sent = path(&apply.handle(Input::AnotherCode));
            assert_eq!(sent, "POST /v1/requests/r/otp/resend true");
            let none = apply.handle(refused("rate-limited"));
            assert!(matches!(none, Effect::AskCode { .. }));
            assert_eq!(typed(&mut apply), first);
        }
        apply.handle(refused("otp-wrong"));
        apply.handle(Input::AnotherCode);
        assert_eq!(apply.handle(told(&second)), asks);
        assert_eq!(typed(&mut apply), second);
    }

    #[test]
    fn the_chips_consent_goes_with_the_wish_to_issue() {
        //= spec/20-apply.md#app-16-the-terminal-consents-to-what-it-knows
        //= type=test
        //# The terminal MUST have its chip consent to the request context that it computed itself, and to no digest that it was
        //# told.
        let asked = || {
            let kept = Kept {
                request_id: "r".into(),
                session_key: "11".repeat(32),
                terminal_nonce: "22".repeat(16),
                verifier_nonce: "33".repeat(16),
                asked: None,
            };
            let mut apply = Apply::resume(profile(), kept);
            apply.handle(Input::Start);
            // A context that the verifier names is not looked at.
            let body = json!({"state": "await-issue", "next": "issue", "request_context": "00"});
            let effect = apply.handle(Input::Answer { status: 200, body });
            assert_eq!(path(&effect), CONSENT);
            apply
        };
        let signed = [&[7; 16][..], &[0x90, 0x00]].concat();
        let Effect::Send(sent) = asked().handle(Input::Chip(vec![vec![0x90, 0x00], signed])) else {
            panic!("the consent is sent")
        };
        assert_eq!(sent.path, "/v1/requests/r/issue");
        assert_eq!(sent.body, json!({"consent": "07".repeat(16)}));
        assert!(sent.key.is_some());
        let refused = vec![vec![0x90, 0x00], vec![0x69, 0x85]];
        assert_eq!(
            asked().handle(Input::Chip(refused)),
            Effect::Failed(Failure::Unsigned)
        );
    }

    #[test]
    fn what_is_kept_shows_no_key() {
        let kept = Kept {
            request_id: "r".into(),
            session_key: "11".repeat(32),
            terminal_nonce: "22".repeat(16),
            verifier_nonce: "33".repeat(16),
            asked: None,
        };
        assert_eq!(format!("{kept:?}"), "Kept");
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
