//! How much may happen in one run: a budget for each kind of event. Start at [`Bounds`].

use kaika_spec::Scope;
use serde_json::Value;

use crate::check::in_world;
use crate::pack::Wide;

/// Declares the budgets: a field, its name, and what it is.
macro_rules! budgets {
    ($($(#[$doc:meta])* $name:ident: $default:literal, $deep:literal;)+) => {
        /// Budgets. A world takes those that it names; what else may happen in it once is part of the world.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Bounds { $($(#[$doc])* pub $name: u8,)+ }

        impl Bounds {
            /// One fault of each kind.
            pub const DEFAULT: Self = Self { $($name: $default,)+ };
            /// Four faults of each kind: a minute's work for the explorer of our own.
            pub const DEEP: Self = Self { $($name: $deep,)+ };
            /// The names of the budgets.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Each budget by its name.
            pub const fn list(self) -> [(&'static str, u8); Self::NAMES.len()] {
                [$((stringify!($name), self.$name)),+]
            }

            fn budget(&mut self, name: &str) -> Option<&mut u8> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }
    };
}

budgets! {
    /// Answers of the issuer to the issue message that are lost.
    faults: 1, 4;
    /// Crashes of the issuer while a card is issued.
    crashes: 1, 4;
    /// Channels that the issuer opens to chips.
    openings: 2, 5;
    /// Power cuts of a chip.
    tears: 1, 4;
    /// Answers of the issuer to the verifier that are lost while an order is paid.
    losses: 1, 4;
    /// Times that a terminal or a shop gives up waiting.
    timeouts: 1, 4;
}

impl Default for Bounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Bounds {
    /// The most faults of one kind that a state has bits for.
    pub const MOST: u8 = 6;

    /// So many faults of each kind, [`Bounds::MOST`] at most, and one opening more.
    pub const fn of(count: u8) -> Self {
        let count = if count > Self::MOST {
            Self::MOST
        } else {
            count
        };
        Self {
            faults: count,
            crashes: count,
            openings: count + 1,
            tears: count,
            losses: count,
            timeouts: count,
        }
    }

    /// Reads `{"tears": 2, …}`; what is not named is as by default. An error names the field and what may be there.
    pub fn read(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Value::Object(fields) = value else {
            return Err("bounds are one object of budgets: {\"tears\": 2}".to_owned());
        };
        let mut bounds = Self::DEFAULT;
        for (name, value) in &fields {
            let Some(budget) = bounds.budget(name) else {
                return Err(format!(
                    "no budget {name}; the budgets are {}",
                    Self::NAMES.join(", ")
                ));
            };
            let most = most(name);
            let fits = |number: &u8| *number <= most;
            *budget = value
                .as_u64()
                .and_then(|number| u8::try_from(number).ok())
                .filter(fits)
                .ok_or_else(|| {
                    format!("{name} is {value}; it must be a number from 0 to {most}")
                })?;
        }
        Ok(bounds)
    }
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::DEFAULT => f.write_str("default: ")?,
            Self::DEEP => f.write_str("deep: ")?,
            _ => {}
        }
        let all = self.list().map(|(name, budget)| format!("{name} {budget}"));
        f.write_str(&all.join(", "))
    }
}

/// The most that the packed states of every world that has the budget can hold.
pub fn most(name: &str) -> u8 {
    let bits = Scope::ALL.iter().filter_map(|scope| {
        in_world!(*scope, W => <<W as stateright::Model>::State as Wide>::place(name))
            .map(|(_, bits)| bits)
    });
    let most = bits.map(|bits| ((1_u32 << bits.min(8)) - 1) as u8).min();
    most.unwrap_or(0).min(
        MOST.iter()
            .find(|(one, _)| *one == name)
            .map_or(u8::MAX, |(_, most)| *most),
    )
}

/// What counts something that hangs on a budget is narrower than the budget itself.
const MOST: &[(&str, u8)] = &[("openings", Bounds::MOST + 1)];
