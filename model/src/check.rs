//! What is asked of the worlds: verdicts by Stateright, traces by our own explorer.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use kaika_spec::{PropertyId, Scope, Weakness};
use stateright::{Checker as _, Expectation, Model as _};

use crate::explore::{Explored, Trace, explore};
use crate::role::Weak;
use crate::scope::issuance::Issuance;
use crate::scope::manage::Manage;
use crate::scope::pay::Pay;
use crate::scope::provisioning::Provisioning;
use crate::scope::tap::Tap;
use crate::scope::{Bounds, Config, Tier, World};

/// What Stateright found in one scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The scope.
    pub scope: Scope,
    /// Unique states.
    pub states: usize,
    /// States generated, those seen before included.
    pub generated: usize,
    /// Longest path that was followed.
    pub depth: usize,
    /// Wall-clock time.
    pub took: Duration,
    /// Size of one state in memory, bytes.
    pub bytes_per_state: usize,
    /// Properties asked.
    pub asked: Vec<PropertyId>,
    /// Properties violated.
    pub violated: Vec<PropertyId>,
    /// Witnesses and scenarios asked.
    pub witnesses: usize,
    /// Those that cannot be reached.
    pub unreached: Vec<&'static str>,
}

impl Report {
    /// Every property holds and none vacuously.
    pub fn holds(&self) -> bool {
        self.violated.is_empty() && self.unreached.is_empty()
    }

    /// Unique states per second.
    pub fn rate(&self) -> u128 {
        self.states as u128 * 1_000_000 / self.took.as_micros().max(1)
    }
}

/// Progress of a check: scope, unique states, depth.
pub type Progress<'a> = &'a mut dyn FnMut(Scope, usize, usize);

/// Runs `$body` with `$world` as the world of a scope.
macro_rules! in_world {
    ($scope:expr, $world:ident => $body:expr) => {
        match $scope {
            Scope::Issuance => {
                type $world = Issuance;
                $body
            }
            Scope::Provisioning => {
                type $world = Provisioning;
                $body
            }
            Scope::Pay => {
                type $world = Pay;
                $body
            }
            Scope::Tap => {
                type $world = Tap;
                $body
            }
            Scope::Manage => {
                type $world = Manage;
                $body
            }
        }
    };
}

/// Has Stateright check one scope.
pub fn check(scope: Scope, config: Config, progress: Progress<'_>) -> Report {
    in_world!(scope, W => check_world::<W>(config, progress))
}

fn check_world<W>(config: Config, progress: Progress<'_>) -> Report
where
    W: World + Send + Sync + 'static,
    W::State: 'static,
    W::Action: Clone + PartialEq + Send + Sync + 'static,
{
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let world = W::new(config);
    let properties = world.properties();
    let checker = world.checker().threads(threads).spawn_bfs();
    while !checker.is_done() {
        std::thread::sleep(Duration::from_millis(10));
        progress(W::SCOPE, checker.unique_state_count(), checker.max_depth());
    }
    let checker = checker.join();
    let found = checker.discoveries();
    let named = |expectation: Expectation| {
        properties
            .iter()
            .filter(move |property| property.expectation == expectation)
            .map(|property| property.name)
    };
    let ids = |names: Vec<&str>| {
        names
            .into_iter()
            .filter_map(PropertyId::from_name)
            .collect()
    };
    Report {
        scope: W::SCOPE,
        states: checker.unique_state_count(),
        generated: checker.state_count(),
        depth: checker.max_depth(),
        took: began.elapsed(),
        bytes_per_state: size_of::<W::State>(),
        asked: ids(named(Expectation::Always).collect()),
        violated: ids(named(Expectation::Always)
            .filter(|name| found.contains_key(name))
            .collect()),
        witnesses: named(Expectation::Sometimes).count(),
        unreached: named(Expectation::Sometimes)
            .filter(|name| !found.contains_key(name))
            .collect(),
    }
}

/// Has our own explorer look at one scope until `enough` properties are violated.
pub fn explored(scope: Scope, config: Config, enough: usize) -> Explored {
    in_world!(scope, W => explore(W::new(config), enough))
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

/// Every property that a set of weaknesses breaks at its least tier, shortest trace first.
pub fn attacks(weak: Weak) -> Vec<Attack> {
    let mut found: Vec<Attack> = Vec::new();
    for tier in Tier::ALL {
        for scope in Scope::ALL {
            let config = Config {
                weak,
                tier: *tier,
                bounds: Bounds::Default,
            };
            for (property, trace) in explored(*scope, config, usize::MAX).violated {
                if !found
                    .iter()
                    .any(|known| known.property == property && known.scope == *scope)
                {
                    found.push(Attack {
                        scope: *scope,
                        tier: *tier,
                        property,
                        trace,
                    });
                }
            }
        }
    }
    found.sort_by_key(|attack| (attack.tier, attack.trace.actions.len(), attack.property));
    found
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
    }
}

/// The shortest counterexample for one weakness against the property it is named for.
pub fn attack(weakness: Weakness) -> Option<Attack> {
    let (scope, property, tier) = target(weakness);
    let config = Config {
        weak: Weak::only(weakness),
        tier,
        bounds: Bounds::Default,
    };
    let mut found = explored(scope, config, usize::MAX);
    found.violated.remove(&property).map(|trace| Attack {
        scope,
        tier,
        property,
        trace,
    })
}

/// Serves Stateright's own explorer of one scope; does not return.
pub fn serve(scope: Scope, config: Config, address: std::net::SocketAddr) {
    in_world!(scope, W => {
        let _ = W::new(config).checker().serve(address);
    });
}
