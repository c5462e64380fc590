//! Prove: the issuer looks the score up itself, at the identity system, and judges what it is answered.

use kaika_spec::limit::SCORE_MIN;
use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Change, Refused, Write, read};
use kaika_wire::messages::identity::Score;
use kaika_wire::messages::issuer::{Evidence, IssueRequest};
use serde_json::{Value, json};

use crate::apply::person_of;
use crate::issue::Proven;
use crate::rows::{Decision as Decided, REFERENCES, WAITING, Waiting};
use crate::{Case, Decision, ask_identity};

impl Case<'_> {
    /// Asks for the score. The call's id follows from request and reference, so that asking again is the same question.
    pub(crate) fn ask_score(
        self,
        asked: IssueRequest,
        decided: &Decided,
        reference: &str,
    ) -> Decision {
        self.reference_unused(reference)?;
        let body = json!({
            "reference": reference,
            "request_context": decided.request_context,
            "applicant_digest": decided.applicant_digest,
        });
        let id = call_id(&decided.request_id, reference);
        //= spec/40-issue.md#iss-5-the-issuer-looks-the-score-up-itself
        //# The issuer MUST take the match score from the identity system's own answer and from nowhere else.
        let call = ask_identity(id.clone(), "/v1/scores", body);
        Ok(Change::call(
            call,
            vec![Write::put(WAITING, id, &Waiting { request: asked })],
        ))
    }

    pub(crate) fn reference_unused(&self, reference: &str) -> Result<(), Refused> {
        let used = self.rows.get(REFERENCES, reference).is_some();
        if used && !lacks(Weakness::ReferenceReused) {
            Err(Refusal::ReferenceUsed.into())
        } else {
            Ok(())
        }
    }

    /// The identity system answered: everything is judged again, now that the card may be made.
    pub(crate) fn scored(self, call: &str, status: u16, body: &Value) -> Decision {
        let waiting: Waiting = read(self.rows, WAITING, call).ok_or(Refusal::WrongOrder)?;
        let asked = waiting.request;
        let decided = self.quoted(&asked)?;
        let score = read_score(status, body)?;
        judge(&score, &decided, &asked)?;
        let proven = Proven {
            person: person_of(&asked.applicant),
            reference: Some(score.reference.to_string()),
        };
        let mut change = self.make(&asked, &proven)?;
        change.writes.push(Write::delete(WAITING, call));
        Ok(change)
    }
}

fn call_id(request_id: &str, reference: &str) -> String {
    let digest = kaika_crypto::digest::sha256(&[
        b"kaika/score/1",
        request_id.as_bytes(),
        reference.as_bytes(),
    ]);
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// Codes that are no word on the reference: the same question may be asked again.
const NOT_YET: [&str; 3] = ["in-progress", "try-later", "stale-time"];

fn is_not_yet(body: &Value) -> bool {
    body["code"]
        .as_str()
        .is_some_and(|code| NOT_YET.contains(&code))
}

/// The identity system's answer as a score. It tells us no more about a bad reference than that it is bad.
fn read_score(status: u16, body: &Value) -> Result<Score, Refused> {
    match status {
        200..=299 => {
            serde_json::from_value(body.clone()).map_err(|_| Refusal::ReferenceUnknown.into())
        }
        400..=499 if !is_not_yet(body) => Err(Refusal::ReferenceUnknown.into()),
        _ => Err(Refusal::InProgress.into()),
    }
}

fn judge(score: &Score, decided: &Decided, asked: &IssueRequest) -> Result<(), Refused> {
    //= spec/40-issue.md#iss-6-the-reference-must-fit
    //# The issuer MUST refuse a score answer whose request context or applicant digest differs from the request's.
    let same_reference = matches!(&asked.evidence, Evidence::Identity { reference } if *reference == score.reference);
    let same_request = score.request_context.to_string() == decided.request_context;
    let same_person = score.applicant_digest.to_string() == decided.applicant_digest;
    let fits = same_reference && same_request && same_person;
    if !fits && !lacks(Weakness::ReferenceUnbound) {
        return Err(Refusal::ReferenceMismatch.into());
    }
    //= spec/40-issue.md#iss-7-every-component-counts
    //# The issuer MUST refuse a first card unless every component score is at least `SCORE_MIN`.
    let least = score
        .live_record
        .min(score.photo_record)
        .min(score.text_record);
    if least >= SCORE_MIN {
        Ok(())
    } else {
        Err(Refusal::ScoreLow.into())
    }
}
