//! The rewritten roles, and what a measurement wants to know of each.

use kaika_generate::script::Script;
use kaika_model::{Machine, Outcome};

use crate::mutant::Mutant;

macro_rules! rewritten {
    ($role:ident, $file:literal) => {
        #[allow(
            unused,
            clippy::all,
            clippy::unwrap_used,
            clippy::expect_used,
            missing_docs,
            reason = "written by the build script"
        )]
        mod $role {
            use kaika_model::role::$role::*;
            use kaika_model::{Machine, Outcome, Verdict, Weak};

            include!(concat!(env!("OUT_DIR"), $file));
        }
    };
}
rewritten!(verifier, "/verifier.rs");
rewritten!(issuer, "/issuer.rs");
rewritten!(identity, "/identity.rs");
rewritten!(chip, "/chip.rs");
rewritten!(pos, "/pos.rs");
rewritten!(terminal, "/terminal.rs");

pub(crate) type Input<S> = <<S as Script>::M as Machine>::Input;
pub(crate) type State<S> = <<S as Script>::M as Machine>::State;
pub(crate) type Output<S> = <<S as Script>::M as Machine>::Output;

/// A role with its mutants.
pub(crate) trait Subject:
    Script<M: Machine<State: Sync, Input: Sync, Output: Sync>> + Sync
{
    /// Every mutant; the first has number 1.
    const MUTANTS: &'static [Mutant];

    /// The step with the active mutant.
    fn mutated(state: &State<Self>, input: &Input<Self>) -> Outcome<State<Self>, Output<Self>>;
}

macro_rules! subject {
    ($role:ident) => {
        impl Subject for kaika_generate::$role::Templates {
            const MUTANTS: &'static [Mutant] = $role::MUTANTS;

            fn mutated(
                state: &State<Self>,
                input: &Input<Self>,
            ) -> Outcome<State<Self>, Output<Self>> {
                $role::step(state, input, &kaika_model::Weak::HARDENED)
            }
        }
    };
}
subject!(verifier);
subject!(issuer);
subject!(identity);
subject!(chip);
subject!(pos);
subject!(terminal);
