use kaika_model::check::{Engine, check};
use kaika_model::explore::Limits;
use kaika_model::{Config, Tier};
use kaika_spec::Scope;
fn main() {
    for scope in Scope::ALL {
        for tier in Tier::ALL {
            let limits = Limits {
                threads: 2,
                ..Limits::default()
            };
            let r = check(
                *scope,
                Config::hardened(*tier),
                Engine::Native,
                limits,
                &mut |_, _| {},
            );
            println!(
                "{scope} {} states {} trans {} depth {} {:?} B/s {} violated {:?} beyond {:?} unreached {:?}",
                tier.name(),
                r.states,
                r.transitions,
                r.depth,
                r.took,
                r.bytes_per_state,
                r.violated,
                r.beyond,
                r.unreached
            );
        }
    }
}
