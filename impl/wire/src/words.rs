//! Fields that are one word of a few, and the drawn actions. A macro makes their types.

use serde::{Deserialize, Serialize};

/// A closed set of words. Read from a string and from nothing else: serde's own enums also take `{"word": null}`.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                match text.as_str() {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(concat!("expected one of:", $(" ", $word,)+)),
                }
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.name().into()
            }
        }

        #[cfg(feature = "samples")]
        impl crate::samples::Sample for $name {
            fn samples() -> Vec<Self> {
                Self::ALL.to_vec()
            }
        }
    )+};
}
pub(crate) use words;

words! {
    /// What a person is asked to do before the camera.
    Action {
        /// Blink.
        Blink = "blink",
        /// Nod.
        Nod = "nod",
        /// Open the mouth.
        OpenMouth = "open-mouth",
        /// Turn left.
        TurnLeft = "turn-left",
        /// Turn right.
        TurnRight = "turn-right",
    }
}

/// How many actions are drawn.
pub const ACTIONS: usize = 3;

/// The drawn actions, in order; none twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Action>", into = "Vec<Action>")]
pub struct Actions(pub [Action; ACTIONS]);

impl Actions {
    /// Their names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|action| action.name().into()).collect()
    }
}

impl TryFrom<Vec<Action>> for Actions {
    type Error = &'static str;

    fn try_from(actions: Vec<Action>) -> Result<Self, Self::Error> {
        match <[Action; ACTIONS]>::try_from(actions) {
            Ok([a, b, c]) if a != b && b != c && a != c => Ok(Self([a, b, c])),
            Ok(_) | Err(_) => Err("expected three actions, none twice"),
        }
    }
}

impl From<Actions> for Vec<Action> {
    fn from(actions: Actions) -> Self {
        actions.0.to_vec()
    }
}
