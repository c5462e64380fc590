//! Property × tier × profile: what is claimed against whom, and what holds. Start at [`Matrix::compute`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kaika_spec::{PropertyId, Scope};

use crate::check::{explored, properties_of, required, tiers_of, weaknesses_of};
use crate::role::Weak;
use crate::scope::{Bounds, Config, Tier};

/// Why nothing is claimed: the property, the least tier that breaks it, what would be needed.
pub const BOUNDARIES: &[(PropertyId, Tier, &str)] = &[
    (
        PropertyId::TH1,
        Tier::T3,
        "Whoever has the password and reads the texts is the customer, as far as a code can show; it takes a second factor that is \
         not the phone's number. The branch with the face holds until a camera is fed.",
    ),
    (
        PropertyId::P13,
        Tier::T4,
        "Pictures that are made up for the challenge and fed to the camera pass; it takes a camera that attests what it saw.",
    ),
    (
        PropertyId::P31,
        Tier::T4,
        "A screen that shows one order while the chip signs another deceives the payer; it takes a display that the phone's software cannot paint.",
    ),
    (
        PropertyId::TH2,
        Tier::T4,
        "The same for orders; and at a shop a relayed tap is a good tap: it takes measured time to tell how far the chip is. \
         `TAP_LIMIT_MINOR` bounds what it costs.",
    ),
    (
        PropertyId::P38,
        Tier::T4,
        "A shop may show what it likes on its own terminal. It is paid only what the issuer approved.",
    ),
    (
        PropertyId::P41,
        Tier::T4,
        "The same shop: it says that it was paid and never asks again.",
    ),
    (
        PropertyId::P25,
        Tier::T5,
        "A verifier may leave undone what it owes the issuer. An inactive token then dies by itself (PRO-14); an active one is its owner's to delete.",
    ),
    (
        PropertyId::P45,
        Tier::T5,
        "The same: the verifier says that a request is cancelled and does not tell the issuer.",
    ),
    (
        PropertyId::TH4,
        Tier::T5,
        "The same, for both views together.",
    ),
    (
        PropertyId::P35,
        Tier::T5,
        "The terminal hears of a result from the verifier alone; it takes a result that the issuer signs.",
    ),
    (
        PropertyId::P43,
        Tier::T5,
        "The verifier speaks for the user, so it can resume what the user suspended. It cannot resume for the bank.",
    ),
];

/// Why a property is not claimed against a tier.
pub fn boundary(property: PropertyId, tier: Tier) -> Option<&'static str> {
    BOUNDARIES
        .iter()
        .find(|(id, from, _)| *id == property && *from <= tier)
        .map(|(_, _, why)| *why)
}

/// What the model says about one property against one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Claimed, and holds.
    Holds,
    /// Claimed, and does not hold.
    Violated,
    /// Nothing is claimed, and the model has no counterexample.
    Unclaimed,
    /// Nothing is claimed, and it does not hold.
    Boundary,
}

impl Cell {
    /// One sign.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Holds => "✓",
            Self::Violated => "**✗**",
            Self::Unclaimed => "(✓)",
            Self::Boundary => "✗",
        }
    }

    /// One letter.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Holds => "+",
            Self::Violated => "X",
            Self::Unclaimed => "o",
            Self::Boundary => "-",
        }
    }

    /// For machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Violated => "violated",
            Self::Unclaimed => "unclaimed",
            Self::Boundary => "boundary",
        }
    }
}

/// The cells of one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix(BTreeMap<(PropertyId, Tier), Cell>);

impl Matrix {
    /// Explores every scope against every tier. `watch` hears what is begun.
    pub fn compute(weak: Weak, watch: &mut dyn FnMut(Scope, Tier)) -> Self {
        let mut violated = BTreeSet::new();
        for scope in Scope::ALL {
            explore_scope(*scope, weak, &mut violated, watch);
        }
        let cells = PropertyId::ALL.iter().flat_map(|property| {
            Tier::ALL
                .iter()
                .map(|tier| ((*property, *tier), *property, *tier))
        });
        let cell = |property, tier| match (
            is_claimed(property, tier),
            violated.contains(&(property, tier)),
        ) {
            (true, false) => Cell::Holds,
            (true, true) => Cell::Violated,
            (false, false) => Cell::Unclaimed,
            (false, true) => Cell::Boundary,
        };
        Self(
            cells
                .map(|(key, property, tier)| (key, cell(property, tier)))
                .collect(),
        )
    }

    /// One cell.
    pub fn cell(&self, property: PropertyId, tier: Tier) -> Cell {
        self.0
            .get(&(property, tier))
            .copied()
            .unwrap_or(Cell::Unclaimed)
    }

    /// The cells, by property and tier.
    pub fn cells(&self) -> impl Iterator<Item = (PropertyId, Tier, Cell)> {
        self.0
            .iter()
            .map(|((property, tier), cell)| (*property, *tier, *cell))
    }

    /// Whether everything holds that is claimed.
    pub fn holds(&self) -> bool {
        self.cells().all(|(_, _, cell)| cell != Cell::Violated)
    }
}

/// Whether a property is claimed against a tier: in every scope that has it.
fn is_claimed(property: PropertyId, tier: Tier) -> bool {
    let mut scopes = Scope::ALL
        .iter()
        .filter(|scope| properties_of(**scope).contains(&property));
    scopes.all(|scope| required(*scope, tier).contains(&property))
}

/// Attackers only gain powers: what one breaks, every later one does.
fn explore_scope(
    scope: Scope,
    weak: Weak,
    violated: &mut BTreeSet<(PropertyId, Tier)>,
    watch: &mut dyn FnMut(Scope, Tier),
) {
    let touched = weaknesses_of(scope).iter().any(|one| weak.has(*one));
    let weak = if touched { weak } else { Weak::HARDENED };
    let all = properties_of(scope);
    let mut broken: BTreeSet<PropertyId> = BTreeSet::new();
    for tier in Tier::ALL {
        let differs = tiers_of(scope).contains(tier);
        if differs && broken.len() < all.len() {
            watch(scope, *tier);
            let config = Config {
                weak,
                tier: *tier,
                bounds: Bounds::DEFAULT,
            };
            broken.extend(explored(scope, config, usize::MAX).violated.into_keys());
        }
        violated.extend(broken.iter().map(|property| (*property, *tier)));
    }
}

/// Both profiles as a table, and a sentence for every boundary.
pub fn page(hardened: &Matrix, claimed: &Matrix) -> String {
    let mut text = String::from("| property | is about |");
    for profile in ["hardened", "as claimed"] {
        for tier in Tier::ALL {
            let _ = write!(text, " {profile} {} |", tier.name());
        }
    }
    let _ = write!(text, "\n|---|---|{}", "---|".repeat(2 * Tier::ALL.len()));
    for property in PropertyId::ALL {
        let _ = write!(text, "\n| {property} | {} |", property.title());
        for matrix in [hardened, claimed] {
            for tier in Tier::ALL {
                let _ = write!(text, " {} |", matrix.cell(*property, *tier).sign());
            }
        }
    }
    text.push_str("\n\n## Boundaries\n\nWhat fails on purpose in the hardened protocol, from which attacker on, and what would be needed.\n\n");
    for (property, tier, why) in BOUNDARIES {
        let _ = writeln!(text, "- **{property}** from {}: {why}", tier.name());
    }
    text
}

/// The cells of the hardened protocol that fail without a sentence, and sentences for what does not fail there.
pub fn unexplained(hardened: &Matrix) -> Vec<String> {
    let least = |property| {
        let mut cells = hardened.cells();
        cells
            .find(|(id, _, cell)| *id == property && *cell == Cell::Boundary)
            .map(|(_, tier, _)| tier)
    };
    let mut complaints = Vec::new();
    for property in PropertyId::ALL {
        let said = BOUNDARIES.iter().find(|(id, _, _)| id == property);
        match (least(*property), said) {
            (Some(tier), None) => complaints.push(format!(
                "{property} fails from {} on and nothing says why",
                tier.name()
            )),
            (found, Some((_, tier, _))) if found != Some(*tier) => complaints.push(format!(
                "{property} does not begin to fail at {}",
                tier.name()
            )),
            _ => {}
        }
    }
    complaints
}
