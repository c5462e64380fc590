//! Tokens minted and resolved in memory, beside the map that any vault needs; and the two generators.
//!
//! FF1 is that of crate `fpe`, over AES-256 of crate `aes`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kaika_crypto::SealKey;
use kaika_tokenization::generate::{Ff1, Generator, Random};
use kaika_tokenization::vault::Terms;
use kaika_tokenization::{
    Assurance, Channel, Entropy, Generation, Link, Par, Policy, Presented, Ranges, RequestorId,
    Software, Token, TokenVault,
};

const PRELOADED: u64 = 100_000;
const TERMS: Terms = Terms {
    assurance: Assurance::OneFactor,
    expires_at: i64::MAX,
};

/// A walk over the numbers, so that the benchmark measures the vault and not a source of randomness.
struct Walk(u64);

impl Entropy for Walk {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = u8::try_from(self.below(256)).unwrap_or(0);
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) % bound
    }
}

fn empty(generation: Generation) -> TokenVault {
    let keys = Arc::new(Software::new(SealKey::new([1; 32]), vec![]));
    match Policy::new(Ranges::standard(), generation, keys) {
        Ok(policy) => TokenVault::new(Arc::new(policy)),
        Err(fault) => unreachable!("{fault}"),
    }
}

fn opened(vault: &mut TokenVault, walk: &mut Walk) -> Par {
    match vault.open_account(walk) {
        Ok(par) => par,
        Err(refusal) => unreachable!("{refusal:?}"),
    }
}

fn link(par: &Par, chip: u64) -> Link {
    match RequestorId::new("62900000001") {
        Some(requestor) => Link {
            par: par.clone(),
            requestor,
            chip: chip.to_be_bytes(),
        },
        None => unreachable!("eleven digits"),
    }
}

fn minted(vault: &mut TokenVault, par: &Par, walk: &mut Walk) -> Vec<Token> {
    (0..PRELOADED)
        .filter_map(|chip| {
            let token = vault.mint(&link(par, chip), TERMS, walk).ok()?;
            vault.activate(&token).ok()?;
            Some(token)
        })
        .collect()
}

fn tokens(c: &mut Criterion) {
    let mut group = c.benchmark_group("tokens in memory");
    group.throughput(Throughput::Elements(1));
    for (name, generation) in [
        ("mint, random", Generation::Random),
        ("mint, FF1", Generation::Ff1),
    ] {
        let (mut vault, mut walk) = (empty(generation), Walk(1));
        let par = opened(&mut vault, &mut walk);
        minted(&mut vault, &par, &mut walk);
        let mut chip = PRELOADED;
        group.bench_function(name, |b| {
            b.iter(|| {
                chip += 1;
                vault.mint(&link(&par, chip), TERMS, &mut walk).is_ok()
            });
        });
    }
    let (mut vault, mut walk) = (empty(Generation::Random), Walk(1));
    let par = opened(&mut vault, &mut walk);
    let tokens = minted(&mut vault, &par, &mut walk);
    let map: BTreeMap<String, u64> = tokens
        .iter()
        .map(|token| (token.digits().to_owned(), 1))
        .collect();
    group.bench_function("account opened and PAN sealed", |b| {
        b.iter(|| vault.open_account(&mut walk).is_ok());
    });
    let (mut index, tap) = (0, Presented::by(Channel::Contactless));
    group.bench_function("resolve", |b| {
        b.iter(|| {
            index = (index + 7919) % tokens.len();
            vault.resolve(black_box(&tokens[index]), 0, &tap).is_ok()
        });
    });
    group.bench_function("limit: look-up in a plain map", |b| {
        b.iter(|| {
            index = (index + 7919) % tokens.len();
            map.get(black_box(tokens[index].digits())).copied()
        });
    });
    group.finish();
}

fn generators(c: &mut Criterion) {
    let ranges = Ranges::standard();
    let range = &ranges.tokens()[0];
    let (mut walk, mut turn) = (Walk(1), 0);
    let mut draw = |bound| walk.below(bound);
    let mut random = Random(&mut draw);
    let mut serial = Ff1::new(&SealKey::new([1; 32]));
    let mut group = c.benchmark_group("seven free digits");
    group.throughput(Throughput::Elements(1));
    group.bench_function("random", |b| b.iter(|| random.body(black_box(range), 0)));
    group.bench_function("FF1", |b| {
        b.iter(|| {
            turn += 1;
            serial.body(black_box(range), turn)
        });
    });
    group.finish();
}

criterion_group!(benches, tokens, generators);
criterion_main!(benches);
