//! Prove: the code to the reserved phone, or photos and video to the identity system.

use kaika_crypto::digest;
use kaika_spec::limit::{
    GUESS_BUDGET, GUESS_WINDOW_MS, OTP_DIGITS, OTP_RESEND_MS, OTP_SENDS_MAX, OTP_TRIES_MAX,
    OTP_TTL_MS, POLICY_TTL_MS,
};
use kaika_spec::{Refusal, Role, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Request, Write, read};
use kaika_wire::messages::Empty;
use kaika_wire::messages::identity::Matched;
use kaika_wire::messages::verifier::{FramesRequest, Next, Otp as Sent, OtpRequest, PhotosRequest};
use kaika_wire::value::Hex;
use kaika_wire::words::{Action, Actions};
use serde_json::{Value, json};

use crate::answers::{self, Answer};
use crate::apply::context;
use crate::rows::{CardRequest, FRAMES, GUESSES, Guesses, Otp, Policy, REQUESTS, State, Waiting};
use crate::{Case, Decision, ask, call_id, next};

/// The last code by phone: only a weak verifier writes it.
const CODES: &str = "codes";

impl Case<'_> {
    /// Draws a code and has it sent to the phone that the issuer named.
    pub(crate) fn send_code(self, request_id: &str, mut row: CardRequest) -> Decision {
        let earlier = row.otp.take();
        let sends = earlier
            .as_ref()
            .map_or(0, |otp| otp.sends)
            .saturating_add(1);
        let mut superseded = earlier
            .as_ref()
            .map(|otp| otp.superseded.clone())
            .unwrap_or_default();
        superseded.extend(earlier.map(|otp| otp.otp_id));
        //= spec/30-prove.md#prv-2-the-code-is-drawn
        //# The verifier MUST draw every one-time code from a cryptographically secure source as `OTP_DIGITS` decimal digits.
        let code = format!("{:0OTP_DIGITS$}", self.dice.below(1_000_000));
        let otp_id = self.dice.id();
        //= spec/30-prove.md#prv-1-the-code-goes-to-the-reserved-phone
        //# The verifier MUST send the one-time code only to the phone number in the issuer's eligibility answer for the same
        //# request.
        let phone = row
            .eligibility
            .as_ref()
            .and_then(|decision| decision.phone.clone())
            .ok_or(Refusal::WrongOrder)?
            .0;
        let body = json!({"message_id": otp_id, "to": phone, "text": text(&code, &row)});
        let by_phone =
            lacks(Weakness::OtpNotBound).then(|| Write::put(CODES, phone.clone(), &code));
        // From here on only `resend` sends another one, within its bounds.
        row.state = State::AwaitOtp;
        row.otp = Some(Otp {
            otp_id: otp_id.clone(),
            code,
            sent_at: self.now,
            wrong: 0,
            sends,
            superseded,
        });
        let waiting = Waiting::Code {
            request_id: request_id.into(),
        };
        let mut writes = vec![Write::put(REQUESTS, request_id, &row)];
        writes.extend(by_phone);
        Ok(ask(
            Role::Sms,
            &call_id("code", &otp_id),
            "/v1/messages".into(),
            body,
            &waiting,
            writes,
        ))
    }

    /// The gateway took the code, or was silent: the terminal may ask for another one.
    pub(crate) fn sent(self, request_id: &str, _status: u16) -> Decision {
        let row = self.row(request_id)?;
        //= spec/20-apply.md#app-15-a-late-answer-finds-nobody-waiting
        //# The verifier MUST refuse a message as `wrong-order` when the peer it waited for answers after a cancel
        if row.state != State::AwaitOtp {
            return Err(Refusal::WrongOrder.into());
        }
        let otp = notice(&row).ok_or(Refusal::WrongOrder)?;
        Ok(Change::reply(200, json!(Next::Otp { otp }), vec![]))
    }

    pub(crate) fn resend(self, request_id: &str, request: &Request) -> Decision {
        let named = self.named_phone(request_id, request)?;
        let mut row = self.at(request_id, &[State::AwaitOtp])?;
        let otp = row.otp.as_ref().ok_or(Refusal::WrongOrder)?;
        //= spec/30-prove.md#prv-8-sends-are-bounded
        //# The verifier MUST send at most `OTP_SENDS_MAX` codes for a request, at least `OTP_RESEND_MS` apart.
        if otp.sends >= OTP_SENDS_MAX {
            return Err(Refusal::OtpSendLimit.into());
        }
        if self.now.saturating_sub(otp.sent_at) < OTP_RESEND_MS {
            return Err(Refusal::RateLimited.into());
        }
        if let (Some(phone), Some(decision)) = (named, &mut row.eligibility) {
            decision.phone = Some((phone, 1));
        }
        self.send_code(request_id, row)
    }

    /// A terminal names no phone; only a weak verifier listens.
    fn named_phone(&self, request_id: &str, request: &Request) -> Result<Option<String>, Refused> {
        if lacks(Weakness::PhoneFromTerminal) {
            let body: Value = self.heard(request_id, request)?;
            let phone = body.get("phone").and_then(Value::as_str);
            return Ok(phone.map(str::to_owned));
        }
        let Empty {} = self.heard(request_id, request)?;
        Ok(None)
    }

    pub(crate) fn otp(self, request_id: &str, request: &Request) -> Decision {
        let asked: OtpRequest = self.heard(request_id, request)?;
        let mut row = self.at(request_id, &[State::AwaitOtp])?;
        let otp = row.otp.clone().ok_or(Refusal::WrongOrder)?;
        let budgets = budgets(&row);
        let judged = if self.is_of_phone(&row, &asked) {
            Ok(())
        } else {
            self.judge_code(&otp, &asked, &budgets)
        };
        match judged {
            Ok(()) => {
                row.evidence = evidence(&row, &otp, self.now);
                //= spec/30-prove.md#prv-4-the-code-serves-once
                //# The verifier MUST NOT accept a code a second time.
                row.state = State::AwaitIssue;
                row.otp = None;
                Ok(next("issue", vec![Write::put(REQUESTS, request_id, &row)]))
            }
            Err(Refusal::OtpWrong) => {
                let told = lacks(Weakness::CodeEchoed).then(|| otp.code.clone());
                row.otp = Some(Otp {
                    wrong: otp.wrong.saturating_add(1),
                    ..otp
                });
                let mut writes = vec![Write::put(REQUESTS, request_id, &row)];
                writes.extend(budgets.iter().map(|budget| self.guessed(budget)));
                let mut change = Change::counted(Refusal::OtpWrong, writes);
                if let (Some(code), Some(reply)) = (told, &mut change.reply) {
                    reply.body["code_sent"] = json!(code);
                }
                Ok(change)
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Whether it is the last code that was sent to the phone, for whatever request; only a weak verifier asks.
    fn is_of_phone(&self, row: &CardRequest, asked: &OtpRequest) -> bool {
        let phone = row
            .eligibility
            .as_ref()
            .and_then(|known| known.phone.clone());
        let sent = |(phone, _): (String, u64)| read::<String>(self.rows, CODES, &phone);
        lacks(Weakness::OtpNotBound)
            && phone
                .and_then(sent)
                .is_some_and(|code| code == asked.code.as_str())
    }

    /// By rank.
    fn judge_code(&self, otp: &Otp, asked: &OtpRequest, budgets: &[String]) -> Result<(), Refusal> {
        let otp_id = asked.otp_id.to_string();
        //= spec/30-prove.md#prv-7-a-later-code-supersedes
        //# The verifier MUST refuse a code after a later one was sent for the same request.
        if otp.superseded.contains(&otp_id) {
            return Err(Refusal::OtpSuperseded);
        }
        //= spec/30-prove.md#prv-6-wrong-codes-are-counted
        //# The verifier MUST refuse every code of a request after `OTP_TRIES_MAX` wrong ones for that code.
        //= spec/30-prove.md#prv-9-guesses-are-bounded-across-requests
        //# The verifier MUST refuse codes once `GUESS_BUDGET` wrong ones were given in `GUESS_WINDOW_MS` for the same phone,
        //# account or applicant.
        let spent = budgets.iter().any(|budget| self.is_spent(budget));
        if otp.wrong >= OTP_TRIES_MAX || (spent && !lacks(Weakness::GuessBudgetMissing)) {
            return Err(Refusal::OtpLocked);
        }
        //= spec/30-prove.md#prv-5-the-code-expires
        //# The verifier MUST refuse a code older than `OTP_TTL_MS`.
        let old = self.now.saturating_sub(otp.sent_at) > OTP_TTL_MS;
        if old && !lacks(Weakness::OtpNeverExpires) {
            return Err(Refusal::OtpExpired);
        }
        //= spec/30-prove.md#prv-3-the-code-is-bound
        //# The verifier MUST accept a code only for the request and the code id it was sent for.
        let right = otp.otp_id == otp_id
            && kaika_crypto::is_same(otp.code.as_bytes(), asked.code.as_str().as_bytes());
        if right {
            Ok(())
        } else {
            Err(Refusal::OtpWrong)
        }
    }

    fn guesses(&self, budget: &str) -> Vec<i64> {
        let mut guesses: Guesses = read(self.rows, GUESSES, budget).unwrap_or_default();
        guesses
            .at
            .retain(|at| self.now.saturating_sub(*at) < GUESS_WINDOW_MS);
        guesses.at
    }

    fn is_spent(&self, budget: &str) -> bool {
        u32::try_from(self.guesses(budget).len()).unwrap_or(u32::MAX) >= GUESS_BUDGET
    }

    fn guessed(&self, budget: &str) -> Write {
        let mut at = self.guesses(budget);
        at.push(self.now);
        Write::put(GUESSES, budget, &Guesses { at })
    }

    pub(crate) fn ask_photos(self, request_id: &str, mut row: CardRequest) -> Change {
        let policy_id = Hex(self.dice.bytes::<16>());
        let expires_at = self.now.saturating_add(POLICY_TTL_MS);
        let policy = Policy {
            policy_id: policy_id.to_string(),
            nonce: String::new(),
            actions: vec![],
            expires_at,
            photos: None,
        };
        row.policy = Some(policy);
        row.state = State::AwaitPhotos;
        let answer = Next::IdPhotos {
            policy_id,
            expires_at,
        };
        Change::reply(
            200,
            json!(answer),
            vec![Write::put(REQUESTS, request_id, &row)],
        )
    }

    pub(crate) fn photos(mut self, request_id: &str, request: &Request) -> Decision {
        let asked: PhotosRequest = self.heard(request_id, request)?;
        let mut row = self.at(request_id, &[State::AwaitPhotos])?;
        //= spec/30-prove.md#prv-11-the-photos-answer-a-policy
        //# The verifier MUST refuse ID photos that do not name the current policy of the request.
        self.fresh(&self.current(&row, &asked.policy_id)?)?;
        let policy_id = Hex(self.dice.bytes::<16>());
        let nonce = Hex(self.dice.bytes::<16>());
        let actions = self.draw_actions();
        let expires_at = self.now.saturating_add(POLICY_TTL_MS);
        row.policy = Some(Policy {
            policy_id: policy_id.to_string(),
            nonce: nonce.to_string(),
            actions: actions.names(),
            expires_at,
            photos: Some((asked.front.into(), asked.back.into())),
        });
        row.state = State::AwaitFrames;
        let answer = Next::Frames {
            policy_id,
            nonce,
            actions,
            expires_at,
        };
        Ok(Change::reply(
            200,
            json!(answer),
            vec![Write::put(REQUESTS, request_id, &row)],
        ))
    }

    fn draw_actions(&mut self) -> Actions {
        let mut left = Action::ALL.to_vec();
        let draw = |_| {
            let place = self.dice.below(u64::try_from(left.len()).unwrap_or(1));
            left.remove(usize::try_from(place).unwrap_or(0))
        };
        Actions(core::array::from_fn(draw))
    }

    fn current(&self, row: &CardRequest, policy_id: &Hex<16>) -> Result<Policy, Refused> {
        let policy = row
            .policy
            .clone()
            .filter(|policy| policy.policy_id == policy_id.to_string());
        policy.ok_or(Refusal::PolicyMismatch.into())
    }

    fn fresh(&self, policy: &Policy) -> Result<(), Refused> {
        //= spec/30-prove.md#prv-14-policies-expire
        //# The verifier MUST refuse an answer to a policy older than `POLICY_TTL_MS`.
        if self.now >= policy.expires_at {
            Err(Refusal::PolicyExpired.into())
        } else {
            Ok(())
        }
    }

    pub(crate) fn frames(self, request_id: &str, request: &Request) -> Decision {
        let asked: FramesRequest = self.heard(request_id, request)?;
        let mut row = self.at(request_id, &[State::AwaitFrames, State::AwaitMatch])?;
        let policy = self.current(&row, &asked.policy_id)?;
        //= spec/30-prove.md#prv-12-the-video-answers-a-fresh-challenge
        //# The verifier MUST refuse frames that do not answer, in order, the actions drawn at random for the request, or that
        //# name another nonce.
        let shown = asked.frames.iter().map(|frame| &frame.action);
        if policy.nonce != asked.nonce.to_string() || !shown.eq(policy.actions.iter()) {
            return Err(Refusal::PolicyMismatch.into());
        }
        self.fresh(&policy)?;
        let digests: Vec<String> = asked
            .frames
            .iter()
            .map(|frame| hex::encode(digest::sha256(&[&frame.image.0])))
            .collect();
        self.are_new(&digests)?;
        let (front, back) = policy.photos.ok_or(Refusal::WrongOrder)?;
        let body = json!({
            "request_id": request_id,
            "request_context": context(request_id, &row),
            "applicant": row.applicant,
            "relying_party": Role::Issuer.name(),
            "front": front,
            "back": back,
            "frames": asked.frames.iter().map(|frame| &frame.image).collect::<Vec<_>>(),
        });
        row.state = State::AwaitMatch;
        let waiting = Waiting::Match {
            request_id: request_id.into(),
            digests,
        };
        let id = call_id("match", &policy.policy_id);
        Ok(ask(
            Role::Identity,
            &id,
            "/v1/matches".into(),
            body,
            &waiting,
            vec![Write::put(REQUESTS, request_id, &row)],
        ))
    }

    fn are_new(&self, digests: &[String]) -> Result<(), Refused> {
        //= spec/30-prove.md#prv-13-frames-are-new
        //# The verifier MUST refuse frames whose digest it has accepted before, or that stands twice in the message.
        let twice = digests
            .iter()
            .enumerate()
            .any(|(place, digest)| digests.iter().skip(place + 1).any(|other| other == digest));
        let known = digests
            .iter()
            .any(|digest| self.rows.get(FRAMES, digest).is_some());
        if (twice || known) && !lacks(Weakness::FramesNotFresh) {
            Err(Refusal::FramesReplayed.into())
        } else {
            Ok(())
        }
    }

    /// The identity system compared the pictures. What it found it tells only the issuer.
    pub(crate) fn matched(
        self,
        request_id: &str,
        digests: &[String],
        status: u16,
        body: &Value,
    ) -> Decision {
        let mut row = self.row(request_id)?;
        //= spec/20-apply.md#app-15-a-late-answer-finds-nobody-waiting
        //# The verifier MUST refuse a message as `wrong-order` when the peer it waited for answers after a cancel
        if row.state != State::AwaitMatch {
            return Err(Refusal::WrongOrder.into());
        }
        let reference = match answers::read(status, body) {
            Answer::Silent => return Err(Refusal::InProgress.into()),
            Answer::Refused(_) => None,
            Answer::Good(body) => serde_json::from_value::<Matched>(body.clone()).ok(),
        };
        row.policy = None;
        let Some(matched) = reference else {
            row.state = State::Refused;
            return Ok(Change::counted(
                Refusal::MatchFailed,
                vec![Write::put(REQUESTS, request_id, &row)],
            ));
        };
        row.evidence = Some(json!({"kind": "identity", "reference": matched.reference}));
        row.state = State::AwaitIssue;
        let mut writes = vec![Write::put(REQUESTS, request_id, &row)];
        writes.extend(
            digests
                .iter()
                .map(|digest| Write::put(FRAMES, digest.clone(), &request_id)),
        );
        Ok(next("issue", writes))
    }
}

/// What counts the wrong codes: phone, account and person.
fn budgets(row: &CardRequest) -> Vec<String> {
    let phone = row
        .eligibility
        .as_ref()
        .and_then(|decision| decision.phone.as_ref())
        .map(|(phone, _)| format!("phone {phone}"));
    let person = row
        .applicant
        .as_ref()
        .map(|who| format!("person {}/{}", who.id_type, who.id_no));
    phone
        .into_iter()
        .chain(person)
        .chain([format!("account {}", row.account_id)])
        .collect()
}

fn evidence(row: &CardRequest, otp: &Otp, now: i64) -> Option<Value> {
    let (phone, version) = row.eligibility.as_ref()?.phone.as_ref()?;
    Some(json!({
        "kind": "otp",
        "otp_id": otp.otp_id,
        "phone_digest": hex::encode(digest::phone(phone)),
        "phone_version": version,
        "verified_at": now,
    }))
}

fn notice(row: &CardRequest) -> Option<Sent> {
    let otp = row.otp.as_ref()?;
    let (phone, _) = row.eligibility.as_ref()?.phone.as_ref()?;
    Some(Sent {
        otp_id: Hex::try_from(otp.otp_id.clone()).ok()?,
        phone_mask: mask(phone),
        expires_at: otp.sent_at.saturating_add(OTP_TTL_MS),
        tries_left: OTP_TRIES_MAX.saturating_sub(otp.wrong),
        sends_left: OTP_SENDS_MAX.saturating_sub(otp.sends),
    })
}

/// All but the last two characters.
fn mask(text: &str) -> String {
    let count = text.chars().count();
    text.chars()
        .enumerate()
        .map(|(place, c)| if place + 2 >= count { c } else { '*' })
        .collect()
}

/// The text of the message. The account is masked and no run of six digits but the code can be in it.
fn text(code: &str, row: &CardRequest) -> String {
    //= spec/30-prove.md#prv-10-the-text-says-what-for
    //# The text that carries a code MUST name the purpose, the product and the masked account.
    let product: String = row
        .product
        .chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect();
    let account = mask(&row.account_id);
    format!(
        "{code} is your code to apply for the card {product} with account {account}. Tell it to nobody."
    )
}
