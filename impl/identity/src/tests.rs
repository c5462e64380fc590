//! Histories of the identity system, and that a refusal changes nothing.

use super::*;
use kaika_wire::memory::MemoryRows;
use serde_json::Value;

const CONTEXT: &str = "11";
const TIME: i64 = 1_000_000;

struct Bench {
    identity: Identity,
    rows: MemoryRows,
    dice: Dice,
    now: i64,
}

fn bench() -> Bench {
    let config = Config {
        verifier_key: [1; 32],
        issuer_key: [2; 32],
        operator_key: [3; 32],
    };
    let identity = Identity::new(config, Box::new(matcher::Simulator));
    let mut bench = Bench {
        identity,
        rows: MemoryRows::default(),
        dice: Dice::new([9; 32]),
        now: TIME,
    };
    let enrolled = bench.say(
        Role::Operator,
        "/v1/persons",
        &json!({"applicant": person(), "face": "li-lei"}),
    );
    assert_eq!(enrolled.map(|reply| reply.0), Ok(201));
    bench
}

fn person() -> Value {
    json!({"name": "Li Lei", "id_type": "resident-id", "id_no": "1", "id_valid_to": "2030-01-01"})
}

fn digest_of(person: &Value) -> String {
    let applicant: Result<Applicant, _> = serde_json::from_value(person.clone());
    applicant
        .map(|applicant| applicant_digest(&applicant))
        .unwrap_or_default()
}

impl Bench {
    fn say(&mut self, caller: Role, path: &str, body: &Value) -> Result<(u16, Value), Refusal> {
        let request = Request {
            caller: Caller::Known(caller),
            method: "POST",
            path: path.into(),
            time: self.now,
            idempotency_key: String::new(),
            mac: None,
            body: body.to_string().into_bytes(),
        };
        let before = self.rows.clone();
        match self.identity.decide(
            &self.rows,
            self.now,
            &mut self.dice,
            &Input::Request(request),
        ) {
            Ok(change) => {
                self.rows.apply(&change.writes);
                let reply = change.reply.map(|reply| (reply.status, reply.body));
                reply.ok_or(Refusal::InProgress)
            }
            Err(refused) => {
                assert_eq!(self.rows, before);
                Err(refused.refusal)
            }
        }
    }

    fn matched(&mut self) -> String {
        let picture = |text: &str| String::from(kaika_wire::value::Image(text.as_bytes().to_vec()));
        let front = picture("face: li-lei\nname: Li Lei\nid_no: 1");
        let body = json!({
            "request_id": "00".repeat(16), "request_context": CONTEXT.repeat(32), "applicant": person(),
            "relying_party": "issuer", "front": front, "back": picture("back"), "frames": [picture("face: li-lei")],
        });
        let answer = self
            .say(Role::Verifier, "/v1/matches", &body)
            .map(|reply| reply.1);
        let Ok(answer) = answer else {
            panic!("a match")
        };
        assert_eq!(
            answer.as_object().map(|object| object.len()),
            Some(2),
            "no score in {answer}"
        );
        answer["reference"].as_str().unwrap_or_default().to_owned()
    }

    fn resolve(
        &mut self,
        caller: Role,
        reference: &str,
        context: &str,
        digest: &str,
    ) -> Result<Value, Refusal> {
        let body =
            json!({"reference": reference, "request_context": context, "applicant_digest": digest});
        self.say(caller, "/v1/scores", &body).map(|reply| reply.1)
    }
}

#[test]
fn a_reference_is_resolved_by_its_party_for_its_request_once() {
    let mut bench = bench();
    let (context, digest) = (CONTEXT.repeat(32), digest_of(&person()));
    let reference = bench.matched();
    assert_eq!(
        bench.resolve(Role::Issuer, &"00".repeat(16), &context, &digest),
        Err(Refusal::ReferenceUnknown)
    );
    assert_eq!(
        bench.resolve(Role::Issuer, &reference, &"22".repeat(32), &digest),
        Err(Refusal::ReferenceMismatch)
    );
    assert_eq!(
        bench.resolve(Role::Issuer, &reference, &context, &"22".repeat(32)),
        Err(Refusal::ReferenceMismatch)
    );
    assert_eq!(
        bench.resolve(Role::Verifier, &reference, &context, &digest),
        Err(Refusal::ReferenceMismatch)
    );
    let score = bench.resolve(Role::Issuer, &reference, &context, &digest);
    assert_eq!(
        score.map(|score| score["live_record"].clone()),
        Ok(json!(1000))
    );
    assert_eq!(
        bench.resolve(Role::Issuer, &reference, &context, &digest),
        Err(Refusal::ReferenceUsed)
    );
}

#[test]
fn a_reference_expires() {
    let mut bench = bench();
    let (context, digest) = (CONTEXT.repeat(32), digest_of(&person()));
    let reference = bench.matched();
    bench.now = TIME + REFERENCE_TTL_MS + 1;
    assert_eq!(
        bench.resolve(Role::Issuer, &reference, &context, &digest),
        Err(Refusal::ReferenceExpired)
    );
    bench.now = TIME + REFERENCE_TTL_MS;
    assert!(
        bench
            .resolve(Role::Issuer, &reference, &context, &digest)
            .is_ok()
    );
}

#[test]
fn a_person_is_enrolled_once() {
    let mut bench = bench();
    let again = bench.say(
        Role::Operator,
        "/v1/persons",
        &json!({"applicant": person(), "face": "other"}),
    );
    assert_eq!(again, Err(Refusal::AlreadyEnrolled));
}

#[test]
fn malformed_bodies_are_refused() {
    let mut bench = bench();
    for body in [
        json!({}),
        json!([]),
        json!({"applicant": person(), "face": "x", "more": 1}),
        json!({"applicant": {}, "face": "x"}),
    ] {
        assert_eq!(
            bench.say(Role::Operator, "/v1/persons", &body),
            Err(Refusal::Malformed),
            "{body}"
        );
    }
}
