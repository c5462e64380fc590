//! Tokens minted and resolved on the durable store, beside appending and syncing as many bytes to a plain file.
//!
//! One run measures both on one disk, in turns, and prints the ratio: the disk decides the rate, the store only how
//! near it comes. `cargo bench -p kaika-node --bench durable`; `TMPDIR` says on which disk.

#![expect(clippy::float_arithmetic, reason = "rates")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use kaika_node::dice;
use kaika_node::store::{Sqlite, Store, run_blocking};
use kaika_tokenization::mint;
use kaika_wire::core::{Rows, Write};
use kaika_wire::dice::Dice;
use serde_json::{Value, json};

/// Tokens in one turn.
const TOKENS: usize = 200;
/// Turns; the median of each rate is shown.
const TURNS: usize = 7;
/// Minters that work at once, for the rates that the store's groups give.
const MINTERS: usize = 16;
const TABLE: &str = "tokens";

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn row(digits: &str) -> Value {
    json!({"token_ref": digits, "pan": "6288000000000000", "state": "inactive", "minted_at": 1_700_000_000_000_i64})
}

/// One token: drawn, checked against those there are, stored, and only then told.
fn minted(store: &dyn Store) -> Outcome<String> {
    let mut dice = Dice::new(dice::bytes());
    let token = run_blocking(store, move |rows: &dyn Rows| {
        let taken = |digits: &str| rows.get(TABLE, digits).is_some();
        match mint::mint(&mut |bound| dice.below(bound), &taken) {
            Ok(token) => {
                let digits = token.digits().to_owned();
                (
                    vec![Write::put(TABLE, digits.clone(), &row(&digits))],
                    Some(digits),
                )
            }
            Err(_) => (vec![], None),
        }
    })?;
    token.ok_or_else(|| "the range is exhausted".into())
}

fn resolved(store: &dyn Store, digits: &str) -> Outcome<bool> {
    let digits = digits.to_owned();
    Ok(run_blocking(store, move |rows: &dyn Rows| {
        (vec![], rows.get(TABLE, &digits).is_some())
    })?)
}

/// How many times a second `step` was done, over `count` times.
fn rate(count: usize, mut step: impl FnMut(usize) -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    for turn in 0..count {
        step(turn)?;
    }
    Ok(per_second(count, start.elapsed()))
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / took.as_secs_f64()
}

fn minted_at_once(store: &dyn Store) -> Outcome<f64> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let minters: Vec<_> = (0..MINTERS)
            .map(|_| scope.spawn(|| (0..TOKENS).try_for_each(|_| minted(store).map(drop))))
            .collect();
        minters.into_iter().try_for_each(|minter| {
            minter
                .join()
                .unwrap_or_else(|_| Err("a minter died".into()))
        })
    })?;
    Ok(per_second(TOKENS * MINTERS, start.elapsed()))
}

/// The limit: the same bytes appended to a file and synced, one after another.
fn synced(path: &Path) -> Outcome<f64> {
    let bytes = row("6299000000000000").to_string().into_bytes();
    let mut file = File::create(path)?;
    rate(TOKENS, |_| {
        file.write_all(&bytes)?;
        Ok(file.sync_data()?)
    })
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let store = Sqlite::open(&dir.path().join("tokens.db"))?;
    let (mut limit, mut one, mut many, mut read) = (vec![], vec![], vec![], vec![]);
    for _ in 0..TURNS {
        limit.push(synced(&dir.path().join("plain"))?);
        let mut tokens = Vec::new();
        one.push(rate(TOKENS, |_| {
            tokens.push(minted(&store)?);
            Ok(())
        })?);
        many.push(minted_at_once(&store)?);
        read.push(rate(TOKENS, |turn| {
            let found = tokens.get(turn).map(|token| resolved(&store, token));
            match found {
                Some(Ok(true)) => Ok(()),
                _ => Err("a token that was minted is not there".into()),
            }
        })?);
    }
    let limit = median(limit);
    println!("appended and synced, one after another: {limit:>10.0} per second");
    for (what, rates) in [
        ("minted and committed, one after another", one),
        ("minted and committed, sixteen at once", many),
        ("resolved, one after another", read),
    ] {
        let rate = median(rates);
        println!(
            "{what}: {rate:>10.0} per second, {:.2} of the limit",
            rate / limit
        );
    }
    Ok(())
}
