//! Accounts opened, tokens minted and resolved on the durable store, sealed as they are, beside appending and syncing as many bytes to a plain file.
//!
//! One run measures both on one disk, in turns, and prints the ratio: the disk decides the rate, the store only how
//! near it comes. `cargo bench -p kaika-node --bench durable`; `TMPDIR` says on which disk.

#![expect(clippy::float_arithmetic, reason = "rates")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use kaika_issuer::Vault;
use kaika_node::dice;
use kaika_node::store::{Sqlite, Store, run_blocking};
use kaika_spec::Refusal;
use kaika_spec::limit::BULK_MINT_MAX;
use kaika_tokenization::{Draft, Link, Par};
use kaika_wire::core::Rows;
use kaika_wire::dice::Dice;
use serde_json::{Value, json};

/// Tokens in one turn.
const TOKENS: usize = 200;
/// Turns; the median of each rate is shown.
const TURNS: usize = 7;
/// Minters that work at once, for the rates that the store's groups give.
const MINTERS: usize = 16;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// As many bytes as one token is: number, link, count, and what stands in the rows of the bank.
fn row(digits: &str) -> Value {
    json!({"token_ref": digits, "par": "KAI1AAAAAAAAAAAAAAAAAAAAAAAAA", "state": "inactive", "minted_at": 1_700_000_000_000_i64})
}

/// A PAN account with one token: drawn, sealed, checked against those there are, stored, and only then told.
fn opened(store: &dyn Store, vault: &Vault) -> Outcome<Par> {
    worked(store, vault, |vault, draft| {
        let par = draft.open_account()?;
        draft.mint(&link(vault, par.clone(), [0; 8]), &|_| false)?;
        Ok(par)
    })
}

/// One more token of an account, for another chip.
fn minted(store: &dyn Store, vault: &Vault, par: &Par) -> Outcome<()> {
    let par = par.clone();
    worked(store, vault, move |vault, draft| {
        draft
            .mint(&link(vault, par, dice::bytes()), &|_| false)
            .map(drop)
    })
}

/// As many tokens as one message may ask for, in one transaction.
fn minted_in_bulk(store: &dyn Store, vault: &Vault, par: &Par) -> Outcome<()> {
    let par = par.clone();
    worked(store, vault, move |vault, draft| {
        let links: Vec<Link> = (0..BULK_MINT_MAX)
            .map(|_| link(vault, par.clone(), dice::bytes()))
            .collect();
        draft.mint_all(&links, &|_| false).map(drop)
    })
}

/// The PAN of an account, read and opened.
fn resolved(store: &dyn Store, vault: &Vault, par: &Par) -> Outcome<()> {
    let par = par.clone();
    worked(store, vault, move |_, draft| draft.pan(&par).map(drop))
}

fn link(vault: &Vault, par: Par, chip: [u8; 8]) -> Link {
    let requestor = vault.requestor.clone();
    Link {
        par,
        requestor,
        chip,
    }
}

fn worked<T: Send + 'static>(
    store: &dyn Store,
    vault: &Vault,
    work: impl FnOnce(&Vault, &mut Draft<'_>) -> Result<T, Refusal> + Send + 'static,
) -> Outcome<T> {
    let (vault, mut dice) = (vault.clone(), Dice::new(dice::bytes()));
    let done = run_blocking(store, move |rows: &dyn Rows| {
        match vault.work(rows, &mut dice, |draft| work(&vault, draft)) {
            Ok((done, writes)) => (writes, Ok(done)),
            Err(refusal) => (vec![], Err(refusal)),
        }
    })?;
    done.map_err(|refusal| refusal.name().into())
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

fn minted_at_once(store: &dyn Store, vault: &Vault, par: &Par) -> Outcome<f64> {
    let start = Instant::now();
    std::thread::scope(|scope| {
        let minter = || (0..TOKENS).try_for_each(|_| minted(store, vault, par));
        let minters: Vec<_> = (0..MINTERS).map(|_| scope.spawn(minter)).collect();
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
    let vault = Vault::standard(dice::bytes());
    let par = opened(&store, &vault)?;
    let (mut limit, mut new, mut one, mut many, mut bulk, mut read) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    for _ in 0..TURNS {
        limit.push(synced(&dir.path().join("plain"))?);
        new.push(rate(TOKENS, |_| opened(&store, &vault).map(drop))?);
        one.push(rate(TOKENS, |_| minted(&store, &vault, &par))?);
        many.push(minted_at_once(&store, &vault, &par)?);
        let messages = rate(TOKENS / 8, |_| minted_in_bulk(&store, &vault, &par))?;
        bulk.push(messages * f64::from(u32::try_from(BULK_MINT_MAX)?));
        read.push(rate(TOKENS, |_| resolved(&store, &vault, &par))?);
    }
    let limit = median(limit);
    println!("appended and synced, one after another: {limit:>10.0} per second");
    for (what, rates) in [
        ("accounts opened with a token, one after another", new),
        ("tokens minted and committed, one after another", one),
        ("tokens minted and committed, sixteen at once", many),
        ("tokens minted and committed, 64 in a message", bulk),
        ("resolved to a PAN, one after another", read),
    ] {
        let rate = median(rates);
        println!(
            "{what}: {rate:>10.0} per second, {:.2} of the limit",
            rate / limit
        );
    }
    Ok(())
}
