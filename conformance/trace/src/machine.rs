//! What one role's log says, step by step: the states that its machine can be in, thing by thing. Start at [`Watch::take`].
//!
//! A role has many things of one kind (requests, orders, debits); its machine has one. So each thing has a set of states of its
//! own, and the things that share something (an account, a card) have a set for what they share; a step takes every pair.
//! Correlations between two things of a group are lost: that can only make more possible.

use std::collections::{BTreeMap, BTreeSet};

use kaika_model::role::{Outcome, Verdict as Judged};
use kaika_spec::Refusal;

use crate::event::{Event, Id, Kind, Verdict};
use crate::role::{Act, End, Marks, Opens, Part, Said};

/// What a log's event was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Some letter leads there, or a rule that needs no state.
    Possible,
    /// There are more states than were allowed.
    TooMany(usize),
    /// Nothing leads there.
    Impossible(Near),
}

/// What would have been possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Near {
    /// The states that were believed, as the machine prints them.
    pub believed: Vec<String>,
    /// `letter → what it comes to`, for every letter of the act.
    pub possible: Vec<String>,
    /// The one that is most like the event.
    pub nearest: String,
    /// The requirements that decide there.
    pub requirements: Vec<&'static str>,
}

/// Anything that watches one log.
pub(crate) trait Watches {
    fn take(&mut self, event: &Event) -> Found;
    /// Names of the letters that events were found to be.
    fn seen(&self) -> &BTreeSet<String>;
    /// The requirements that decided an event, whichever of its possible letters it was.
    fn requirements(&self) -> &BTreeSet<&'static str>;
    /// The most states that were believed at once.
    fn widest(&self) -> usize;
    /// Things with a state of their own.
    fn things(&self) -> usize;
}

type Step<P> = Outcome<<P as Part>::State, <P as Part>::Output>;

struct Own<S> {
    states: Vec<S>,
    marks: Marks,
    restarts: u32,
}

struct Group<S> {
    states: Vec<S>,
    marks: Marks,
    /// Acts about no thing that were looked at.
    world: usize,
    restarts: u32,
}

/// One letter of an alphabet.
struct Letter<I> {
    input: I,
    name: String,
}

/// Watches the log of one role.
pub(crate) struct Watch<P: Part> {
    cap: usize,
    letters: Vec<Letter<P::Input>>,
    by_act: BTreeMap<&'static str, Vec<(Act, Vec<usize>)>>,
    front: Vec<usize>,
    own: BTreeMap<Id, Own<P::State>>,
    groups: Vec<Group<P::State>>,
    group_of: BTreeMap<Id, usize>,
    /// The group that was made for the event at hand.
    fresh: Option<usize>,
    /// Acts about no thing, in order.
    world: Vec<&'static [&'static str]>,
    /// What [`Part::world`] counts.
    counted: u32,
    restarts: u32,
    minted_beside: bool,
    seen: BTreeSet<String>,
    requirements: BTreeSet<&'static str>,
    widest: usize,
}

/// What an event can have been.
struct Steps<S> {
    /// Every state after it.
    after: BTreeSet<S>,
    /// The letters that lead there.
    names: BTreeSet<String>,
    /// Requirements that decide in each of these steps; nothing when there is no step.
    common: Option<BTreeSet<&'static str>>,
}

/// The requirements that are in both.
fn in_both(common: &mut Option<BTreeSet<&'static str>>, reqs: &[&'static str]) {
    let these: BTreeSet<&'static str> = reqs.iter().copied().collect();
    *common = Some(match common.take() {
        Some(known) => &known & &these,
        None => these,
    });
}

/// Whether `name` is a letter of `base`: `otp(wrong)` of `otp`, and not `otp-resend`.
fn is_of(name: &str, base: &str) -> bool {
    name.strip_prefix(base)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('('))
}

impl<P: Part> Watch<P> {
    pub(crate) fn new(cap: usize) -> Self {
        let letters: Vec<_> = P::inputs()
            .into_iter()
            .map(|input| Letter {
                input,
                name: input.to_string(),
            })
            .collect();
        let of = |base: &str| {
            let fits = |(_, letter): &(usize, &Letter<P::Input>)| {
                is_of(&letter.name, base) && !P::SCENES.contains(&letter.name.as_str())
            };
            letters
                .iter()
                .enumerate()
                .filter(fits)
                .map(|(place, _)| place)
                .collect::<Vec<_>>()
        };
        let mut by_act: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for act in P::ACTS {
            by_act
                .entry(act.act)
                .or_default()
                .push((*act, of(act.base)));
        }
        let front = if P::FRONT.is_empty() {
            vec![]
        } else {
            of(P::FRONT)
        };
        Self {
            cap,
            by_act,
            front,
            letters,
            own: BTreeMap::new(),
            groups: Vec::new(),
            group_of: BTreeMap::new(),
            fresh: None,
            world: Vec::new(),
            counted: 0,
            restarts: 0,
            minted_beside: false,
            seen: BTreeSet::new(),
            requirements: BTreeSet::new(),
            widest: 0,
        }
    }

    fn letter(&self, name: &str) -> Option<&Letter<P::Input>> {
        self.letters.iter().find(|letter| letter.name == name)
    }

    /// The group of an event: that of the first thing that is in one, or a new one.
    fn group(&mut self, event: &Event) -> usize {
        let things = P::GROUPED.iter().filter_map(|kind| event.about.get(*kind));
        self.fresh = None;
        if let Some(known) = things.filter_map(|thing| self.group_of.get(thing)).next() {
            return *known;
        }
        self.groups.push(Group {
            states: self.beginnings(event),
            marks: Marks::default(),
            world: self.world.len(),
            restarts: self.restarts,
        });
        self.fresh = Some(self.groups.len() - 1);
        self.groups.len() - 1
    }

    fn beginnings(&self, event: &Event) -> Vec<P::State> {
        let mut states = vec![P::init()];
        if self.minted_beside && event.about.contains_key("token") {
            states.extend(P::minted());
        }
        states
    }

    /// Binds the things of an event to its group: a refused message may name what it likes.
    fn bind(&mut self, event: &Event, group: usize) {
        if event.verdict == Verdict::Refused {
            return;
        }
        for kind in P::GROUPED {
            if let Some(thing) = event.about.get(*kind) {
                self.group_of.entry(*thing).or_insert(group);
            }
        }
    }

    /// Every state that the thing and its group may be in, when the event comes.
    fn believed(
        &self,
        own: &Own<P::State>,
        group: &Group<P::State>,
        event: &Event,
    ) -> Vec<P::State> {
        let mut full = BTreeSet::new();
        for mine in &own.states {
            for shared in &group.states {
                full.insert(P::join(mine, shared));
            }
        }
        for end in P::ends(&own.marks, &group.marks) {
            full = self.aged(full, &end, event.at);
        }
        let worldly = self.world.get(group.world..).unwrap_or_default();
        for name in worldly
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .flatten()
        {
            full.extend(self.after(&full, name));
        }
        if own.restarts != self.restarts || group.restarts != self.restarts {
            full.extend(self.unlogged(&full));
        }
        let besides: Vec<_> = full
            .iter()
            .flat_map(|state| P::blurred(event, state, &group.marks))
            .collect();
        full.extend(besides);
        full.into_iter().collect()
    }

    /// What a letter makes of the states.
    fn after(&self, states: &BTreeSet<P::State>, name: &str) -> BTreeSet<P::State> {
        let Some(letter) = self.letter(name) else {
            return BTreeSet::new();
        };
        states
            .iter()
            .map(|state| P::step(state, &letter.input).next)
            .collect()
    }

    /// The states when a life may have ended, or has.
    fn aged(&self, states: BTreeSet<P::State>, end: &End, at: i64) -> BTreeSet<P::State> {
        let Some(letter) = self.letter(end.letter) else {
            return states;
        };
        let Some(age) = end.since.map(|since| at.saturating_sub(since)) else {
            return states;
        };
        let over = if end.sharp {
            age >= end.ttl
        } else {
            age > end.ttl
        };
        if !over {
            return states;
        }
        let ended = |state: &P::State| {
            let next = P::step(state, &letter.input).next;
            if end.shared {
                P::join(state, &next)
            } else {
                P::join(&next, state)
            }
        };
        states.iter().map(ended).collect()
    }

    /// A process that is killed between its store and its log loses an event: any letter may have been there.
    fn unlogged(&self, states: &BTreeSet<P::State>) -> BTreeSet<P::State> {
        let each = |letter: &Letter<P::Input>| {
            states
                .iter()
                .map(|state| P::step(state, &letter.input).next)
                .collect::<Vec<_>>()
        };
        self.letters.iter().flat_map(each).collect()
    }

    /// Judges an event about a thing by its machine.
    fn judge(&mut self, event: &Event, rows: &[(Act, Vec<usize>)]) -> Found {
        let Some((act, _)) = rows.first() else {
            return Found::Possible;
        };
        let group = self.group(event);
        let thing = event.about.get(act.own).copied();
        let begun = Own {
            states: vec![P::init()],
            marks: Marks::default(),
            restarts: self.restarts,
        };
        let own = thing
            .and_then(|thing| self.own.remove(&thing))
            .unwrap_or(begun);
        let Some(shared) = self.groups.get(group) else {
            return Found::Possible;
        };
        let before = self.believed(&own, shared, event);
        self.widest = self.widest.max(before.len());
        if before.len() > self.cap {
            return Found::TooMany(before.len());
        }
        let steps = self.steps(event, rows, &before, &shared.marks);
        self.seen.extend(steps.names);
        self.requirements.extend(steps.common.into_iter().flatten());
        let mut after: Vec<_> = steps.after.into_iter().collect();
        after.extend(
            before
                .iter()
                .flat_map(|state| P::stays(event, state).unwrap_or_default()),
        );
        if after.is_empty() && stays(event) {
            after.clone_from(&before);
        }
        if after.is_empty() {
            let near = self.near(event, rows, &before);
            self.keep(event, thing, group, own, &before);
            return Found::Impossible(near);
        }
        self.keep(event, thing, group, own, &after);
        Found::Possible
    }

    /// Keeps what is believed after an event.
    fn keep(
        &mut self,
        event: &Event,
        thing: Option<Id>,
        group: usize,
        mut own: Own<P::State>,
        after: &[P::State],
    ) {
        let (init, world, restarts) = (P::init(), self.world.len(), self.restarts);
        let parts = |part: &dyn Fn(&P::State) -> P::State| {
            let all: BTreeSet<_> = after.iter().map(part).collect();
            all.into_iter().collect::<Vec<_>>()
        };
        if let Some(shared) = self.groups.get_mut(group) {
            shared.states = parts(&|state| P::join(&init, state));
            (shared.world, shared.restarts) = (world, restarts);
            P::mark(event, &mut own.marks, &mut shared.marks);
        }
        own.states = parts(&|state| P::join(state, &init));
        own.restarts = restarts;
        let is_new = own.states == [init] && own.marks == Marks::default();
        if let Some(thing) = thing.filter(|_| !is_new) {
            self.own.insert(thing, own);
        }
        self.bind(event, group);
        if event.verdict == Verdict::Refused && self.fresh == Some(group) {
            // A refused message about nothing that is known leaves nothing behind.
            self.groups.pop();
        }
    }

    /// Every step that the event can be.
    fn steps(
        &self,
        event: &Event,
        rows: &[(Act, Vec<usize>)],
        before: &[P::State],
        marks: &Marks,
    ) -> Steps<P::State> {
        let (mut after, mut names, mut common) = (BTreeSet::new(), BTreeSet::new(), None);
        for (act, letters) in rows {
            for letter in self.candidates(event, act, letters) {
                for state in before {
                    let judged = if is_answer(event) {
                        P::on_answer(*state)
                    } else {
                        *state
                    };
                    let step = P::step(&judged, &letter.input);
                    let held = is_opening(event) && matches!(act.opens, Opens::Held(_));
                    let late = |refusal| held && P::LATE.contains(&refusal);
                    let is_late = matches!(step.verdict, Judged::Refuse(refusal) if late(refusal));
                    if is_late || is_step::<P>(event, act, &letter.name, &judged, &step, marks) {
                        // What waits for another role is not decided yet.
                        in_both(&mut common, if held { &[] } else { step.reqs });
                        after.insert(if held { *state } else { step.next });
                        names.insert(letter.name.clone());
                    }
                }
            }
        }
        Steps {
            after,
            names,
            common,
        }
    }

    /// The letters that an event of an act may be.
    fn candidates(&self, event: &Event, act: &Act, letters: &[usize]) -> Vec<&Letter<P::Input>> {
        let named = |names: &[&str]| names.iter().filter_map(|name| self.letter(name)).collect();
        match act.opens {
            Opens::Letter(name) | Opens::Held(name) if is_opening(event) => return named(&[name]),
            _ => {}
        }
        let from = event.heard.as_ref().filter(|_| is_answer(event));
        match from.and_then(|heard| P::told_by(act.act, &heard.from)) {
            Some(names) => named(names),
            None => {
                let front = self
                    .front
                    .iter()
                    .filter(|_| event.verdict == Verdict::Refused);
                letters
                    .iter()
                    .chain(front)
                    .filter_map(|place| self.letters.get(*place))
                    .collect()
            }
        }
    }

    /// What would have been possible, and what of it is most like the event.
    fn near(&self, event: &Event, rows: &[(Act, Vec<usize>)], before: &[P::State]) -> Near {
        let mut possible = Vec::new();
        let mut best: Option<(u32, String, &'static [&'static str])> = None;
        for (act, letters) in rows {
            for letter in self.candidates(event, act, letters) {
                for state in before {
                    let step = P::step(state, &letter.input);
                    let says = format!("{} → {}", letter.name, spoken(&step));
                    let may = !step.verdict.is_good()
                        || P::RIGHT.is_empty()
                        || P::RIGHT.contains(&letter.name.as_str());
                    let likeness = if may { likeness::<P>(event, &step) } else { 0 };
                    if best.as_ref().is_none_or(|(most, ..)| likeness > *most) {
                        best = Some((likeness, says.clone(), step.reqs));
                    }
                    if !possible.contains(&says) && possible.len() < SHOWN {
                        possible.push(says);
                    }
                }
            }
        }
        let (_, nearest, requirements) = best.unwrap_or((0, "no letter".into(), &[]));
        Near {
            believed: before
                .iter()
                .take(SHOWN)
                .map(|state| format!("{state:?}"))
                .collect(),
            possible,
            nearest,
            requirements: requirements.to_vec(),
        }
    }
}

/// Lines of what was believed or possible in a report.
const SHOWN: usize = 24;

impl<P: Part> Watches for Watch<P> {
    fn take(&mut self, event: &Event) -> Found {
        if event.is_start() {
            self.restarts += u32::from(event.act == "start" && event.seq > 1);
            return Found::Possible;
        }
        let worldly = P::world(event, &mut self.counted);
        if !worldly.is_empty() {
            self.world.push(worldly);
        }
        self.minted_beside |= event.act == "POST /v1/tokens" && event.verdict == Verdict::Accepted;
        if event.verdict == Verdict::Fault {
            return Found::Possible;
        }
        if P::STATELESS.contains(&event.act.as_str()) {
            return self.enrolled(event);
        }
        if event.act == "admission" {
            return self.admission(event);
        }
        match self.by_act.get(event.act.as_str()).cloned() {
            // A stored answer is judged by the ids of its message alone, in `links`.
            Some(_) if event.verdict == Verdict::Repeated => {
                self.requirements.insert("WIR-6");
                Found::Possible
            }
            Some(rows) => self.judge(event, &rows),
            None => Found::Impossible(Near {
                believed: vec![],
                possible: P::ACTS.iter().map(|row| row.act.to_owned()).collect(),
                nearest: "no such act".into(),
                requirements: vec!["LOG-3"],
            }),
        }
    }

    fn seen(&self) -> &BTreeSet<String> {
        &self.seen
    }

    fn requirements(&self) -> &BTreeSet<&'static str> {
        &self.requirements
    }

    fn widest(&self) -> usize {
        self.widest
    }

    fn things(&self) -> usize {
        self.own.len()
    }
}

impl<P: Part> Watch<P> {
    /// An act that the machine does not have: it may be the beginning of what things share.
    fn enrolled(&mut self, event: &Event) -> Found {
        if !P::REFUSES && event.verdict != Verdict::Accepted {
            return Found::Impossible(Near {
                believed: vec![],
                possible: vec!["accepted".into()],
                nearest: "accepted: this role asks, and refuses nothing".into(),
                requirements: vec!["LOG-3"],
            });
        }
        if P::GROUPED
            .iter()
            .any(|kind| event.about.contains_key(*kind))
        {
            let group = self.group(event);
            if let Some(shared) = self.groups.get_mut(group) {
                P::mark(event, &mut Marks::default(), &mut shared.marks);
            }
            self.bind(event, group);
        }
        Found::Possible
    }

    /// A message that was refused before anything of it was looked at.
    fn admission(&mut self, event: &Event) -> Found {
        let init = P::init();
        let letters = self
            .front
            .iter()
            .filter_map(|place| self.letters.get(*place));
        let steps: Vec<Step<P>> = letters
            .map(|letter| P::step(&init, &letter.input))
            .collect();
        let is_it = |step: &Step<P>| event.refusal.map(Judged::Refuse) == Some(step.verdict);
        let mut common = None;
        for step in steps.iter().filter(|step| is_it(step)) {
            in_both(&mut common, step.reqs);
        }
        self.requirements.extend(common.into_iter().flatten());
        // A body that does not arrive is as one that cannot be read.
        if steps.iter().any(is_it)
            || event.refusal == Some(Refusal::Malformed)
            || self.front.is_empty()
        {
            return Found::Possible;
        }
        Found::Impossible(Near {
            believed: vec![],
            possible: steps.iter().map(spoken).collect(),
            nearest: "a refusal at the door".into(),
            requirements: vec!["WIR-3", "WIR-4", "WIR-5", "WIR-8"],
        })
    }
}

fn is_answer(event: &Event) -> bool {
    event.heard(Kind::Answer) || event.heard(Kind::Silence)
}

/// Whether a request was taken and its answer waits.
fn is_opening(event: &Event) -> bool {
    event.verdict == Verdict::Waiting && !is_answer(event)
}

/// Refusals that say nothing of a state and change none, whatever the act.
fn stays(event: &Event) -> bool {
    match event.refusal {
        // WIR-1 ranks before every state. The world's troubles come at any time.
        Some(Refusal::Malformed | Refusal::RangeExhausted | Refusal::VaultUnavailable) => true,
        // No id of ours: a query about nothing.
        Some(Refusal::UnknownDebit) => true,
        // The key was used before; `links` looks whether it was.
        Some(Refusal::IdempotencyConflict) => event.heard(Kind::Request),
        // The first message of the key still waits (`links`), or nobody answered.
        Some(Refusal::InProgress) => true,
        // WIR-12: the call was answered to another message.
        Some(Refusal::WrongOrder) => is_answer(event),
        _ => false,
    }
}

/// Whether this step is that event.
fn is_step<P: Part>(
    event: &Event,
    act: &Act,
    letter: &str,
    before: &P::State,
    step: &Step<P>,
    marks: &Marks,
) -> bool {
    let may = !step.verdict.is_good() || P::RIGHT.is_empty() || P::RIGHT.contains(&letter);
    may && is_judged::<P>(event, step)
        && is_said::<P>(event, act, step)
        && event.post.iter().all(|(kind, word)| {
            is_opening(event) && matches!(act.opens, Opens::Held(_))
                || P::is_stored(&step.next, kind, word)
        })
        && P::fits(event, letter, before, step, marks)
}

fn is_judged<P: Part>(event: &Event, step: &Step<P>) -> bool {
    if let (Judged::Sw(_) | Judged::Silent, _) | (_, Some(_)) = (step.verdict, event.args.get("sw"))
    {
        return P::is_word(event, step.verdict);
    }
    match (event.verdict, step.verdict) {
        (Verdict::Accepted, judged) => judged.is_good(),
        (Verdict::Waiting, Judged::Refuse(refusal)) => {
            !is_answer(event) && refusal == Refusal::InProgress
        }
        (Verdict::Waiting, judged) => judged.is_good(),
        (Verdict::Refused, Judged::Refuse(refusal)) => is_refusal::<P>(event, refusal),
        _ => false,
    }
}

/// Whether the machine's refusal is the event's, by the name that the event has for it.
fn is_refusal<P: Part>(event: &Event, refusal: Refusal) -> bool {
    let Some(told) = event.refusal else {
        return false;
    };
    // 90-wire: what another role's refusal becomes. The machine names the two that its vectors say.
    const PEERS: &[Refusal] = &[
        Refusal::Ineligible,
        Refusal::EvidenceMismatch,
        Refusal::PersonalisationFailed,
        Refusal::ReceiptInvalid,
        Refusal::RequestTombstoned,
        Refusal::PreverifyFailed,
    ];
    let passed_on = event.heard(Kind::Answer) && PEERS.contains(&told) && PEERS.contains(&refusal);
    told == refusal || P::alias(event) == Some(refusal) || passed_on
}

/// Whether the event sends what the step says.
fn is_said<P: Part>(event: &Event, act: &Act, step: &Step<P>) -> bool {
    let said: Vec<Said> = step
        .out
        .iter()
        .map(|output| P::said(*output, &step.next))
        .collect();
    if said.contains(&Said::Never) {
        return false;
    }
    let asked = event
        .heard
        .as_ref()
        .filter(|_| is_answer(event) && P::WHOLE)
        .map(|heard| heard.from.as_str());
    let is_call = |said: &&Said| matches!(said, Said::Call(..));
    let is_asked = |said: &&Said| matches!(said, Said::Call(to, _) if Some(*to) == asked);
    // What was asked before, and is answered now, is not said again.
    let mut calls: Vec<&Said> = said
        .iter()
        .filter(is_call)
        .filter(|said| !is_asked(said))
        .collect();
    if is_opening(event) {
        calls.truncate(1);
    }
    let told: Vec<_> = event
        .out
        .iter()
        .filter(|sent| is_call_of(act, sent, &said))
        .collect();
    let same_calls = calls.len() == told.len()
        && calls.iter().zip(&told).all(|(said, sent)| {
            matches!(said, Said::Call(to, msg) if *to == sent.to && *msg == sent.msg)
        });
    same_calls && is_answered::<P>(event, step, &said, told.len())
}

/// Whether a message of an event is a call, and not the answer.
fn is_call_of(_: &Act, sent: &crate::event::Sent, _: &[Said]) -> bool {
    sent.msg.contains(" /") || matches!(sent.msg.as_str(), "request" | "reversal")
}

/// Whether the answer is the step's.
fn is_answered<P: Part>(event: &Event, step: &Step<P>, said: &[Said], calls: usize) -> bool {
    let answers: Vec<_> = event.out.iter().skip(calls).collect();
    let words: Vec<_> = said
        .iter()
        .filter(|said| matches!(said, Said::Word(_) | Said::Any))
        .collect();
    match event.verdict {
        Verdict::Waiting => answers.is_empty(),
        Verdict::Refused if P::SEEN => {
            let seen = event.refusal.map(Refusal::seen);
            answers
                .iter()
                .all(|sent| Some(sent.msg.as_str()) == seen || is_code(&sent.msg))
        }
        Verdict::Refused => true,
        _ if !P::SEEN => true,
        _ if step.verdict == Judged::Repeat && words.is_empty() => true,
        _ => {
            words.len() == answers.len()
                && words.iter().zip(&answers).all(|(said, sent)| match said {
                    Said::Word(word) => *word == sent.msg,
                    _ => true,
                })
        }
    }
}

/// Whether an answer is a response code of a refusal (90-wire).
fn is_code(msg: &str) -> bool {
    msg.len() == 2 && msg != "00"
}

fn spoken<S, O: std::fmt::Display>(step: &Outcome<S, O>) -> String {
    let verdict = match step.verdict {
        Judged::Accept => "accepted".into(),
        Judged::Repeat => "answered as before".into(),
        Judged::Refuse(refusal) => format!("refused: {}", refusal.name()),
        Judged::Sw(word) => format!("{word:04X}"),
        Judged::Silent => "no answer".into(),
    };
    step.out
        .iter()
        .fold(verdict, |text, output| format!("{text}, {output}"))
}

fn likeness<P: Part>(event: &Event, step: &Step<P>) -> u32 {
    let good = event.verdict != Verdict::Refused;
    4 * u32::from(is_judged::<P>(event, step))
        + 2 * u32::from(good == step.verdict.is_good())
        + u32::from(step.out.len() == event.out.len())
}
