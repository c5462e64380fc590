//! Issuance: one or two card requests, up to the minted token. Flows A and B.
//!
//! Two requests meet at one issuer: the quota is the person's. Each has its own verifier and issuer record; the
//! issuer's answer to a message in flight may be lost, or the message may come after the verifier gave up. Properties
//! and scenarios are in `properties.rs`.

mod depends;
mod judge;
mod properties;
pub mod state;
mod words;

use kaika_spec::{Branch, Refusal, Scope, Weakness, limit};
use stateright::{Model, Property};

use self::state::{Action, Driver, Evidence, Lie, Made, Person, Request, Saying, State, request};
use self::words::{
    ALL_SAYINGS, applicant, bit, codes, decided, half_made, heard, history, matched, other,
    repeatable, said, which, words,
};
use super::{Config, Fields, Reads, Tier, World};
use crate::chart::Chart;
use crate::role::{Verdict, identity, issuer, sms, verifier};

/// The world of issuance.
#[derive(Clone, Copy, Debug)]
pub struct Issuance(Config);

impl Issuance {
    fn casts(&self) -> Vec<(Branch, Option<Driver>)> {
        let both = |second| Branch::ALL.iter().map(move |branch| (*branch, second));
        let mut casts: Vec<_> = both(None).chain(both(Some(Driver::Alice))).collect();
        if self.0.tier >= Tier::T1 {
            casts.push((Branch::KnownCustomer, Some(Driver::Intruder)));
        }
        if self.0.tier >= Tier::T2 {
            casts.extend(both(Some(Driver::Mallory)));
        }
        if self.0.tier >= Tier::T3 {
            casts.extend(both(Some(Driver::Phisher)));
        }
        casts
    }

    fn sayings(&self, state: &State, request: &Request, at: usize) -> Vec<Saying> {
        use verifier::Phase;
        let alone = state.requests[1].is_none();
        let mallory = request.driver == Driver::Mallory;
        let phisher = request.driver == Driver::Phisher;
        let mut all = match request.verifier.phase {
            Phase::None => vec![Saying::Open],
            Phase::AwaitPassword if request.driver == Driver::Intruder => vec![Saying::Applicant],
            Phase::AwaitPassword => vec![Saying::Password],
            // Without the password there is no session to sign with; only a weak verifier gets here.
            Phase::AwaitApplicant if mallory => vec![Saying::Applicant, Saying::OtherApplicant],
            Phase::AwaitApplicant => vec![Saying::Applicant],
            Phase::AwaitOtp => codes(state, request, at, alone),
            Phase::AwaitPhotos => vec![Saying::Photos],
            Phase::AwaitFrames if mallory => {
                vec![Saying::Frames, Saying::OldFrames, Saying::PoorFrames]
            }
            // He has her old videos and his own face; a camera that can be fed needs neither.
            Phase::AwaitFrames if phisher && self.0.tier >= Tier::T4 => {
                vec![Saying::OldFrames, Saying::PoorFrames, Saying::FedFrames]
            }
            Phase::AwaitFrames if phisher => vec![Saying::OldFrames, Saying::PoorFrames],
            Phase::AwaitFrames if alone => vec![Saying::Frames, Saying::PoorFrames],
            Phase::AwaitFrames => vec![Saying::Frames],
            Phase::AwaitIssue if mallory => vec![Saying::Issue, Saying::IssueOther],
            Phase::AwaitIssue | Phase::Issuing => vec![Saying::Issue, Saying::Cancel],
            _ => Vec::new(),
        };
        if request.driver == Driver::Intruder {
            all.retain(|saying| matches!(saying, Saying::Open | Saying::Applicant));
        }
        all
    }

    /// What an honest terminal says for the first time.
    fn sayings_of(&self, state: &State, at: usize, request: &Request, actions: &mut Vec<Action>) {
        if request.driver != Driver::Alice {
            return;
        }
        let all = self.sayings(state, request, at).into_iter();
        let new = all.filter(|saying| !repeatable(*saying) && request.said & bit(*saying) == 0);
        actions.extend(new.map(|saying| Action::Say(at, saying)));
    }

    /// What the verifier hears: what was said, what is said again, and what an attacker says.
    fn hearings_of(&self, state: &State, at: usize, request: &Request, actions: &mut Vec<Action>) {
        for saying in self.sayings(state, request, at) {
            if request.driver != Driver::Alice {
                actions.push(Action::Inject(at, saying));
            } else if repeatable(saying) {
                actions.push(Action::Say(at, saying));
            }
        }
        for saying in ALL_SAYINGS.iter().filter(|s| request.said & bit(**s) != 0) {
            actions.push(Action::Hear(at, *saying));
            if *saying == Saying::Issue && state.faults > 0 {
                actions.push(Action::HearAlone(at, *saying));
            }
        }
        if request.driver == Driver::Intruder
            && request.verifier.phase == verifier::Phase::AwaitPassword
            && request.verifier.passwords < limit::PASSWORD_TRIES_MAX
        {
            actions.extend([Action::ReplayPayProof(at), Action::ReplayProof(at)]);
        }
    }

    /// What reaches the issuer besides, and what it does by itself.
    fn issuings_of(&self, state: &State, at: usize, request: &Request, actions: &mut Vec<Action>) {
        if request.flying {
            actions.push(Action::Arrive(at));
        }
        if request.owed {
            actions.push(Action::Compensate(at));
        }
        if request.half {
            actions.push(Action::GoOn(at));
            if state.crashes > 0 {
                actions.push(Action::Crash(at));
            }
        }
        if self.0.tier == Tier::T5 {
            let lies = [
                Lie::Code,
                Lie::Reference,
                Lie::OtherReference,
                Lie::Score,
                Lie::Applicant,
            ];
            actions.extend(lies.map(|lie| Action::Lie(at, lie)));
        }
    }

    /// Time that passes for it.
    fn waits_of(&self, state: &State, at: usize, request: &Request, actions: &mut Vec<Action>) {
        let waiting = request.verifier.phase == verifier::Phase::AwaitOtp;
        if waiting && !request.verifier.rested && request.verifier.sends < limit::OTP_SENDS_MAX {
            actions.push(Action::Minute(at));
        }
        if waiting && state.requests[1].is_none() && !request.verifier.stale {
            actions.push(Action::Age(at));
        }
    }

    fn hear(
        &self,
        state: &State,
        at: usize,
        saying: Saying,
        alone: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let request = next.requests[at].as_mut()?;
        let lane = request.driver.lane();
        if matches!(saying, Saying::Issue | Saying::IssueOther) {
            return self.issue(state, at, saying, alone, chart);
        }
        let input = heard(request, saying, state.branch);
        let outcome = verifier::step(&request.verifier, &input, &self.0.weak);
        let (words, one) = (said(saying, input), which(state, at));
        let words = format_args!("{words}{one}");
        chart.ask(lane, "verifier", words, &outcome);
        let before = *request;
        request.verifier = outcome.next;
        history(request, saying, outcome.verdict);
        let code = matches!(saying, Saying::Code | Saying::OtherCode);
        request.late |= code && outcome.verdict.is_good() && before.verifier.stale;
        let stranger = request.driver.actor() == Person::Mallory;
        let told = outcome.out.contains(&verifier::Output::BranchShown);
        let asked = saying == Saying::OtherApplicant && outcome.verdict.is_good();
        next.shown |= stranger && (told || asked);
        next.code_out |= outcome.out.contains(&verifier::Output::CodeShown);
        if outcome.verdict == Verdict::Refuse(Refusal::OtpWrong) {
            next.wrong = (state.wrong + 1).min(WRONG_MAX);
        }
        for out in &outcome.out {
            self.effect(request, *out, state.branch, chart);
        }
        if before.driver != Driver::Alice && matches!(outcome.verdict, Verdict::Refuse(_)) {
            next.repelled = true;
        }
        let locked = matches!(outcome.verdict, Verdict::Refuse(Refusal::OtpLocked));
        next.locked |= locked;
        same_account(&mut next, at);
        (next != *state).then_some(next)
    }

    /// What the verifier's words to its peers come to.
    fn effect(
        &self,
        request: &mut Request,
        out: verifier::Output,
        branch: Branch,
        chart: &mut Chart,
    ) {
        match out {
            verifier::Output::AskEligibility => {
                let input = match branch {
                    Branch::KnownCustomer => issuer::Input::EligibilityKnown,
                    Branch::FirstCard => issuer::Input::EligibilityFirst,
                };
                let outcome = issuer::step(&request.issuer, &input, &self.0.weak);
                let who = applicant(request);
                let asked = format_args!("eligibility of {who:?}");
                chart.ask("verifier", "issuer", asked, &outcome);
                request.issuer = outcome.next;
                request.asked = true;
            }
            verifier::Output::SendCode => self.send(request, sms::Input::ToReserved, chart),
            verifier::Output::SendCodeToNamed => self.send(request, sms::Input::ToOther, chart),
            verifier::Output::AskMatch => {
                let outcome = identity::step(&request.reference, &matched(request), &self.0.weak);
                chart.ask("verifier", "identity", matched(request), &outcome);
                request.reference = outcome.next;
            }
            verifier::Output::AskCompensate => {
                chart.note("verifier", "owes the issuer a compensation");
                request.owed = true;
            }
            _ => {}
        }
    }

    fn send(&self, request: &mut Request, input: sms::Input, chart: &mut Chart) {
        chart.say("verifier", "sms", input);
        request.sms = sms::step(&request.sms, &input, &self.0.weak).next;
    }

    /// The verifier hears `issue` and asks the issuer, who answers, or does not in time.
    fn issue(
        &self,
        state: &State,
        at: usize,
        saying: Saying,
        alone: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let request = next.requests[at].as_mut()?;
        let probe = verifier::step(&request.verifier, &verifier::Input::Issue, &self.0.weak);
        if !probe.verdict.is_good() {
            chart.ask(request.driver.lane(), "verifier", "issue", &probe);
            return None;
        }
        let (what, one) = (said(saying, verifier::Input::Issue), which(state, at));
        let text = format_args!("{what}{one}");
        chart.say(request.driver.lane(), "verifier", text);
        request.consented = true;
        let resent = saying == Saying::IssueOther && self.0.weak.has(Weakness::ApplicantResent);
        if alone {
            let silent = verifier::Input::IssueSilent;
            request.verifier = verifier::step(&request.verifier, &silent, &self.0.weak).next;
            request.flying = true;
            chart.note("verifier", "no answer from the issuer");
            next.faults = state.faults.checked_sub(1)?;
            return (next != *state).then_some(next);
        }
        let verdict = self.judge(&mut next, at, resent.then_some(Lie::Applicant), None, chart);
        let request = next.requests[at].as_mut()?;
        let input = match verdict {
            _ if request.half => verifier::Input::IssueSilent,
            Verdict::Refuse(Refusal::PreverifyFailed | Refusal::DuplicateCard) => {
                verifier::Input::IssueDeclined
            }
            Verdict::Refuse(_) => verifier::Input::IssueEvidenceRefused,
            _ => verifier::Input::Issue,
        };
        let outcome = verifier::step(&request.verifier, &input, &self.0.weak);
        chart.answer("verifier", request.driver.lane(), words(&outcome.out));
        request.verifier = outcome.next;
        let shown = verifier::Output::NextProvisionWithAgreement;
        next.agreement_out |= outcome.out.contains(&shown);
        let refused = matches!(verdict, Verdict::Refuse(_));
        let attacker = next.requests[at].is_some_and(|r| r.driver != Driver::Alice);
        next.repelled |= refused && attacker;
        (next != *state).then_some(next)
    }

    fn operate(&self, state: &State, input: issuer::Input, chart: &mut Chart) -> Option<State> {
        let mut next = State {
            changes: state.changes.checked_sub(1)?,
            rephoned: input == issuer::Input::PhoneChange
                && state.requests[0].is_some_and(|request| request.cards == 0),
            ..*state
        };
        chart.note("issuer", format_args!("operator: {input}"));
        for request in next.requests.iter_mut().flatten() {
            if applicant(request) == Person::Alice {
                request.issuer = issuer::step(&request.issuer, &input, &self.0.weak).next;
            }
        }
        Some(next)
    }
}

impl Model for Issuance {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let bounds = self.0.bounds;
        self.casts()
            .into_iter()
            .map(|(branch, second)| State {
                requests: [Some(request(Driver::Alice)), second.map(request)],
                branch,
                faults: bounds.faults,
                crashes: bounds.crashes,
                changes: u8::from(second.is_none()),
                rephoned: false,
                wrong: 0,
                shown: false,
                code_out: false,
                unlocked: false,
                pan_out: false,
                agreement_out: false,
                locked: false,
                repelled: false,
            })
            .collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.all_actions(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        self.apply(state, &action, &mut Chart::off())
    }

    fn properties(&self) -> Vec<Property<Self>> {
        super::properties(&self.0)
    }
}

impl World for Issuance {
    const SCOPE: Scope = Scope::Issuance;
    const TIERS: &'static [Tier] = Tier::ALL;
    const WEAKNESSES: &'static [Weakness] = &[
        Weakness::PasswordPurposeIgnored,
        Weakness::RealnameUnchecked,
        Weakness::BranchTrusted,
        Weakness::PhoneFromTerminal,
        Weakness::OtpNotBound,
        Weakness::ApplicantResent,
        Weakness::PreverifyAfterIssue,
        Weakness::ReferenceUnbound,
        Weakness::ScoreFromVerifier,
        Weakness::ReferenceReused,
        Weakness::QuotaOutsideTransaction,
        Weakness::IssueInTwoSteps,
        Weakness::KeyIgnored,
        Weakness::ActivateWithoutReceipt,
        Weakness::NoCompensation,
        Weakness::PanEchoed,
        Weakness::AgreementForwarded,
        Weakness::OtpNeverExpires,
        Weakness::GuessBudgetMissing,
        Weakness::FramesNotFresh,
        Weakness::PreverifyCached,
        Weakness::BranchShownEarly,
        Weakness::LockForEver,
        Weakness::CodeEchoed,
        Weakness::PhoneVersionUnchecked,
        Weakness::ConsentUnchecked,
    ];
    type Packed = [u64; 4];
    type Code = [u64; 1];
    const NUMBERED: &'static [(&'static [&'static str], u32)] = depends::NUMBERED;

    const PARTS: usize = 8;

    fn actions_of(&self, part: usize, state: &State, actions: &mut Vec<Action>) {
        let at = part / 3;
        if let Some(request) = state.requests.get(at) {
            let Some(request) = request else { return };
            return match part % 3 {
                0 => {
                    self.sayings_of(state, at, request, actions);
                    self.waits_of(state, at, request, actions);
                }
                1 => self.hearings_of(state, at, request, actions),
                _ => self.issuings_of(state, at, request, actions),
            };
        }
        let asked = state.requests[0].is_some_and(|request| request.asked);
        if part == 6 && state.changes > 0 && asked {
            actions.extend([Action::Block, Action::NewPhone]);
        }
        if part == 7 && state.requests.iter().flatten().any(is_locked) {
            actions.push(Action::Wait);
        }
    }

    fn fields(part: usize) -> Fields {
        depends::fields(part)
    }

    fn wakes(part: usize) -> Fields {
        depends::wakes(part)
    }

    fn reads(name: &str) -> Reads {
        depends::reads(name)
    }

    const INTERCHANGEABLE: Option<&'static str> = Some("two requests of one person");

    fn canonical(&self, state: &State) -> State {
        mirrored(state).map_or(*state, |mirrored| mirrored.min(*state))
    }

    fn new(config: Config) -> Self {
        Self(config)
    }

    fn config(&self) -> &Config {
        &self.0
    }

    fn apply(&self, state: &State, action: &Action, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        match *action {
            Action::Say(at, saying) if repeatable(saying) => {
                self.hear(state, at, saying, false, chart)
            }
            Action::Say(at, saying) => {
                let request = next.requests[at].as_mut()?;
                request.said |= bit(saying);
                (next != *state).then_some(next)
            }
            Action::Hear(at, saying) => self.hear(state, at, saying, false, chart),
            Action::HearAlone(at, saying) => self.hear(state, at, saying, true, chart),
            Action::Inject(at, saying) => self.hear(state, at, saying, false, chart),
            Action::ReplayPayProof(at) | Action::ReplayProof(at) => {
                self.replay(state, at, *action, chart)
            }
            Action::Arrive(at) => {
                chart.note("verifier", "its message arrives late");
                self.judge(&mut next, at, None, None, chart);
                (next != *state).then_some(next)
            }
            Action::Compensate(at) => {
                let request = next.requests[at].as_mut()?;
                let input = issuer::Input::Compensate;
                let outcome = issuer::step(&request.issuer, &input, &self.0.weak);
                chart.ask("verifier", "issuer", input, &outcome);
                request.issuer = outcome.next;
                request.owed = false;
                (next != *state).then_some(next)
            }
            Action::GoOn(at) => {
                chart.note("issuer", "second transaction");
                let request = next.requests[at].as_mut()?;
                let input = issuer::Input::IssueOtp;
                let second = self.0.weak.with(Weakness::BranchTrusted);
                request.issuer = issuer::step(&request.issuer, &input, &second).next;
                request.half = false;
                (next != *state).then_some(next)
            }
            Action::Crash(at) => {
                chart.note("issuer", "crashes and starts again");
                next.requests[at].as_mut()?.half = false;
                next.crashes = state.crashes.checked_sub(1)?;
                Some(next)
            }
            Action::Minute(at) => {
                let request = next.requests[at].as_mut()?;
                let input = verifier::Input::AdvanceResend;
                chart.note("verifier", "a minute passes");
                request.verifier = verifier::step(&request.verifier, &input, &self.0.weak).next;
                (next != *state).then_some(next)
            }
            Action::Age(at) => {
                let request = next.requests[at].as_mut()?;
                let input = verifier::Input::AdvanceOtp;
                chart.note("verifier", "ten minutes pass");
                request.verifier = verifier::step(&request.verifier, &input, &self.0.weak).next;
                (next != *state).then_some(next)
            }
            Action::Wait => self.wait(state, chart),
            Action::Block => self.operate(state, issuer::Input::BlockPerson, chart),
            Action::NewPhone => self.operate(state, issuer::Input::PhoneChange, chart),
            Action::Lie(at, lie) => self.lie(state, at, lie, chart),
        }
    }

    fn checks() -> Vec<super::Check<Self>> {
        properties::checks()
    }

    fn scenarios() -> Vec<super::Scenario<Self>> {
        properties::scenarios()
    }

    fn opening(&self, state: &State) -> String {
        let known = match state.branch {
            Branch::KnownCustomer => "known to the issuer",
            Branch::FirstCard => "new to the issuer",
        };
        let second = match state.requests[1].map(|request| request.driver) {
            None => "and applies once",
            Some(Driver::Alice) => "and applies twice",
            Some(Driver::Intruder) => {
                "and someone without her password opens a request in her account"
            }
            Some(Driver::Phisher) => {
                "and Mallory, who has her password and reads her texts, applies in her account"
            }
            Some(Driver::Mallory) => "and Mallory, a customer like her, applies too",
        };
        format!("Alice is {known} {second}.")
    }
}

/// The same with two requests of one person in each other's place.
fn mirrored(state: &State) -> Option<State> {
    let [Some(first), Some(second)] = state.requests else {
        return None;
    };
    let moved = |mut request: Request| {
        if let Some(made) = &mut request.made {
            made.reference = made.reference.map(|of| 1 - of);
        }
        Some(request)
    };
    (first.driver == second.driver).then(|| State {
        requests: [moved(second), moved(first)],
        ..*state
    })
}

impl Issuance {
    fn replay(&self, state: &State, at: usize, action: Action, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = next.requests[at].as_mut()?;
        let input = if action == Action::ReplayPayProof(at) {
            verifier::Input::PasswordPay
        } else {
            verifier::Input::PasswordReplayed
        };
        let outcome = verifier::step(&request.verifier, &input, &self.0.weak);
        chart.ask(request.driver.lane(), "verifier", input, &outcome);
        request.verifier = outcome.next;
        next.repelled |= matches!(outcome.verdict, Verdict::Refuse(_));
        same_account(&mut next, at);
        (next != *state).then_some(next)
    }

    /// A quarter of an hour passes for everybody.
    fn wait(&self, state: &State, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        chart.note("verifier", "a quarter of an hour passes");
        for request in next.requests.iter_mut().flatten() {
            let input = verifier::Input::AdvanceLock;
            request.verifier = verifier::step(&request.verifier, &input, &self.0.weak).next;
        }
        next.unlocked |= !next.requests.iter().flatten().any(is_locked);
        (next != *state).then_some(next)
    }
}

/// More wrong codes than the budget allows.
const WRONG_MAX: u8 = limit::GUESS_BUDGET as u8 + 1;

/// Wrong passwords are the account's, not the request's.
fn same_account(next: &mut State, at: usize) {
    let [Some(first), Some(second)] = &mut next.requests else {
        return;
    };
    if first.driver.owner() == second.driver.owner() {
        let (from, to) = if at == 0 {
            (first, second)
        } else {
            (second, first)
        };
        to.verifier.passwords = from.verifier.passwords;
    }
}

/// Too many wrong passwords were given for the account.
pub(super) fn is_locked(request: &Request) -> bool {
    request.verifier.passwords >= limit::PASSWORD_TRIES_MAX
}
