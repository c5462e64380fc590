//! The identity system: match scores behind reference numbers. No I/O.
//!
//! Whoever brings pictures gets a reference and no score; whoever the reference is for looks the score up, once.
//! Read [`Identity`] first; [`matcher`] is the interface to a face matcher and its simulator.

use kaika_crypto::digest;
use kaika_spec::limit::REFERENCE_TTL_MS;
use kaika_spec::{Refusal, Role};
use kaika_wire::core::{
    Caller, Change, Core, Input, Refused, Request, Resource, Rows, Write, read,
};
use kaika_wire::dice::Dice;
use kaika_wire::messages::identity::{
    MatchRequest, Matched, PersonRequest, Score, ScoreRequest, Scored,
};
use kaika_wire::messages::{Applicant, parse};
use kaika_wire::value::Hex;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub mod matcher;

use matcher::{Matcher, Pictures, Record, Scores};

/// People by kind and number of their document.
pub const PERSONS: &str = "persons";
/// Matches by reference.
pub const MATCHES: &str = "matches";

const RESOURCES: &[Resource] = &[
    Resource {
        method: "POST",
        path: "/v1/persons",
        callers: &[Role::Operator],
    },
    Resource {
        method: "POST",
        path: "/v1/matches",
        callers: &[Role::Verifier],
    },
    Resource {
        method: "POST",
        path: "/v1/scores",
        callers: &[Role::Issuer],
    },
];

/// The identity system's secrets: not printed.
pub struct Config {
    /// Key shared with the verifier.
    pub verifier_key: [u8; 32],
    /// Key shared with the issuer.
    pub issuer_key: [u8; 32],
    /// Key of the back office.
    pub operator_key: [u8; 32],
}

/// The identity system.
pub struct Identity {
    config: Config,
    matcher: Box<dyn Matcher>,
}

#[derive(Serialize, Deserialize)]
struct Person {
    name: String,
    id_no: String,
    face: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Match {
    request_context: String,
    applicant_digest: String,
    relying_party: String,
    live_record: u16,
    photo_record: u16,
    text_record: u16,
    decided_at: i64,
    resolved: bool,
}

type Decision = Result<Change, Refused>;

impl Identity {
    /// An identity system with this matcher.
    pub fn new(config: Config, matcher: Box<dyn Matcher>) -> Self {
        Self { config, matcher }
    }

    fn enrol(rows: &dyn Rows, body: &[u8]) -> Decision {
        let asked: PersonRequest = parse(body)?;
        let key = key(&asked.applicant);
        if rows.get(PERSONS, &key).is_some() {
            return Err(Refusal::AlreadyEnrolled.into());
        }
        let row = Person {
            name: asked.applicant.name.into(),
            id_no: asked.applicant.id_no.into(),
            face: asked.face.into(),
        };
        Ok(Change::reply(
            201,
            json!({}),
            vec![Write::put(PERSONS, key, &row)],
        ))
    }

    fn compare(&self, rows: &dyn Rows, now: i64, dice: &mut Dice, body: &[u8]) -> Decision {
        let asked: MatchRequest = parse(body)?;
        let scores = self.score(rows, &asked);
        let reference = Hex(dice.bytes::<16>());
        //= spec/30-prove.md#prv-16-a-reference-is-bound
        //# The identity system MUST bind every reference to the request context, the applicant digest and the relying party
        //# named when it was made.
        let row = Match {
            request_context: asked.request_context.to_string(),
            applicant_digest: applicant_digest(&asked.applicant),
            relying_party: asked.relying_party.name().into(),
            live_record: scores.live_record,
            photo_record: scores.photo_record,
            text_record: scores.text_record,
            decided_at: now,
            resolved: false,
        };
        //= spec/30-prove.md#prv-15-the-score-stays-away-from-the-verifier
        //# The identity system MUST NOT tell the verifier a score.
        let answer = Matched {
            reference,
            status: Scored::Scored,
        };
        Ok(Change::reply(
            201,
            json!(answer),
            vec![Write::put(MATCHES, reference.to_string(), &row)],
        ))
    }

    fn score(&self, rows: &dyn Rows, asked: &MatchRequest) -> Scores {
        let person: Option<Person> = read(rows, PERSONS, &key(&asked.applicant));
        let frames: Vec<&[u8]> = asked
            .frames
            .iter()
            .map(|frame| frame.0.as_slice())
            .collect();
        let pictures = Pictures {
            front: &asked.front.0,
            back: &asked.back.0,
            frames: &frames,
        };
        person.map_or(Scores::NONE, |person| {
            self.matcher.compare(
                &pictures,
                &Record {
                    name: &person.name,
                    id_no: &person.id_no,
                    face: &person.face,
                },
            )
        })
    }

    fn resolve(rows: &dyn Rows, now: i64, caller: Caller, body: &[u8]) -> Decision {
        let asked: ScoreRequest = parse(body)?;
        let reference = asked.reference.to_string();
        let row: Match = read(rows, MATCHES, &reference).ok_or(Refusal::ReferenceUnknown)?;
        //= spec/30-prove.md#prv-17-a-reference-is-resolved-once
        //# The identity system MUST answer at most one score look-up for a reference, and the same look-up repeated under the
        //# same idempotency key with the same answer.
        if row.resolved {
            return Err(Refusal::ReferenceUsed.into());
        }
        //= spec/30-prove.md#prv-18-a-reference-is-fresh
        //# The identity system MUST refuse a look-up of a reference older than `REFERENCE_TTL_MS`.
        if now.saturating_sub(row.decided_at) > REFERENCE_TTL_MS {
            return Err(Refusal::ReferenceExpired.into());
        }
        let same = row.request_context == asked.request_context.to_string()
            && row.applicant_digest == asked.applicant_digest.to_string();
        if !same || !is_party(&row, caller) {
            return Err(Refusal::ReferenceMismatch.into());
        }
        let answer = Score {
            reference: asked.reference,
            request_context: asked.request_context,
            applicant_digest: asked.applicant_digest,
            live_record: row.live_record,
            photo_record: row.photo_record,
            text_record: row.text_record,
            decided_at: row.decided_at,
        };
        let used = Match {
            resolved: true,
            ..row
        };
        Ok(Change::reply(
            200,
            json!(answer),
            vec![Write::put(MATCHES, reference, &used)],
        ))
    }

    fn request(&self, rows: &dyn Rows, now: i64, dice: &mut Dice, request: &Request) -> Decision {
        match request.path.as_str() {
            "/v1/persons" => Self::enrol(rows, &request.body),
            "/v1/matches" => self.compare(rows, now, dice, &request.body),
            "/v1/scores" => Self::resolve(rows, now, request.caller, &request.body),
            _ => Err(Refusal::UnknownRoute.into()),
        }
    }
}

impl Core for Identity {
    fn role(&self) -> Role {
        Role::Identity
    }

    fn resources(&self) -> &'static [Resource] {
        RESOURCES
    }

    fn caller_key(&self, caller: Role) -> Option<&[u8; 32]> {
        match caller {
            Role::Verifier => Some(&self.config.verifier_key),
            Role::Issuer => Some(&self.config.issuer_key),
            Role::Operator => Some(&self.config.operator_key),
            Role::Terminal | Role::Chip | Role::Identity | Role::Pos | Role::Sms => None,
        }
    }

    fn decide(
        &self,
        rows: &dyn Rows,
        now: i64,
        dice: &mut Dice,
        input: &Input,
    ) -> Result<Change, Refused> {
        match input {
            Input::Request(request) => self.request(rows, now, dice, request),
            Input::Answer { .. } => Err(Refusal::WrongOrder.into()),
        }
    }
}

fn is_party(row: &Match, caller: Caller) -> bool {
    //= spec/30-prove.md#prv-19-a-reference-is-for-its-relying-party
    //# The identity system MUST refuse a look-up by any caller but the relying party that the reference names.
    matches!(caller, Caller::Known(role) if role.name() == row.relying_party)
}

fn key(who: &Applicant) -> String {
    format!("{}/{}", who.id_type, who.id_no)
}

fn applicant_digest(who: &Applicant) -> String {
    hex::encode(digest::applicant(&digest::Applicant {
        name: who.name.as_str(),
        id_type: who.id_type.as_str(),
        id_no: who.id_no.as_str(),
        id_valid_to: who.id_valid_to.as_str(),
    }))
}

#[cfg(test)]
mod tests;
