//! What is asked of the worlds, of either engine: Stateright, or the explorer of our own, which also gives the traces.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use kaika_spec::{PropertyId, Scope, Weakness};
use stateright::{Checker as _, Expectation};

use crate::explore::{Explored, Limits, Progress, Trace, explore};
use crate::role::Weak;
use crate::scope::{Bounds, Config, Tier, World};

/// Who explores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The checker that people know.
    Stateright,
    /// Our own.
    Native,
}

impl Engine {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Stateright, Self::Native];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stateright => "stateright",
            Self::Native => "native",
        }
    }

    /// Of how many searches of so many states each at least one is expected to take a state for another, and so not to look at it:
    /// Stateright tells states apart by 64 bits of a hash, and of `n` states there are `n(n-1)/2` pairs. None where states are
    /// kept whole.
    pub fn overlooks_one_in(self, searches: impl Iterator<Item = usize>) -> Option<u128> {
        let pairs = |states: usize| states as u128 * (states as u128).saturating_sub(1) / 2;
        match self {
            Self::Stateright => Some((1 << 64) / searches.map(pairs).sum::<u128>().max(1)),
            Self::Native => None,
        }
    }
}

/// What was found in one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The scope.
    pub scope: Scope,
    /// Unique states.
    pub states: usize,
    /// Transitions that change something.
    pub transitions: u64,
    /// Transitions on the longest path that was followed.
    pub depth: usize,
    /// Wall-clock time.
    pub took: Duration,
    /// Bytes for each state: all that the native engine keeps, or the size of a state that Stateright copies.
    pub bytes_per_state: usize,
    /// Every state was looked at.
    pub exhausted: bool,
    /// Properties that must hold against this tier.
    pub asked: Vec<PropertyId>,
    /// Those of them that are violated.
    pub violated: Vec<PropertyId>,
    /// Violated properties of which nothing is claimed against this tier.
    pub beyond: Vec<PropertyId>,
    /// Witnesses and scenarios asked.
    pub witnesses: usize,
    /// Those that cannot be reached.
    pub unreached: Vec<&'static str>,
}

impl Report {
    /// Every property holds and none vacuously, and that was all.
    pub fn holds(&self) -> bool {
        self.exhausted && self.violated.is_empty() && self.unreached.is_empty()
    }

    /// Unique states per second.
    pub fn rate(&self) -> u128 {
        self.states as u128 * 1_000_000 / self.took.as_micros().max(1)
    }
}

/// Hears how far a check is.
pub type Watch<'a> = &'a mut dyn FnMut(Scope, &Progress);

/// Runs `$body` with `$world` as the world of a scope.
macro_rules! in_world {
    ($scope:expr, $world:ident => $body:expr) => {
        match $scope {
            Scope::Issuance => {
                type $world = $crate::scope::issuance::Issuance;
                $body
            }
            Scope::Provisioning => {
                type $world = $crate::scope::provisioning::Provisioning;
                $body
            }
            Scope::Pay => {
                type $world = $crate::scope::pay::Pay;
                $body
            }
            Scope::Tap => {
                type $world = $crate::scope::tap::Tap;
                $body
            }
            Scope::Manage => {
                type $world = $crate::scope::manage::Manage;
                $body
            }
            Scope::Whole => {
                type $world = $crate::scope::whole::Whole;
                $body
            }
        }
    };
}

pub(crate) use in_world;

/// Has an engine check one scope.
///
/// Stateright goes to the end whatever the limits say but for the threads: its own do not hold.
pub fn check(
    scope: Scope,
    config: Config,
    engine: Engine,
    limits: Limits,
    watch: Watch<'_>,
) -> Report {
    in_world!(scope, W => match engine {
        Engine::Stateright => by_stateright::<W>(config, limits.threads, watch),
        Engine::Native => by_explorer::<W>(config, limits, watch),
    })
}

/// What is interchangeable in a scope, in words; `None` when nothing is, and symmetry saves nothing.
pub fn interchangeable(scope: Scope) -> Option<&'static str> {
    in_world!(scope, W => W::INTERCHANGEABLE)
}

/// As many threads as there are cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The properties of a scope that must hold against a tier.
pub fn required(scope: Scope, tier: Tier) -> Vec<PropertyId> {
    in_world!(scope, W => {
        let checks = W::checks().into_iter();
        let asked = checks.filter(|check| check.tiers.contains(&tier));
        let mut ids: Vec<PropertyId> = asked.map(|check| check.id).collect();
        ids.sort_unstable();
        ids
    })
}

/// Every property of a scope.
pub fn properties_of(scope: Scope) -> Vec<PropertyId> {
    in_world!(scope, W => W::checks().into_iter().map(|check| check.id).collect())
}

/// Violated properties of which something is claimed against the tier, and those of which nothing is.
fn divided(
    scope: Scope,
    tier: Tier,
    violated: impl Iterator<Item = PropertyId>,
) -> (Vec<PropertyId>, Vec<PropertyId>) {
    let required = required(scope, tier);
    violated.partition(|id| required.contains(id))
}

/// The properties and the witnesses of a world, by name.
fn asked_of<W: World>(world: &W) -> (Vec<PropertyId>, Vec<&'static str>) {
    let (always, sometimes): (Vec<_>, Vec<_>) = world
        .properties()
        .into_iter()
        .partition(|property| property.expectation == Expectation::Always);
    let ids = always.iter().filter_map(|p| PropertyId::from_name(p.name));
    (ids.collect(), sometimes.iter().map(|p| p.name).collect())
}

fn by_stateright<W>(config: Config, threads: usize, watch: Watch<'_>) -> Report
where
    W: World + 'static,
    W::State: 'static,
    W::Action: Clone + PartialEq + 'static,
{
    let began = Instant::now();
    let world = W::new(config);
    let (asked, witnesses) = asked_of(&world);
    let initial = world.init_states().len() as u64;
    let checker = world.checker().threads(threads).spawn_bfs();
    while !checker.is_done() {
        std::thread::sleep(Duration::from_millis(10));
        let states = checker.unique_state_count();
        watch(
            W::SCOPE,
            &Progress {
                states,
                transitions: checker.state_count() as u64,
                depth: checker.max_depth(),
                bytes: states * size_of::<W::State>(),
                waiting: 0,
                left: None,
            },
        );
    }
    let checker = checker.join();
    let found = checker.discoveries();
    let violated = asked.iter().copied();
    let violated = violated.filter(|id| found.contains_key(id.name()));
    let (violated, beyond) = divided(W::SCOPE, config.tier, violated);
    Report {
        scope: W::SCOPE,
        states: checker.unique_state_count(),
        transitions: checker.state_count() as u64 - initial,
        depth: checker.max_depth().saturating_sub(1),
        took: began.elapsed(),
        bytes_per_state: size_of::<W::State>(),
        exhausted: true,
        violated,
        beyond,
        asked: required(W::SCOPE, config.tier),
        witnesses: witnesses.len(),
        unreached: witnesses
            .into_iter()
            .filter(|name| !found.contains_key(name))
            .collect(),
    }
}

fn by_explorer<W: World>(config: Config, limits: Limits, watch: Watch<'_>) -> Report {
    let world = W::new(config);
    let (_, witnesses) = asked_of(&world);
    let found = explore(&world, limits, &mut |progress| watch(W::SCOPE, progress));
    let (violated, beyond) = divided(W::SCOPE, config.tier, found.violated.into_keys());
    Report {
        scope: W::SCOPE,
        states: found.states,
        transitions: found.transitions,
        depth: found.depth,
        took: found.took,
        bytes_per_state: found.bytes / found.states.max(1),
        exhausted: found.exhausted,
        asked: required(W::SCOPE, config.tier),
        violated,
        beyond,
        witnesses: witnesses.len(),
        unreached: found.unreached,
    }
}

/// Has our own explorer look at one scope until `enough` properties are violated.
pub fn explored(scope: Scope, config: Config, enough: usize) -> Explored {
    let limits = Limits {
        enough,
        threads: cores(),
        ..Limits::default()
    };
    in_world!(scope, W => explore(&W::new(config), limits, &mut |_| {}))
}

/// A counterexample against one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attack {
    /// Where.
    pub scope: Scope,
    /// Against whom it holds no more: the least tier.
    pub tier: Tier,
    /// What is violated.
    pub property: PropertyId,
    /// The shortest way.
    pub trace: Trace,
}

/// The tiers at which a scope is another than at the tier before.
pub fn tiers_of(scope: Scope) -> &'static [Tier] {
    in_world!(scope, W => W::TIERS)
}

/// The weaknesses that change something in a scope.
pub fn weaknesses_of(scope: Scope) -> &'static [Weakness] {
    in_world!(scope, W => W::WEAKNESSES)
}

/// Every required property that a set of weaknesses breaks, at its least tier and by scope; shortest trace first.
pub fn attacks(weak: Weak) -> Vec<Attack> {
    let mut found: Vec<Attack> = Vec::new();
    for scope in Scope::ALL {
        let touched = weaknesses_of(*scope).iter().any(|one| weak.has(*one));
        for tier in tiers_of(*scope).iter().filter(|_| touched) {
            for attack in attacks_at(*scope, *tier, weak) {
                let same = |known: &Attack| {
                    known.property == attack.property && known.scope == attack.scope
                };
                if !found.iter().any(same) {
                    found.push(attack);
                }
            }
        }
    }
    found.sort_by_key(|attack| (attack.tier, attack.trace.actions.len(), attack.property));
    found
}

fn attacks_at(scope: Scope, tier: Tier, weak: Weak) -> Vec<Attack> {
    let config = Config {
        weak,
        tier,
        bounds: Bounds::DEFAULT,
    };
    let required = required(scope, tier);
    let violated = explored(scope, config, usize::MAX).violated.into_iter();
    violated
        .filter(|(id, _)| required.contains(id))
        .map(|(property, trace)| Attack {
            scope,
            tier,
            property,
            trace,
        })
        .collect()
}

/// The property that a weakness is named for: what its countermeasure buys first.
pub const fn target(weakness: Weakness) -> (Scope, PropertyId, Tier) {
    use PropertyId as P;
    use Scope as S;
    use Tier as T;
    use Weakness as W;
    match weakness {
        W::PasswordPurposeIgnored => (S::Issuance, P::P01, T::T1),
        W::RealnameUnchecked => (S::Issuance, P::P02, T::T2),
        W::BranchTrusted => (S::Issuance, P::P03, T::T5),
        W::PhoneFromTerminal => (S::Issuance, P::P04, T::T2),
        W::OtpNotBound => (S::Issuance, P::P05, T::T0),
        W::ApplicantResent => (S::Issuance, P::P08, T::T2),
        W::PreverifyAfterIssue => (S::Issuance, P::P09, T::T0),
        W::ReferenceUnbound => (S::Issuance, P::P10, T::T5),
        W::ScoreFromVerifier => (S::Issuance, P::P11, T::T5),
        W::ReferenceReused => (S::Issuance, P::P12, T::T0),
        W::QuotaOutsideTransaction => (S::Issuance, P::P16, T::T0),
        W::IssueInTwoSteps => (S::Issuance, P::P17, T::T0),
        W::KeyIgnored => (S::Issuance, P::P18, T::T0),
        W::ActivateWithoutReceipt => (S::Provisioning, P::P21, T::T0),
        W::WriteInPlace => (S::Provisioning, P::P22, T::T0),
        W::ScriptUnauthenticated => (S::Provisioning, P::P23, T::T0),
        W::SecondChip => (S::Provisioning, P::P24, T::T2),
        W::NoCompensation => (S::Provisioning, P::P25, T::T0),
        W::PanEchoed => (S::Issuance, P::P26, T::T0),
        W::AgreementForwarded => (S::Issuance, P::P27, T::T0),
        W::IdentifierConfused => (S::Pay, P::P29, T::T2),
        W::OrderNotBound => (S::Pay, P::P31, T::T1),
        W::OrderOwnerUnchecked => (S::Pay, P::P32, T::T2),
        W::DebitIdPerTry => (S::Pay, P::P33, T::T0),
        W::TimeoutIsFailure => (S::Pay, P::P35, T::T0),
        W::LivenessBeforeDebit => (S::Pay, P::P36, T::T0),
        W::StaticTokenAtPos => (S::Tap, P::P37, T::T1),
        W::OfflineApprove => (S::Tap, P::P38, T::T0),
        W::AtcUnchecked => (S::Tap, P::P39, T::T1),
        W::BooleanSuspend => (S::Manage, P::P43, T::T0),
        W::OtpNeverExpires => (S::Issuance, P::P06, T::T0),
        W::GuessBudgetMissing => (S::Issuance, P::P07, T::T0),
        W::FramesNotFresh => (S::Issuance, P::P13, T::T2),
        W::PreverifyCached => (S::Issuance, P::P15, T::T0),
        W::BranchShownEarly => (S::Issuance, P::P19, T::T2),
        W::LockForEver => (S::Issuance, P::P20, T::T1),
        W::CodeEchoed => (S::Issuance, P::P28, T::T0),
        W::EntryModeIgnored => (S::Tap, P::P30, T::T1),
        W::ReversalRepeats => (S::Pay, P::P34, T::T0),
        W::LimitUnchecked => (S::Tap, P::P40, T::T0),
        W::ReversalOnce => (S::Tap, P::P41, T::T0),
        W::TokenOutlivesCard => (S::Manage, P::P42, T::T0),
        W::PhoneVersionUnchecked => (S::Issuance, P::P44, T::T0),
        W::CompensationOnce => (S::Provisioning, P::P45, T::T0),
        W::ConsentUnchecked => (S::Issuance, P::P14, T::T5),
        W::PaymentUnsigned => (S::Pay, P::P46, T::T3),
        W::CountedAfter => (S::Tap, P::P47, T::T0),
        W::ProofIgnored => (S::Tap, P::P48, T::T0),
        W::SuspendedPays => (S::Tap, P::P49, T::T0),
    }
}

/// The shortest counterexample for one weakness against the property it is named for.
pub fn attack(weakness: Weakness) -> Option<Attack> {
    let (scope, property, tier) = target(weakness);
    let config = Config {
        weak: Weak::only(weakness),
        tier,
        bounds: Bounds::DEFAULT,
    };
    let mut found = explored(scope, config, usize::MAX);
    found.violated.remove(&property).map(|trace| Attack {
        scope,
        tier,
        property,
        trace,
    })
}
