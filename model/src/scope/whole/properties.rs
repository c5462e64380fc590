//! What is asked of the way of a card.

use kaika_spec::{PropertyId, TokenState};

use super::{Action, Chip, Request, State, Tap, Whole};
use crate::chart::Chart;
use crate::role::issuer::{Agreement, Card, Posting};
use crate::role::{chip, issuer, verifier};
use crate::scope::{ALL, Check, HONEST, REMOTE, Scenario, Tier, World as _};

pub(super) fn checks() -> Vec<Check<Whole>> {
    let mut checks = of_the_card();
    checks.extend(of_the_money());
    checks.extend(of_the_end());
    checks
}

pub(super) fn scenarios() -> Vec<Scenario<Whole>> {
    vec![
        Scenario {
            name: "S1 the card of the first request taps",
            from: Tier::T0,
            seen: |_, s| approved(s).any(|tap| tap.of == 0),
        },
        Scenario {
            name: "S12 the card of the second request taps",
            from: Tier::T0,
            seen: |_, s| approved(s).any(|tap| tap.of == 1),
        },
        Scenario {
            name: "S14 lost between script and receipt, active since, and nothing pays",
            from: Tier::T0,
            seen: |_, s| {
                let active = |r: &Request| r.lost && r.issuer.token == Some(TokenState::Active);
                s.early && s.requests.iter().any(active) && declined(s) && approved(s).count() == 0
            },
        },
        Scenario {
            name: "S14 lost after a tap, and the next is declined",
            from: Tier::T0,
            seen: |_, s| {
                approved(s).any(|tap| s.requests[tap.of].lost && s.changes == 0) && declined(s)
            },
        },
        Scenario {
            name: "S14 the first card is lost, and the second request has one",
            from: Tier::T0,
            seen: |_, s| s.requests[0].lost && s.requests[1].issuer.card == Card::Active,
        },
        Scenario {
            name: "S15 a tap overtakes the receipt and is declined, the next is approved",
            from: Tier::T0,
            seen: |_, s| {
                let [Some(first), Some(second)] = s.taps else {
                    return false;
                };
                first.record == Posting::Declined && second.approved == 1
            },
        },
        Scenario {
            name: "S13 an attacker is refused at the shop",
            from: Tier::T1,
            seen: |_, s| s.repelled,
        },
    ]
}

impl Whole {
    /// Nobody who is honest has anything left to do for a request. A loss and a tap may still come.
    fn is_at_rest(&self, state: &State) -> bool {
        let mut actions = Vec::new();
        for (at, request) in state.requests.iter().enumerate() {
            self.actions_of_request(request, at, &mut actions);
        }
        let mut actions = actions.iter().filter(|one| !matches!(one, Action::Lose(_)));
        actions.all(|action| self.apply(state, action, &mut Chart::off()).is_none())
    }
}

fn of_the_card() -> Vec<Check<Whole>> {
    vec![
        Check {
            id: PropertyId::P14,
            tiers: ALL,
            holds: |_, s| !s.unconsented,
            reached: "W14 a card is made on a chip's consent",
            witness: |_, s| s.requests.iter().any(|r| r.cards > 0),
        },
        Check {
            id: PropertyId::P16,
            tiers: ALL,
            holds: |_, s| {
                let live = s.requests.iter().filter(|r| r.issuer.card == Card::Active);
                live.count() <= 1 && s.requests.iter().all(|r| r.cards <= 1)
            },
            reached: "W16 a second request is refused because the first has a card",
            witness: |_, s| (0..2).any(|at| is_over_quota(s, at)),
        },
        Check {
            id: PropertyId::P21,
            tiers: ALL,
            holds: |_, s| s.requests.iter().all(|r| !is_active(r) || r.proved),
            reached: "W21 a token is active",
            witness: |_, s| s.requests.iter().any(is_active),
        },
        Check {
            id: PropertyId::P24,
            tiers: ALL,
            holds: |_, s| !s.chips.iter().all(is_held) || s.chips[0].holds != s.chips[1].holds,
            reached: "W24 a chip holds a token",
            witness: |_, s| s.chips.iter().any(is_held),
        },
    ]
}

fn of_the_money() -> Vec<Check<Whole>> {
    vec![
        Check {
            id: PropertyId::P36,
            tiers: ALL,
            holds: |_, s| !s.dead,
            reached: "W36 a tap is declined because card or token is dead",
            witness: |_, s| declined(s),
        },
        Check {
            id: PropertyId::P39,
            tiers: ALL,
            holds: |_, s| s.taps.iter().flatten().all(|tap| tap.approved <= 1),
            reached: "W39 two counters are approved",
            witness: |_, s| approved(s).count() == 2,
        },
        Check {
            id: PropertyId::P42,
            tiers: ALL,
            holds: |_, s| !s.after,
            reached: "W42 a card is lost whose token is active",
            witness: |_, s| s.requests.iter().any(|r| r.lost && is_active(r)),
        },
        Check {
            id: PropertyId::TH2,
            tiers: REMOTE,
            holds: |_, s| !s.unsigned,
            reached: "WT2 a tap is approved",
            witness: |_, s| approved(s).count() > 0,
        },
    ]
}

fn of_the_end() -> Vec<Check<Whole>> {
    vec![
        Check {
            id: PropertyId::P25,
            tiers: HONEST,
            holds: |w, s| (0..2).all(|at| is_settled(s, at)) || !w.is_at_rest(s),
            reached: "W25 both requests have come to an end, one with a card",
            witness: |w, s| (0..2).any(|at| is_complete(s, at)) && w.is_at_rest(s),
        },
        Check {
            id: PropertyId::TH4,
            tiers: HONEST,
            holds: |w, s| {
                (0..2).all(|at| is_settled(s, at) && is_one_view(&s.requests[at]))
                    || !w.is_at_rest(s)
            },
            reached: "WT4 a request that was given up is undone, and the other one pays",
            witness: |_, s| {
                approved(s).any(|tap| {
                    let other = &s.requests[1 - tap.of];
                    let had_card = issuer::Request::Tombstoned { had_card: true };
                    other.issuer.request == had_card
                })
            },
        },
    ]
}

/// Refused, and neither given up nor made: she had a card.
fn is_over_quota(state: &State, at: usize) -> bool {
    let request = &state.requests[at];
    request.told[1] && matches!(request.issuer.request, issuer::Request::Decided(_))
}

fn is_active(request: &Request) -> bool {
    request.issuer.token == Some(TokenState::Active)
}

/// The chip pays with what it holds.
fn is_held(chip: &Chip) -> bool {
    chip.state.slot == chip::Slot::Active
}

fn approved(state: &State) -> impl Iterator<Item = &Tap> {
    state.taps.iter().flatten().filter(|tap| tap.approved > 0)
}

fn declined(state: &State) -> bool {
    let mut taps = state.taps.iter().flatten();
    taps.any(|tap| tap.record == Posting::Declined)
}

/// The token is in her chip and active. Its card may have been lost since.
fn is_complete(state: &State, at: usize) -> bool {
    let request = &state.requests[at];
    let card = matches!(request.issuer.card, Card::Active | Card::Lost);
    let held = is_held(&state.chips[0]) && state.chips[0].holds == Some(at);
    let done = request.verifier.phase == verifier::Phase::Done;
    is_active(request) && card && request.issuer.agreement == Agreement::Live && held && done
}

/// Nothing that is alive is left of the request.
fn is_undone(request: &Request) -> bool {
    let issuer = &request.issuer;
    let token = issuer.token;
    token.is_none_or(|token| token == TokenState::Deleted)
        && !matches!(issuer.card, Card::Active | Card::Blocked)
        && issuer.agreement != Agreement::Live
}

fn is_settled(state: &State, at: usize) -> bool {
    is_complete(state, at) || is_undone(&state.requests[at])
}

/// Done at the verifier is active at the issuer, and what it gave up pays no more.
fn is_one_view(request: &Request) -> bool {
    match request.verifier.phase {
        verifier::Phase::Done => is_active(request),
        verifier::Phase::Cancelled => !is_active(request),
        _ => true,
    }
}
