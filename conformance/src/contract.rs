//! What runner and subject agree on beside the protocol: roles, hooks and their levels, features, flags. One table each.
//!
//! `docs/testing.md` and `conformance/subjects/README.md` say the same in prose; `conformance/tests/contract.rs` compares them.

/// The version of the contract that this runner speaks.
pub const CONTRACT: u32 = 1;

/// The roles that a manifest may name. `system` is all of them together.
pub const ROLES: &[&str] = &[
    "issuer", "verifier", "identity", "sms", "chip", "terminal", "pos", "system",
];

/// The roles that the runner may listen as.
pub const PEERS: &[&str] = &["issuer", "verifier", "identity", "sms", "chip"];

/// How far into a subject the runner must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only the protocol; and, for who speaks first, being told to.
    L0,
    /// A known condition: new from the factory, or started again on the same store.
    L1,
    /// Its clock.
    L2,
    /// What it would have sent by another way.
    L3,
    /// Its randomness.
    L4,
    /// Its log.
    L5,
    /// Its state.
    L6,
}

impl Level {
    /// Every level, the least first.
    pub const ALL: &'static [Self] = &[
        Self::L0,
        Self::L1,
        Self::L2,
        Self::L3,
        Self::L4,
        Self::L5,
        Self::L6,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::L0 => "L0",
            Self::L1 => "L1",
            Self::L2 => "L2",
            Self::L3 => "L3",
            Self::L4 => "L4",
            Self::L5 => "L5",
            Self::L6 => "L6",
        }
    }

    /// The level with this name, or with this number alone.
    pub fn from_name(name: &str) -> Option<Self> {
        let same =
            |level: &&Self| level.name().eq_ignore_ascii_case(name) || &level.name()[1..] == name;
        Self::ALL.iter().find(same).copied()
    }
}

/// Something that a test build offers beside the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// Its name in manifests, and in `needs` of tests after `hook:`; its operation at the control channel.
    pub name: &'static str,
    /// The least level that has it.
    pub level: Level,
    /// What it does.
    pub does: &'static str,
}

/// Every hook.
pub const HOOKS: &[Hook] = &[
    Hook {
        name: "trigger",
        level: Level::L0,
        does: "makes a role that speaks first begin: apply, pay, tap, manage",
    },
    Hook {
        name: "chip",
        level: Level::L1,
        does: "puts in a chip from the factory",
    },
    Hook {
        name: "crash",
        level: Level::L1,
        does: "ends a client in the middle of what was triggered",
    },
    Hook {
        name: "restart",
        level: Level::L1,
        does: "ends the subject at once and starts it again on the same store",
    },
    Hook {
        name: "clock",
        level: Level::L2,
        does: "moves the subject's clock ahead",
    },
    Hook {
        name: "capture",
        level: Level::L3,
        does: "tells the last message to a phone, where the runner is not the SMS gateway",
    },
    Hook {
        name: "seed",
        level: Level::L4,
        does: "makes nonces, codes and keys repeatable",
    },
    Hook {
        name: "log",
        level: Level::L5,
        does: "gives the events that were logged",
    },
    Hook {
        name: "state",
        level: Level::L6,
        does: "gives the state by the names of the specification",
    },
];

/// The chapters of the specification, and the operator's messages at the vault: a subject may have only some of them.
pub const FEATURES: &[&str] = &[
    "apply",
    "prove",
    "issue",
    "bind",
    "provision",
    "pay",
    "tap",
    "manage",
    "vault",
];

/// Something that the suite lets pass when the manifest says so, and tells apart from a pass.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name.
    pub name: &'static str,
    /// What the subject does otherwise.
    pub says: &'static str,
}

/// An answer's media type comes with parameters.
pub const MEDIA_TYPE_PARAMETERS: &str = "media-type-parameters";
/// A refusal has a code of the subject's own.
pub const OWN_CODES: &str = "own-codes";

/// Every flag.
pub const FLAGS: &[Flag] = &[
    Flag {
        name: MEDIA_TYPE_PARAMETERS,
        says: "`application/json; charset=utf-8` in the place of `application/json`",
    },
    Flag {
        name: OWN_CODES,
        says: "a refusal's code of the subject's own, which `error_map` translates",
    },
];

/// The hook with this name.
pub fn hook(name: &str) -> Option<&'static Hook> {
    HOOKS.iter().find(|hook| hook.name == name)
}

/// The level of a test that needs these: `hook:NAME`, others are of no level.
pub fn level_of<'a>(needs: impl IntoIterator<Item = &'a str>) -> Level {
    let levels = needs
        .into_iter()
        .filter_map(|need| hook(need.strip_prefix("hook:")?))
        .map(|hook| hook.level);
    levels.max().unwrap_or(Level::L0)
}
