//! What is asked of issuance.

use kaika_spec::{Branch, PropertyId, TokenState, limit};

use super::state::{Driver, Evidence, Person, Request, State};
use super::words::applicant;
use super::{Issuance, is_locked};
use crate::role::{issuer, verifier};
use crate::scope::{ALL, Check, HONEST, REMOTE, STRANGER, Scenario, Tier, World as _};

fn all(state: &State, holds: fn(&Request) -> bool) -> bool {
    state.requests.iter().flatten().all(holds)
}

fn any(state: &State, holds: fn(&Request) -> bool) -> bool {
    state.requests.iter().flatten().any(holds)
}

/// The properties.
pub(super) fn checks() -> Vec<Check<Issuance>> {
    let mut checks = gates();
    checks.extend(evidence());
    checks.extend(effects());
    checks.extend(freshness());
    checks.extend(silence());
    checks.extend(theorems());
    checks
}

fn gates() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::P01,
            tiers: HONEST,
            holds: |_, s| all(s, |r| !r.asked || r.proved),
            reached: "W01 eligibility is asked for after the password",
            witness: |_, s| any(s, |r| r.asked && r.proved),
        },
        Check {
            id: PropertyId::P02,
            tiers: HONEST,
            holds: |_, s| all(s, |r| !r.asked || applicant(r) == r.driver.owner()),
            reached: "W02 eligibility is asked for the account's holder",
            witness: |_, s| any(s, |r| r.asked && applicant(r) == r.driver.owner()),
        },
        Check {
            id: PropertyId::P03,
            tiers: ALL,
            holds: |_, s| {
                all(s, |r| {
                    r.made.is_none_or(|m| match m.evidence {
                        Evidence::Otp => m.branch == Branch::KnownCustomer,
                        Evidence::Reference => m.branch == Branch::FirstCard,
                    })
                })
            },
            reached: "W03 a card is made on evidence",
            witness: |_, s| any(s, |r| r.made.is_some()),
        },
        Check {
            id: PropertyId::P04,
            tiers: HONEST,
            holds: |_, s| all(s, |r| !r.sms.other),
            reached: "W04 a code is sent to the reserved phone",
            witness: |_, s| any(s, |r| r.sms.reserved),
        },
        Check {
            id: PropertyId::P05,
            tiers: HONEST,
            holds: |_, s| all(s, |r| r.code != Some(false)),
            reached: "W05 a code is accepted",
            witness: |_, s| any(s, |r| r.code.is_some()),
        },
    ]
}

fn evidence() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::P08,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.made.is_none_or(|m| m.holder == applicant(r))),
            reached: "W08 a card carries a name",
            witness: |_, s| any(s, |r| r.made.is_some()),
        },
        Check {
            id: PropertyId::P09,
            tiers: ALL,
            holds: |_, s| {
                all(s, |r| {
                    r.made.is_none_or(|m| {
                        m.branch != Branch::KnownCustomer
                            || r.proved && r.code.is_some() && !m.blocked
                    })
                })
            },
            reached: "W09 a known customer gets a card",
            witness: |_, s| {
                any(s, |r| {
                    r.made.is_some_and(|m| m.branch == Branch::KnownCustomer)
                })
            },
        },
        Check {
            id: PropertyId::P10,
            tiers: ALL,
            holds: |_, s| (0..2).all(|at| fitting_reference(s, at)),
            reached: "W10 a first card is made on a reference",
            witness: |_, s| {
                any(s, |r| {
                    r.made
                        .is_some_and(|m| m.branch == Branch::FirstCard && m.reference.is_some())
                })
            },
        },
        Check {
            id: PropertyId::P11,
            tiers: ALL,
            holds: |_, s| {
                all(s, |r| {
                    r.made
                        .is_none_or(|m| m.evidence == Evidence::Otp || m.reference.is_some())
                })
            },
            reached: "W11 a score decides",
            witness: |_, s| any(s, |r| r.lookups > 0),
        },
        Check {
            id: PropertyId::P12,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.lookups <= 1),
            reached: "W12 a reference is looked up",
            witness: |_, s| any(s, |r| r.lookups == 1),
        },
    ]
}

fn fitting_reference(state: &State, at: usize) -> bool {
    state.requests[at].and_then(|r| r.made).is_none_or(|made| {
        made.reference.is_none_or(|from| from == at) && made.good && !made.blocked
            || made.branch != Branch::FirstCard
    })
}

fn effects() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::P16,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.cards <= 1) && one_live_card_each(s),
            reached: "W16 a second request of one person meets the quota",
            witness: |_, s| any(s, |r| r.over_quota),
        },
        Check {
            id: PropertyId::P17,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.half || whole(r)),
            reached: "W17 card, agreement and token are there",
            witness: |_, s| {
                any(s, |r| {
                    r.issuer.card == issuer::Card::Active && r.issuer.token.is_some()
                })
            },
        },
        Check {
            id: PropertyId::P18,
            tiers: HONEST,
            holds: |_, s| all(s, |r| !r.twice),
            reached: "W18 an issue message that was answered in vain is repeated",
            witness: |_, s| {
                s.faults == 0
                    && any(s, |r| {
                        r.cards > 0 && r.verifier.phase == verifier::Phase::AwaitProvision
                    })
            },
        },
        Check {
            id: PropertyId::P26,
            tiers: ALL,
            holds: |_, s| !s.pan_out,
            reached: "W26 a card with a PAN is made",
            witness: |_, s| any(s, |r| r.cards > 0),
        },
        Check {
            id: PropertyId::P27,
            tiers: HONEST,
            holds: |_, s| !s.agreement_out,
            reached: "W27 the terminal is told of the card",
            witness: |_, s| any(s, |r| r.verifier.phase == verifier::Phase::AwaitProvision),
        },
    ]
}

fn one_live_card_each(state: &State) -> bool {
    match state.requests {
        [Some(a), Some(b)] => {
            let live = |r: &Request| r.issuer.card == issuer::Card::Active;
            !(live(&a) && live(&b) && holder(&a) == holder(&b))
        }
        _ => true,
    }
}

fn holder(request: &Request) -> Person {
    request.made.map_or(applicant(request), |made| made.holder)
}

fn whole(request: &Request) -> bool {
    let issuer = request.issuer;
    let made = issuer.card != issuer::Card::None;
    made == (issuer.agreement != issuer::Agreement::None) && made == issuer.token.is_some()
}

/// The scenarios.
pub(super) fn scenarios() -> Vec<Scenario<Issuance>> {
    vec![
        Scenario {
            name: "S1 a known customer has a card and an inactive token",
            from: Tier::T0,
            seen: |_, s| any(s, |r| issued_to(r, Branch::KnownCustomer)),
        },
        Scenario {
            name: "S2 a first-card customer has a card and an inactive token",
            from: Tier::T0,
            seen: |_, s| any(s, |r| issued_to(r, Branch::FirstCard)),
        },
        Scenario {
            name: "S5 a request that was given up is undone",
            from: Tier::T0,
            seen: |_, s| {
                any(s, |r| {
                    r.issuer.request == issuer::Request::Tombstoned { had_card: true }
                })
            },
        },
        Scenario {
            name: "S6 a code is locked, and a later one accepted",
            from: Tier::T0,
            seen: |_, s| s.locked && any(s, |r| r.code == Some(true)),
        },
        Scenario {
            name: "S11 a score is too low and the customer is refused",
            from: Tier::T0,
            seen: |_, s| {
                any(s, |r| {
                    r.lookups == 1 && r.cards == 0 && r.verifier.phase == verifier::Phase::Refused
                })
            },
        },
        Scenario {
            name: "S12 two requests of one person, exactly one card",
            from: Tier::T0,
            seen: |_, s| {
                any(s, |r| r.over_quota && r.driver == Driver::Alice) && any(s, |r| r.cards == 1)
            },
        },
        Scenario {
            name: "S13 an attacker is refused",
            from: Tier::T1,
            seen: |_, s| s.repelled,
        },
    ]
}

fn issued_to(request: &Request, branch: Branch) -> bool {
    request.made.is_some_and(|made| made.branch == branch)
        && request.issuer.token == Some(TokenState::Inactive)
}

fn freshness() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::P06,
            tiers: HONEST,
            holds: |_, s| all(s, |r| !r.late),
            reached: "W06 a code has become too old",
            witness: |_, s| any(s, |r| r.verifier.stale),
        },
        Check {
            id: PropertyId::P07,
            tiers: HONEST,
            holds: |_, s| u32::from(s.wrong) <= limit::GUESS_BUDGET,
            reached: "W07 the budget of wrong codes is spent",
            witness: |_, s| u32::from(s.wrong) == limit::GUESS_BUDGET,
        },
        Check {
            id: PropertyId::P13,
            tiers: REMOTE,
            holds: |_, s| all(s, |r| !r.dead_video),
            reached: "W13 a video is accepted",
            witness: |_, s| any(s, |r| r.evidence == Some(Evidence::Reference)),
        },
        Check {
            id: PropertyId::P14,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.made.is_none_or(|made| made.consented)),
            reached: "W14 a card is made on a chip's consent",
            witness: |_, s| any(s, |r| r.made.is_some_and(|made| made.consented)),
        },
        Check {
            id: PropertyId::P15,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.made.is_none_or(|made| !made.blocked)),
            reached: "W15 somebody is blocked after the decision",
            witness: |_, s| any(s, |r| r.asked && r.issuer.blocked),
        },
        Check {
            id: PropertyId::P44,
            tiers: ALL,
            holds: |_, s| all(s, |r| r.made.is_none_or(|made| !made.rephoned)),
            reached: "W44 a reserved phone changes before the card is made",
            witness: |_, s| s.rephoned,
        },
    ]
}

fn silence() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::P19,
            tiers: HONEST,
            holds: |_, s| !s.shown,
            reached: "W19 a customer is told the branch",
            witness: |_, s| any(s, |r| r.asked),
        },
        Check {
            id: PropertyId::P20,
            tiers: ALL,
            holds: |w, s| all_with(w, s, |w, r| !is_locked(r) || ends(w, r)),
            reached: "W20 an account is locked and unlocked",
            witness: |w, s| w.config().tier < Tier::T1 || s.unlocked,
        },
        Check {
            id: PropertyId::P28,
            tiers: HONEST,
            holds: |_, s| !s.code_out,
            reached: "W28 a wrong code is refused",
            witness: |_, s| s.wrong > 0,
        },
    ]
}

/// After its time a lock is over.
fn ends(world: &Issuance, request: &Request) -> bool {
    let input = verifier::Input::AdvanceLock;
    let next = verifier::step(&request.verifier, &input, &world.config().weak).next;
    next.passwords == 0
}

fn all_with(world: &Issuance, state: &State, holds: fn(&Issuance, &Request) -> bool) -> bool {
    let mut requests = state.requests.iter().flatten();
    requests.all(|request| holds(world, request))
}

fn theorems() -> Vec<Check<Issuance>> {
    vec![
        Check {
            id: PropertyId::TH1,
            tiers: STRANGER,
            holds: |_, s| {
                all(s, |r| {
                    r.made.is_none_or(|made| made.holder == r.driver.actor())
                })
            },
            reached: "WT1 a card carries its applicant's name",
            witness: |_, s| {
                any(s, |r| {
                    r.made.is_some_and(|made| made.holder == r.driver.actor())
                })
            },
        },
        Check {
            id: PropertyId::TH5,
            tiers: HONEST,
            holds: |_, s| !s.pan_out && !s.agreement_out && !s.code_out && !s.shown,
            reached: "WT5 a terminal is told of its card",
            witness: |_, s| any(s, |r| r.verifier.phase == verifier::Phase::AwaitProvision),
        },
    ]
}
