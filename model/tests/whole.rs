//! The scope that crosses the others: what breaks it, and that it meets them where one ends and the next begins.

use std::collections::BTreeSet;

use kaika_model::chart::Chart;
use kaika_model::check::explored;
use kaika_model::role::{chip, issuer, verifier};
use kaika_model::scope::World;
use kaika_model::scope::issuance::Issuance;
use kaika_model::scope::manage::Manage;
use kaika_model::scope::provisioning::Provisioning;
use kaika_model::scope::tap::Tap;
use kaika_model::scope::whole::{self, Whole};
use kaika_model::{Bounds, Config, Tier, Weak};
use kaika_spec::{PropertyId, PropertyId as P, Scope, TokenState, Weakness, Weakness as W};
use stateright::Model;

/// Each weakness, the least attacker who can use it here, and all that breaks then: first what its countermeasure buys.
const BROKEN: &[(Weakness, Tier, &[PropertyId])] = &[
    (W::QuotaOutsideTransaction, Tier::T0, &[P::P16]),
    (
        W::IssueInTwoSteps,
        Tier::T0,
        &[P::P16, P::P25, P::P42, P::TH4],
    ),
    (W::KeyIgnored, Tier::T0, &[P::P16, P::P25, P::P42, P::TH4]),
    (W::ConsentUnchecked, Tier::T5, &[P::P14, P::P25, P::TH4]),
    (
        W::ActivateWithoutReceipt,
        Tier::T0,
        &[P::P21, P::P25, P::TH4],
    ),
    (W::SecondChip, Tier::T2, &[P::P24, P::TH2]),
    (W::NoCompensation, Tier::T0, &[P::TH4, P::P25]),
    (W::CompensationOnce, Tier::T0, &[P::TH4, P::P25]),
    (W::LivenessBeforeDebit, Tier::T0, &[P::P36, P::P42]),
    (W::StaticTokenAtPos, Tier::T1, &[P::TH2]),
    (W::AtcUnchecked, Tier::T1, &[P::P39]),
    (W::TokenOutlivesCard, Tier::T0, &[P::P42, P::P36]),
];

fn violated(weakness: Weakness, tier: Tier) -> BTreeSet<PropertyId> {
    let config = Config {
        weak: Weak::only(weakness),
        tier,
        bounds: Bounds::DEFAULT,
    };
    let found = explored(Scope::Whole, config, usize::MAX);
    found.violated.into_keys().collect()
}

#[test]
fn each_weakness_breaks_what_it_is_for_and_no_lesser_attacker_does() {
    let listed: Vec<Weakness> = BROKEN.iter().map(|(weakness, _, _)| *weakness).collect();
    assert_eq!(listed, Whole::WEAKNESSES);
    let mut wrong = Vec::new();
    for (weakness, tier, broken) in BROKEN {
        let found = violated(*weakness, *tier);
        if found != broken.iter().copied().collect() {
            wrong.push(format!(
                "{weakness} against {} breaks {found:?}",
                tier.name()
            ));
        }
        let lesser = Whole::TIERS.iter().rev().find(|one| *one < tier);
        if let (Some(lesser), Some(first)) = (lesser, broken.first())
            && violated(*weakness, *lesser).contains(first)
        {
            wrong.push(format!(
                "{weakness} breaks {first} against {}",
                lesser.name()
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Every state of a world, by its own steps.
fn states<W: World>() -> BTreeSet<W::State> {
    let world = W::new(Config::hardened(Tier::T0));
    let mut known: BTreeSet<W::State> = world.init_states().into_iter().collect();
    let mut waiting: Vec<W::State> = known.iter().cloned().collect();
    while let Some(state) = waiting.pop() {
        let mut actions = Vec::new();
        world.actions(&state, &mut actions);
        for action in &actions {
            if let Some(next) = world.apply(&state, action, &mut Chart::off())
                && known.insert(next.clone())
            {
                waiting.push(next);
            }
        }
    }
    known
}

/// How a card begins to pay: the issuer's record and the chip.
type Beginning = (issuer::State, chip::State);

/// Where the taps begin; management begins with the same record.
fn beginning() -> Beginning {
    let hardened = Config::hardened(Tier::T0);
    let taps = Tap::new(hardened).init_states();
    let all: BTreeSet<Beginning> = taps
        .iter()
        .map(|state| (state.issuer, state.chip))
        .collect();
    let managed = Manage::new(hardened).init_states();
    let begins: Vec<Beginning> = all.into_iter().collect();
    assert_eq!(begins.len(), 1);
    assert!(managed.iter().all(|state| state.issuer == begins[0].0));
    begins[0]
}

/// A request is done for the verifier and its card is neither lost nor closed.
fn is_done(verifier: &verifier::State, issuer: &issuer::State) -> bool {
    verifier.phase == verifier::Phase::Done && issuer.card == issuer::Card::Active
}

/// A chip that channels were refused to remembers it, and pays as any other.
fn untroubled(chip: chip::State) -> chip::State {
    let quiet = |chip| chip::State { tries: 0, ..chip };
    let payment = [
        chip::Input::SelectSlot,
        chip::Input::Gpo,
        chip::Input::GenerateArqc,
    ];
    let mut pair = (chip, quiet(chip));
    for input in payment {
        let troubled = chip::step(&pair.0, &input, &Weak::HARDENED);
        let other = chip::step(&pair.1, &input, &Weak::HARDENED);
        assert_eq!(
            (troubled.verdict, quiet(troubled.next)),
            (other.verdict, other.next)
        );
        pair = (troubled.next, other.next);
    }
    quiet(chip)
}

/// What provisioning guarantees is what taps and management assume.
#[test]
fn provisioning_ends_where_taps_begin() {
    let ends: BTreeSet<Beginning> = states::<Provisioning>()
        .iter()
        .filter(|state| is_done(&state.verifier, &state.issuer))
        .map(|state| {
            (
                state.issuer,
                untroubled(chip::powered_off(state.chips[0].state)),
            )
        })
        .collect();
    assert_eq!(ends, BTreeSet::from([beginning()]));
}

/// And so does this scope, whichever of the two requests it was, whatever happened to the other.
#[test]
fn the_whole_passes_where_taps_begin() {
    let ends = |state: &whole::State, at: usize| {
        let request = &state.requests[at];
        is_done(&request.verifier, &request.issuer)
            .then(|| (request.issuer, chip::powered_off(state.chips[0].state)))
    };
    let all = states::<Whole>();
    for at in [0, 1] {
        let ends: BTreeSet<Beginning> = all.iter().filter_map(|state| ends(state, at)).collect();
        assert_eq!(ends, BTreeSet::from([beginning()]));
    }
}

/// What issuance comes to is what provisioning and this scope begin with, before the card is made and after.
#[test]
fn issuance_ends_where_provisioning_begins() {
    let issued: BTreeSet<(issuer::State, verifier::Phase)> = states::<Issuance>()
        .iter()
        .flat_map(|state| state.requests.into_iter().flatten())
        .map(|request| (request.issuer, request.verifier.phase))
        .collect();
    let begun = states::<Provisioning>();
    let decided = begun.iter().filter(|state| state.issuer.token.is_none());
    let minted = begun.iter().filter(|state| {
        let untouched = state.issuer.session == issuer::Session::Idle && state.openings == 2;
        state.issuer.token == Some(TokenState::Inactive) && untouched && !state.owed
    });
    let mut seen = 0;
    for state in decided.chain(minted) {
        assert!(
            issued.contains(&(state.issuer, state.verifier.phase)),
            "{state:?}"
        );
        seen += 1;
    }
    assert!(seen >= 2);
    for request in Whole::new(Config::hardened(Tier::T0)).init_states()[0].requests {
        assert!(issued.contains(&(request.issuer, request.verifier.phase)));
    }
}
