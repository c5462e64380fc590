//! Roles, scopes, branches and states, by the names that prose, model, vectors and code use.

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the table in the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as written on the wire, in vectors and in prose.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value with this name, if there is one.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// Who takes part. Source: `spec/10-roles.md`.
    Role {
        /// The phone app (用户终端).
        Terminal = "terminal",
        /// The secure element (安全芯片).
        Chip = "chip",
        /// The wallet provider's server (验证服务器).
        Verifier = "verifier",
        /// The bank (卡发行机构服务器), with its token vault and ledger.
        Issuer = "issuer",
        /// The identity system (公安部系统).
        Identity = "identity",
        /// The shop's terminal (POS机).
        Pos = "pos",
        /// The out-of-band channel to the reserved phone.
        Sms = "sms",
        /// The bank's or wallet's own back office: enrols people, reports cards lost.
        Operator = "operator",
    }
}

named! {
    /// A part of the protocol that is checked as one model.
    Scope {
        /// Flows A and B up to the minted, inactive token.
        Issuance = "issuance",
        /// Token into the chip, receipt, activation; tears and crashes.
        Provisioning = "provisioning",
        /// Flow C: orders, debits, reversals.
        Pay = "pay",
        /// Flow D: the chip at a shop's terminal.
        Tap = "tap",
        /// Suspend, resume, delete, lost.
        Manage = "manage",
        /// The way of a card from end to end, with a second request beside it.
        Whole = "whole",
    }
}

named! {
    /// Which proof a card request needs; decided by the issuer alone.
    Branch {
        /// The issuer knows the customer: one-time code to the reserved phone (非第一卡用户).
        KnownCustomer = "known-customer",
        /// First card with this issuer: ID photos, video and a match reference (第一卡用户).
        FirstCard = "first-card",
    }
}

named! {
    /// The life of a payment token. Source: `spec/80-manage.md`.
    TokenState {
        /// Minted, not yet known to be in a chip.
        Inactive = "inactive",
        /// In a chip and usable.
        Active = "active",
        /// Not usable until every party that suspended it has resumed it.
        Suspended = "suspended",
        /// Gone for ever.
        Deleted = "deleted",
    }
}
