//! What happens to a token on its way into a chip.

use super::{State, Whole};
use crate::chart::Chart;
use crate::role::{chip, issuer, verifier};

const CHALLENGE: [chip::Input; 2] = [chip::Input::SelectDomain, chip::Input::InitUpdate];

/// The script, command by command.
const SCRIPT: [chip::Input; 4] = [
    chip::Input::ExtAuth,
    chip::Input::StoreMore,
    chip::Input::StoreLast,
    chip::Input::Commit,
];

impl Whole {
    pub(super) fn start(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        let (_, out) = self.ask(request, issuer::Input::ProvisionStart, chart);
        if out.contains(&issuer::Output::TokenActive) {
            self.verify(request, verifier::Input::ProvisionDone);
        }
        if out.contains(&issuer::Output::OpenChannel) {
            next.openings = state.openings.checked_sub(1)?;
            self.challenge(&mut next, at, chart);
        }
        (next != *state).then_some(next)
    }

    pub(super) fn challenge(&self, next: &mut State, at: usize, chart: &mut Chart) {
        let chip = &mut next.chips[0];
        let request = &mut next.requests[at];
        request.old |= request.answers;
        request.script = false;
        request.answers = self.say(chip, &CHALLENGE);
        chip.opened = Some(at);
        chart.say("verifier", "chip", chip::Input::InitUpdate);
    }

    pub(super) fn answer(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        if !request.answers {
            return None;
        }
        let input = if request.receipted {
            issuer::Input::ProvisionAnswersReceipted
        } else {
            issuer::Input::ProvisionAnswers
        };
        let (_, out) = self.ask(request, input, chart);
        request.script |= out.contains(&issuer::Output::Script);
        let proves = request.receipted && out.contains(&issuer::Output::TokenActive);
        request.proved |= proves;
        (next != *state).then_some(next)
    }

    /// The script is played to the chip that it was made for; a cut leaves all of it but the commit.
    pub(super) fn install(
        &self,
        state: &State,
        at: usize,
        cut: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let chip = &mut next.chips[0];
        if !state.requests[at].script || chip.opened != Some(at) {
            return None;
        }
        let commands = SCRIPT.len() - usize::from(cut);
        let done = self.say(chip, &SCRIPT[..commands]);
        self.rest(chip);
        chart.say("verifier", "chip", "script");
        match (cut, done) {
            (true, _) => chart.note("chip", "power fails before the commit"),
            (false, true) => chart.answer("chip", "verifier", chip::Output::Receipt),
            (false, false) => chart.answer("chip", "verifier", "refused: it holds a token"),
        }
        if done && !cut {
            chip.holds = Some(at);
            next.requests[at].receipted = true;
        }
        next.tears = state.tears.checked_sub(u8::from(cut))?;
        Some(next)
    }

    pub(super) fn receipt(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let request = &mut next.requests[at];
        if !request.receipted {
            return None;
        }
        let (_, out) = self.ask(request, issuer::Input::ProvisionReceipt, chart);
        request.proved |= out.contains(&issuer::Output::TokenActive);
        (next != *state).then_some(next)
    }

    pub(super) fn replay_answers(
        &self,
        state: &State,
        at: usize,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        if !state.requests[at].old && !state.requests[1 - at].answers {
            return None;
        }
        let input = issuer::Input::ProvisionAnswersReplayed;
        self.ask(&mut next.requests[at], input, chart);
        (next != *state).then_some(next)
    }

    pub(super) fn offer(&self, state: &State, at: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        chart.note("mallory", "offers his own chip");
        let request = &mut next.requests[at];
        let (_, mut out) = self.ask(request, issuer::Input::ProvisionOtherChip, chart);
        if out.contains(&issuer::Output::OpenChannel) {
            (_, out) = self.ask(request, issuer::Input::ProvisionAnswers, chart);
        }
        if out.contains(&issuer::Output::Script) {
            let chip = &mut next.chips[1];
            let all = [&CHALLENGE[..], &SCRIPT].concat();
            if self.say(chip, &all) {
                chip.holds = Some(at);
            }
            self.rest(chip);
            chart.say("verifier", "chip2", "script");
        }
        (next != *state).then_some(next)
    }
}
