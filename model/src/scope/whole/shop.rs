//! What happens at a shop.

use kaika_spec::TokenState;

use super::{Request, State, Tap, Whole};
use crate::chart::Chart;
use crate::role::issuer::{Card, Posting};
use crate::role::{Verdict, chip, issuer};

const LANES: [&str; 2] = ["chip", "chip2"];

const PAYMENT: [chip::Input; 3] = [
    chip::Input::SelectSlot,
    chip::Input::Gpo,
    chip::Input::GenerateArqc,
];

impl Whole {
    pub(super) fn sign(&self, state: &State, with: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        let of = state.chips[with].holds?;
        let free = next.taps.iter_mut().find(|tap| tap.is_none())?;
        *free = Some(Tap {
            chip: with,
            of,
            record: Posting::None,
            approved: 0,
        });
        if !self.say(&mut next.chips[with], &PAYMENT) {
            return None;
        }
        self.rest(&mut next.chips[with]);
        chart.answer(LANES[with], "shop", "cryptogram");
        Some(next)
    }

    /// How the issuer sees a cryptogram in a sale.
    pub(super) fn presented(request: &Request, record: Posting, counter: u8) -> issuer::Input {
        match record {
            Posting::Posted | Posting::Reversed => issuer::Input::TapRepeat,
            Posting::Declined | Posting::DeclinedAgreement => issuer::Input::TapDeclinedRepeat,
            _ if counter <= request.last => issuer::Input::TapReplayedAtc,
            _ => issuer::Input::Tap,
        }
    }

    /// A request with or without a cryptogram reaches the issuer, who remembers the sale as `record`.
    pub(super) fn judge(
        &self,
        next: &mut State,
        of: usize,
        (record, input): (Posting, issuer::Input),
        (from, signed): (&'static str, bool),
        chart: &mut Chart,
    ) -> Verdict {
        let request = &next.requests[of];
        let seen = issuer::State {
            tap: record,
            counted: request.last > 0,
            ..request.issuer
        };
        let outcome = issuer::step(&seen, &input, &self.0.weak);
        chart.ask(from, "issuer", input, &outcome);
        if outcome.verdict == Verdict::Accept {
            let active = seen.token == Some(TokenState::Active);
            next.dead |= seen.card != Card::Active || !active;
            next.after |= request.lost;
            next.unsigned |= !signed;
        }
        outcome.verdict
    }

    pub(super) fn pay(
        &self,
        state: &State,
        at: usize,
        again: bool,
        chart: &mut Chart,
    ) -> Option<State> {
        let mut next = *state;
        let tap = state.taps[at]?;
        let counter = at as u8 + 1;
        let record = if again { Posting::None } else { tap.record };
        let input = Self::presented(&state.requests[tap.of], record, counter);
        let from = if again { "mallory" } else { "shop" };
        let sale = (record, input);
        let verdict = self.judge(&mut next, tap.of, sale, (from, tap.chip == 0), chart);
        let slot = next.taps[at].as_mut()?;
        if verdict == Verdict::Accept {
            slot.approved = (slot.approved + 1).min(2);
            let last = &mut next.requests[tap.of].last;
            *last = counter.max(*last);
        }
        if !again && tap.record == Posting::None {
            slot.record = if verdict.is_good() {
                Posting::Posted
            } else {
                Posting::Declined
            };
        }
        next.repelled |= again && matches!(verdict, Verdict::Refuse(_));
        (next != *state).then_some(next)
    }

    pub(super) fn number(&self, state: &State, of: usize, chart: &mut Chart) -> Option<State> {
        let mut next = *state;
        if !state.chips.iter().any(|chip| chip.holds == Some(of)) {
            return None;
        }
        let sale = (Posting::None, issuer::Input::TapBadCryptogram);
        let verdict = self.judge(&mut next, of, sale, ("mallory", false), chart);
        next.repelled |= matches!(verdict, Verdict::Refuse(_));
        (next != *state).then_some(next)
    }
}
