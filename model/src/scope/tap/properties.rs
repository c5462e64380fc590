//! What is asked of payments at a shop.

use kaika_spec::{PropertyId, limit};

use super::contact::{Contact, Proof};
use super::managed::{Managed, Said, is_whole};
use super::{LIMIT, Sale, State, Tap};
use crate::role::issuer::Posting;
use crate::role::{chip, pos};
use crate::scope::{ALL, Check, REMOTE, Scenario, Tier, World as _};

pub(super) fn checks() -> Vec<Check<Tap>> {
    let mut checks: Vec<Check<Tap>> = vec![
        Check {
            id: PropertyId::P36,
            tiers: ALL,
            holds: |_, s| !s.dead,
            reached: "W36 a tap is declined because the token is suspended or the card lost",
            witness: |_, s| s.changes == 0 && s.sales.iter().any(|sale| sale.told[1]),
        },
        Check {
            id: PropertyId::P37,
            tiers: ALL,
            holds: |_, s| !s.unsigned,
            reached: "W37 a tap that the chip signed is approved",
            witness: |_, s| s.approved.contains(&1),
        },
        Check {
            id: PropertyId::P38,
            tiers: REMOTE,
            holds: |_, s| {
                s.sales
                    .iter()
                    .all(|sale| sale.pos != pos::State::Approved || sale.record == Posting::Posted)
            },
            reached: "W38 the shop approves",
            witness: |_, s| s.sales.iter().any(|sale| sale.pos == pos::State::Approved),
        },
        Check {
            id: PropertyId::P39,
            tiers: ALL,
            holds: |_, s| s.approved.iter().all(|count| *count <= 1) && counters_are_unique(s),
            reached: "W39 a counter is approved",
            witness: |_, s| s.last > 0,
        },
    ];
    checks.extend(bounds());
    checks.extend(counters());
    checks.push(managed());
    checks
}

pub(super) fn scenarios() -> Vec<Scenario<Tap>> {
    vec![
        Scenario {
            name: "S4 both sales are approved",
            from: Tier::T0,
            seen: |_, s| s.sales.iter().all(|sale| sale.pos == pos::State::Approved),
        },
        Scenario {
            name: "S7 power failed after a right PIN and before its tries were given back",
            from: Tier::T0,
            seen: |w, s| {
                let kept = |chip: Contact| chip.failures > 0 && chip.wrong == 0;
                w.was_cut(s) && s.contact.is_some_and(kept)
            },
        },
        Scenario {
            name: "S7 power failed after a token was deleted and before the answer",
            from: Tier::T0,
            seen: |_, s| {
                let unsaid = |managed: Managed| !managed.keys && managed.said == Said::Nothing;
                s.managed.is_some_and(unsaid)
            },
        },
        Scenario {
            name: "S10 a token that was suspended in its chip is resumed there and pays",
            from: Tier::T0,
            seen: |_, s| {
                let pays = s.chip.payment == chip::Payment::Asked;
                pays && s.managed.is_some_and(|managed| managed.kept)
            },
        },
        Scenario {
            name: "S9 a reversal overtakes its request",
            from: Tier::T0,
            seen: |_, s| s.overtaken,
        },
        Scenario {
            name: "S13 an attacker is refused",
            from: Tier::T1,
            seen: |_, s| s.repelled,
        },
        Scenario {
            name: "S13 a played-back cryptogram is refused",
            from: Tier::T1,
            seen: |_, s| s.replayed,
        },
    ]
}

fn counters_are_unique(state: &State) -> bool {
    let mut counters: Vec<u8> = state
        .made
        .iter()
        .flatten()
        .map(|signed| signed.atc)
        .collect();
    let count = counters.len();
    counters.dedup();
    counters.len() == count
}

/// What the chip counts, and whom it hears.
fn counters() -> Vec<Check<Tap>> {
    vec![
        Check {
            id: PropertyId::P22,
            tiers: ALL,
            holds: |_, s| {
                let counts = s.contact.is_none_or(|chip| {
                    let is_online = s.atc > 0 && chip.last_online == s.atc;
                    chip.given >= chip.answered && (chip.given == 2) == is_online
                });
                counts && s.managed.is_none_or(|managed| is_whole(s, &managed))
            },
            reached: "W22 power failed, and the payment after it ended online",
            witness: |w, s| w.was_cut(s) && s.contact.is_some_and(|chip| chip.answered == 2),
        },
        Check {
            id: PropertyId::P47,
            tiers: ALL,
            holds: |_, s| {
                s.contact
                    .is_none_or(|chip| chip.wrong <= limit::PIN_TRIES_MAX)
            },
            reached: "W47 every try of a PIN was used up by wrong ones",
            witness: |_, s| {
                s.contact.is_some_and(|chip| {
                    chip.failures == limit::PIN_TRIES_MAX && chip.wrong == limit::PIN_TRIES_MAX
                })
            },
        },
        Check {
            id: PropertyId::P48,
            tiers: ALL,
            holds: |_, s| s.contact.is_none_or(|chip| !chip.against),
            reached: "W48 the issuer declines, and the chip gives its last cryptogram",
            witness: |_, s| {
                let declined = |proof| proof == Proof::Declines;
                s.contact
                    .is_some_and(|chip| chip.answered == 2 && declined(chip.proof))
            },
        },
    ]
}

/// What the chip says of its token binds it.
fn managed() -> Check<Tap> {
    Check {
        id: PropertyId::P49,
        tiers: ALL,
        holds: |_, s| s.managed.is_none_or(|managed| !managed.against),
        reached: "W49 a token that is suspended is asked to pay, and does not",
        witness: |_, s| {
            let keeps = |managed: Managed| managed.said == Said::Suspended && managed.kept;
            s.managed.is_some_and(keeps)
        },
    }
}

fn bounds() -> Vec<Check<Tap>> {
    vec![
        Check {
            id: PropertyId::P30,
            tiers: ALL,
            holds: |_, s| !s.outside,
            reached: "W30 a tap in the field is approved",
            witness: |_, s| s.approved.contains(&1),
        },
        Check {
            id: PropertyId::P40,
            tiers: ALL,
            holds: |_, s| !s.over,
            reached: "W40 a sale above the limit is declined",
            witness: |_, s| s.sales[1].amount > LIMIT && s.sales[1].told[1],
        },
        Check {
            id: PropertyId::P41,
            tiers: REMOTE,
            holds: |w, s| s.sales.iter().all(is_resolved) || !w.is_over(s),
            reached: "W41 a sale that was not answered is reversed",
            witness: |_, s| {
                s.sales.iter().any(|sale| {
                    sale.pos == pos::State::Declined && sale.record == Posting::Reversed
                })
            },
        },
        Check {
            id: PropertyId::TH2,
            tiers: REMOTE,
            holds: |_, s| !s.unsigned && !s.outside && !s.over && !s.unmeant,
            reached: "WT2 a tap is approved",
            witness: |_, s| s.last > 0,
        },
    ]
}

/// Shop and issuer end with the same: paid, or not.
fn is_resolved(sale: &Sale) -> bool {
    match sale.pos {
        pos::State::Reversing => false,
        pos::State::Approved => sale.record == Posting::Posted,
        pos::State::Declined => sale.record != Posting::Posted,
        pos::State::Idle | pos::State::Asked | pos::State::AskedPlain | pos::State::Unusable => {
            true
        }
    }
}
