//! Tokens minted and resolved in memory, beside the map that any vault needs.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kaika_tokenization::resolve::Channel;
use kaika_tokenization::{Pan, TokenVault, mint};

const PRELOADED: u64 = 100_000;

/// A permutation-like walk over the range, so that the benchmark measures the vault and not a generator.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |bound| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 20) % bound
    }
}

fn pan() -> Pan {
    match mint::card_number(&mut |_| 1, &|_| false) {
        Ok(pan) => pan,
        Err(_) => unreachable!("nothing is taken"),
    }
}

fn tokens(c: &mut Criterion) {
    let mut draw = dice(1);
    let mut vault = TokenVault::default();
    let minted: Vec<_> = (0..PRELOADED)
        .filter_map(|_| vault.mint(pan(), i64::MAX, &mut draw).ok())
        .collect();
    for token in &minted {
        assert!(vault.activate(token).is_ok());
    }
    let map: BTreeMap<String, u64> = minted
        .iter()
        .map(|token| (token.digits().to_owned(), 1))
        .collect();
    let mut group = c.benchmark_group("tokens in memory");
    group.throughput(Throughput::Elements(1));
    group.bench_function("mint", |b| {
        b.iter_batched(
            pan,
            |pan| vault.mint(pan, i64::MAX, &mut draw).is_ok(),
            BatchSize::SmallInput,
        );
    });
    let mut index = 0;
    group.bench_function("resolve", |b| {
        b.iter(|| {
            index = (index + 7919) % minted.len();
            vault
                .resolve(black_box(&minted[index]), 0, Channel::Contactless)
                .is_ok()
        });
    });
    group.bench_function("limit: look-up in a plain map", |b| {
        b.iter(|| {
            index = (index + 7919) % minted.len();
            map.get(black_box(minted[index].digits())).copied()
        });
    });
    group.finish();
}

criterion_group!(benches, tokens);
criterion_main!(benches);
