//! From an admitted request to its answer: stored answers, the decision, the calls that it waits for.
//!
//! Everything here is a function from rows to writes, run inside one job of the store: [`on_request`] and
//! [`on_answer`]. Two tables belong to it: `answers`, what was said under which key, and `outbox`, the calls
//! that are not answered yet. A call is stored with the decision that wants it and removed with the decision
//! that its answer leads to, so a process that dies in between makes the call again, under the same key.

use kaika_spec::{Refusal, Weakness};
use kaika_weakness::lacks;
use kaika_wire::core::{Call, Change, Core, Input, Refused, Reply, Request, Rows, Write, read};
use kaika_wire::dice::Dice;
use kaika_wire::problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::log::{Event, Heard, Kind, Sent, Verdict};
use crate::trail::{self, About};

/// Table of the answers given under idempotency keys.
pub const ANSWERS: &str = "answers";
/// Table of the calls that wait for an answer.
pub const OUTBOX: &str = "outbox";

/// A call, and the request whose answer waits for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// What is asked of whom.
    pub call: Call,
    /// Where the answer must be remembered, if a message with a key waits for it.
    pub origin: Option<String>,
    /// The resource, for the log.
    pub resource: String,
    /// The things that the message is about, for the log.
    #[serde(default)]
    pub about: About,
}

/// What became of one input.
#[derive(Debug)]
pub struct Outcome {
    /// The answer, when it is known already.
    pub reply: Option<Reply>,
    /// The calls to make now, in order.
    pub calls: Vec<Pending>,
    /// For the log. A repeated answer of a peer that led to nothing has none.
    pub event: Option<Event>,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    digest: String,
    answer: Option<(u16, Value)>,
}

/// A decision in the making: who decides, when, about what.
pub struct Moment<'a> {
    /// The role.
    pub core: &'a dyn Core,
    /// Its clock.
    pub now: i64,
    /// Its entropy.
    pub dice: Dice,
    /// The resource: method and path template.
    pub resource: &'a str,
    /// What is judged, for the log.
    pub heard: Heard,
    /// The things that it is about, for the log.
    pub about: About,
    /// Who asked, and the place of the message that a reply answers.
    pub asker: (String, Option<String>),
}

impl<'a> Moment<'a> {
    /// A request has come.
    pub fn asked(
        core: &'a dyn Core,
        now: i64,
        dice: Dice,
        resource: &'a str,
        request: &Request,
    ) -> Self {
        let (place, from) = (trail::place_of(request), trail::caller(request).to_owned());
        let template = resource.split_once(' ').map_or("", |(_, path)| path);
        Self {
            core,
            now,
            dice,
            resource,
            heard: Heard {
                from: from.clone(),
                kind: Kind::Request,
                mid: place.as_deref().map(trail::mid),
                re: None,
            },
            about: About::default()
                .body(&request.body)
                .path(template, &request.path),
            asker: (from, place),
        }
    }

    /// A call was answered, or was not: status 0.
    pub fn answered(
        core: &'a dyn Core,
        now: i64,
        dice: Dice,
        pending: &'a Pending,
        status: u16,
    ) -> Self {
        let place = pending.origin.clone();
        let from = place.as_deref().and_then(|place| place.split(' ').next());
        let is_silent = status == 0;
        let asked = mid(core, &pending.call);
        Self {
            core,
            now,
            dice,
            resource: &pending.resource,
            heard: Heard {
                from: pending.call.to.clone(),
                kind: if is_silent {
                    Kind::Silence
                } else {
                    Kind::Answer
                },
                mid: (!is_silent).then(|| trail::answer(&asked, status)),
                re: (!is_silent).then_some(asked),
            },
            about: pending.about.clone(),
            asker: (from.unwrap_or_default().to_owned(), place),
        }
    }

    /// What the log says of a decision.
    fn event(
        &self,
        verdict: Verdict,
        refusal: Option<Refusal>,
        reply: Option<&Reply>,
        calls: &[Call],
        writes: &[Write],
    ) -> Option<Event> {
        let asked = self.asker.1.as_deref().map(trail::mid);
        let answer = reply.map(|reply| Sent {
            to: self.asker.0.clone(),
            msg: trail::word(reply),
            mid: asked
                .as_deref()
                .map(|asked| trail::answer(asked, reply.status)),
            re: asked.clone(),
        });
        //= spec/92-log.md#log-5-what-is-sent-is-in-the-event
        //# An event MUST list the messages that its decision sends, with their ids.
        let out = calls.iter().map(|call| sent(self.core, call)).chain(answer);
        let about = self.about.clone();
        Some(Event {
            about: reply.map_or(about.clone(), |reply| about.reply(reply)),
            heard: Some(self.heard.clone()),
            out: out.collect(),
            post: trail::states(writes),
            ..Event::decided(self.now, self.core.role(), self.resource, refusal).with(verdict)
        })
    }

    fn refused(&self, refused: &Refused) -> Outcome {
        let reply = problem::reply(refused.refusal, refused.detail.as_deref());
        let refusal = Some(refused.refusal);
        Outcome {
            event: self.event(Verdict::Refused, refusal, Some(&reply), &[], &[]),
            reply: Some(reply),
            calls: vec![],
        }
    }
}

/// A call as the log names it.
pub fn sent(core: &dyn Core, call: &Call) -> Sent {
    Sent {
        to: call.to.clone(),
        msg: trail::asked(call),
        mid: Some(mid(core, call)),
        re: None,
    }
}

fn mid(core: &dyn Core, call: &Call) -> String {
    let place = trail::place(core.role().name(), &call.method, &call.path, &call.id);
    trail::mid(&place)
}

/// Judges a request, unless its answer is known.
pub fn on_request(
    mut moment: Moment<'_>,
    rows: &dyn Rows,
    request: Request,
) -> (Vec<Write>, Outcome) {
    let place = trail::place_of(&request);
    let digest = hex::encode(Sha256::digest(&request.body));
    let known: Option<Remembered> = place
        .as_deref()
        .and_then(|place| read(rows, ANSWERS, place));
    let decided = moment
        .core
        .decide(rows, moment.now, &mut moment.dice, &Input::Request(request));
    match (known.filter(|_| !lacks(Weakness::KeyIgnored)), place) {
        (Some(known), _) => (vec![], repeated(&moment, known, &digest, decided)),
        (None, None) => settle(&moment, decided, None),
        (None, Some(place)) => first(&moment, decided, place, digest),
    }
}

/// Judges what a call was answered. `pending` is no longer in the outbox when it was answered before.
pub fn on_answer(
    mut moment: Moment<'_>,
    rows: &dyn Rows,
    pending: &Pending,
    status: u16,
    body: Value,
) -> (Vec<Write>, Outcome) {
    let id = &pending.call.id;
    if rows.get(OUTBOX, id).is_none() {
        return overtaken(&moment, rows, pending);
    }
    let input = Input::Answer {
        call: id.clone(),
        status,
        body,
    };
    let decided = moment
        .core
        .decide(rows, moment.now, &mut moment.dice, &input);
    let (mut writes, outcome) = settle(&moment, decided, pending.origin.clone());
    // First the old call goes, so that a core may make the same call again.
    writes.insert(0, Write::delete(OUTBOX, id.clone()));
    if let (Some(place), Some(reply)) = (&pending.origin, &outcome.reply) {
        let known: Option<Remembered> = read(rows, ANSWERS, place);
        writes.extend(known.map(|known| remember(place, known.digest, reply)));
    }
    (writes, outcome)
}

/// The call was answered to another message, or to this one before a crash.
fn overtaken(moment: &Moment<'_>, rows: &dyn Rows, pending: &Pending) -> (Vec<Write>, Outcome) {
    let place = pending.origin.as_deref();
    let known: Option<Remembered> = place.and_then(|place| read(rows, ANSWERS, place));
    match (place, known) {
        (
            Some(place),
            Some(Remembered {
                digest,
                answer: None,
            }),
        ) => {
            //= spec/90-wire.md#wir-12-one-call-one-message
            //# A server MUST refuse a message as `wrong-order` when the call it waits for was answered to another message.
            let reply = problem::reply(Refusal::WrongOrder, None);
            let writes = vec![remember(place, digest, &reply)];
            (writes, moment.refused(&Refusal::WrongOrder.into()))
        }
        _ => (vec![], NOTHING),
    }
}

/// A repeated answer that nobody waits for.
const NOTHING: Outcome = Outcome {
    reply: None,
    calls: vec![],
    event: None,
};

/// A key that was used before. What ranks above the stored answer is still refused: the message must be from
/// whom it says before it is told anything.
fn repeated(
    moment: &Moment<'_>,
    known: Remembered,
    digest: &str,
    decided: Result<Change, Refused>,
) -> Outcome {
    match decided {
        Err(refused) if refused.refusal < Refusal::IdempotencyConflict => {
            return moment.refused(&refused);
        }
        _ => {}
    }
    //= spec/90-wire.md#wir-7-a-key-is-for-one-message
    //# A server MUST refuse another body under the same caller, route and key as `idempotency-conflict`, and change nothing.
    if known.digest != digest {
        return moment.refused(&Refusal::IdempotencyConflict.into());
    }
    //= spec/90-wire.md#wir-6-a-repeated-message-has-the-same-answer
    //# A server MUST answer a message repeated under the same caller, route, key and body with the stored answer, and do nothing.
    match known.answer {
        Some((status, body)) => {
            let reply = Reply { status, body };
            Outcome {
                event: moment.event(Verdict::Repeated, None, Some(&reply), &[], &[]),
                reply: Some(reply),
                calls: vec![],
            }
        }
        None => moment.refused(&Refusal::InProgress.into()),
    }
}

/// A key that is new: its answer is stored with the decision, or its place is held until the calls are answered.
fn first(
    moment: &Moment<'_>,
    decided: Result<Change, Refused>,
    place: String,
    digest: String,
) -> (Vec<Write>, Outcome) {
    let (mut writes, outcome) = settle(moment, decided, Some(place.clone()));
    match &outcome.reply {
        Some(reply) if is_kept(reply) => writes.push(remember(&place, digest, reply)),
        Some(_) => {}
        None => writes.push(Write::put(
            ANSWERS,
            place,
            &Remembered {
                digest,
                answer: None,
            },
        )),
    }
    (writes, outcome)
}

/// What a decision means for the rows and for the peer.
fn settle(
    moment: &Moment<'_>,
    decided: Result<Change, Refused>,
    origin: Option<String>,
) -> (Vec<Write>, Outcome) {
    //= spec/90-wire.md#wir-9-refusals-change-nothing
    //# A refused message MUST NOT change stored state except the counters named in 95-refusals.
    let change = match decided {
        Ok(change) => change,
        Err(refused) => return (vec![], moment.refused(&refused)),
    };
    let origin = if change.reply.is_some() { None } else { origin };
    let verdict = match (change.refusal, &change.reply) {
        (Some(_), _) => Verdict::Refused,
        (None, Some(_)) => Verdict::Accepted,
        (None, None) => Verdict::Waiting,
    };
    let event = moment.event(
        verdict,
        change.refusal,
        change.reply.as_ref(),
        &change.calls,
        &change.writes,
    );
    let resource = moment.resource.to_owned();
    let pend = |call| Pending {
        call,
        origin: origin.clone(),
        resource: resource.clone(),
        about: moment.about.clone(),
    };
    let calls: Vec<_> = change.calls.into_iter().map(pend).collect();
    let mut writes = change.writes;
    writes.extend(
        calls
            .iter()
            .map(|pending| Write::put(OUTBOX, pending.call.id.clone(), pending)),
    );
    (
        writes,
        Outcome {
            reply: change.reply,
            calls,
            event,
        },
    )
}

/// Stores an answer, or frees the key when the answer says: try again.
fn remember(place: &str, digest: String, reply: &Reply) -> Write {
    if is_kept(reply) {
        Write::put(
            ANSWERS,
            place,
            &Remembered {
                digest,
                answer: Some((reply.status, reply.body.clone())),
            },
        )
    } else {
        Write::delete(ANSWERS, place)
    }
}

fn is_kept(reply: &Reply) -> bool {
    let passing = [
        "malformed",
        "stale-time",
        "bad-signature",
        "in-progress",
        "try-later",
    ];
    let code = reply.body.get("code").and_then(Value::as_str);
    reply.status < 500 && !(reply.status >= 400 && code.is_some_and(|code| passing.contains(&code)))
}
