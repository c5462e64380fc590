//! What happens to a request, from the consent to the card and back.

use kaika_spec::Weakness;

use super::{Action, Request, State, Whole};
use crate::chart::Chart;
use crate::role::issuer::Card;
use crate::role::{Verdict, chip, issuer, verifier};
use crate::scope::Tier;

const CONSENT: [chip::Input; 2] = [chip::Input::SelectDomain, chip::Input::SignConsent];

impl Whole {
    pub(super) fn actions_of_request(
        &self,
        request: &Request,
        at: usize,
        actions: &mut Vec<Action>,
    ) {
        let phase = request.verifier.phase;
        match phase {
            verifier::Phase::AwaitIssue => actions.push(Action::Issue(at)),
            verifier::Phase::Issuing => {
                actions.extend([true, false].map(|yes| Action::Hear(at, yes)))
            }
            verifier::Phase::AwaitProvision => actions.push(Action::Start(at)),
            _ => {}
        }
        actions.extend([Action::Cancel(at), Action::Arrive(at), Action::Answer(at)]);
        actions.extend([Action::Install(at), Action::Cut(at)]);
        actions.extend([Action::Receipt(at), Action::Lose(at)]);
        if request.owed {
            actions.push(Action::Compensate(at));
            if self.0.weak.has(Weakness::CompensationOnce) || self.is_lied_about(at) {
                actions.push(Action::Forget(at));
            }
        }
    }

    pub(super) fn attacks_on_request(
        &self,
        request: &Request,
        at: usize,
        actions: &mut Vec<Action>,
    ) {
        let phase = request.verifier.phase;
        let heard = matches!(
            phase,
            verifier::Phase::AwaitProvision | verifier::Phase::Done
        );
        if self.0.tier >= Tier::T1 {
            actions.extend([Action::Number(at), Action::ReplayAnswers(at)]);
        }
        if self.0.tier >= Tier::T2 && heard {
            actions.push(Action::Offer(at));
        }
        if self.is_lied_about(at) {
            actions.extend([Action::LieDone(at), Action::LieConsent(at)]);
        }
    }

    /// A corrupt verifier lies about the first request. The two are alike, and it is the same verifier's lies again.
    pub(super) fn is_lied_about(&self, at: usize) -> bool {
        self.0.tier >= Tier::T5 && at == 0
    }

    pub(super) fn issue(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let consented = self.say(&mut next.chips[0], &CONSENT);
        self.rest(&mut next.chips[0]);
        if !consented {
            return None;
        }
        chart.answer("chip", "alice", "consent");
        chart.say("alice", "verifier", verifier::Input::Issue);
        let request = &mut next.requests[at];
        self.verify(request, verifier::Input::IssueSilent);
        request.said = true;
        Some(next)
    }

    /// How the issuer sees an issue message.
    pub(super) fn heard(&self, state: &State, at: usize, consented: bool) -> issuer::Input {
        let other = state.requests[1 - at].issuer.card;
        let right = match state.requests[at].issuer.request {
            issuer::Request::Issued | issuer::Request::Tombstoned { had_card: true }
                if consented =>
            {
                return issuer::Input::IssueRepeat;
            }
            _ if consented => issuer::Input::IssueOtp,
            _ => issuer::Input::IssueConsentWrong,
        };
        let record = &state.requests[at].issuer;
        let taken = issuer::step(record, &right, &self.0.weak).verdict.is_good();
        match other {
            Card::Active if taken => issuer::Input::IssueQuotaFull,
            Card::Blocked if taken => issuer::Input::IssueQuotaBlocked,
            Card::Lost if consented => issuer::Input::IssueOtherStolen,
            _ => right,
        }
    }

    pub(super) fn arrive(
        &self,
        state: &State,
        at: usize,
        consented: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        let before = request.issuer;
        // A refusal is stored under the message's key, and is the answer ever after.
        let stored = request.told[1] && !self.0.weak.has(Weakness::KeyIgnored);
        if stored && consented {
            return None;
        }
        let input = self.heard(state, at, consented);
        let (verdict, out) = self.ask(request, input, chart);
        if verdict == Verdict::Accept {
            let half = before.request != issuer::Request::Issued && before.card == Card::Active;
            request.cards = (request.cards + u8::from(!half)).min(2);
            next.unconsented |= !consented;
        }
        let made = !out.contains(&issuer::Output::CardMade) && verdict.is_good();
        request.told[0] |= consented && made;
        request.told[1] |= consented && matches!(verdict, Verdict::Refuse(_));
        (next != *state).then_some(next)
    }

    pub(super) fn hear(
        &self,
        state: &State,
        at: usize,
        yes: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        if !request.told[usize::from(!yes)] {
            return None;
        }
        let input = if yes {
            verifier::Input::Issue
        } else {
            verifier::Input::IssueDeclined
        };
        chart.answer("issuer", "verifier", input);
        self.verify(request, input);
        (next != *state).then_some(next)
    }

    pub(super) fn cancel(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        let input = verifier::Input::Cancel;
        let outcome = verifier::step(&request.verifier, &input, &self.0.weak);
        chart.ask("alice", "verifier", input, &outcome);
        request.verifier = outcome.next;
        request.owed |= outcome.out.contains(&verifier::Output::AskCompensate);
        (next != *state).then_some(next)
    }

    pub(super) fn lose(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        let input = issuer::Input::CardLost;
        next.early |= request.issuer.session == issuer::Session::Scripted;
        let outcome = issuer::step(&request.issuer, &input, &self.0.weak);
        chart.note("issuer", format_args!("operator: {input}"));
        request.issuer = outcome.next;
        request.lost = true;
        next.changes = state.changes.checked_sub(1)?;
        outcome.verdict.is_good().then_some(next)
    }
}
