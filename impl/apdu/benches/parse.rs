//! Commands and trees per second, beside two published crates, a parser that is nothing but its few branches, and the same for trees,
//! in the same run; and a tree of 60 kB against one of 6 kB, whose times must be as their lengths.
#![expect(clippy::unwrap_used, reason = "benchmark")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kaika_apdu::tlv::{Form, Writer, walk};
use kaika_apdu::{Command, Tag};

/// Eight commands of a personalisation and a payment.
fn commands() -> Vec<Vec<u8>> {
    let raw: [&[u8]; 8] = [
        &[0x00, 0xA4, 0x04, 0x00],
        &[0x00, 0xB2, 0x01, 0x0C, 0x00],
        &[0x80, 0xA8, 0x00, 0x00, 0x02, 0x83, 0x00, 0x00],
        &[0x00, 0xC0, 0x00, 0x00, 0x20],
        &[0x80, 0xCA, 0x9F, 0x36, 0x00],
        &[0x80, 0xF2, 0x40, 0x02, 0x02, 0x4F, 0x00, 0x00],
        &[0x80, 0x50, 0x30, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8, 0x00],
        &[
            0x80, 0xAE, 0x80, 0x00, 0x1D, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0x56, 0, 0, 0, 0,
            0, 1, 0x56, 0x26, 1, 1, 0, 9, 9, 9, 9, 0,
        ],
    ];
    raw.iter().map(|command| command.to_vec()).collect()
}

/// About 1 KiB: records with the tags that payment cards use.
fn tree(amounts: u32) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let mut writer = Writer::new(&mut out);
    while writer.len() < 980 {
        writer
            .nest(Tag::RECORD, |record| {
                record.put(Tag::PAN, &[0x62; 8])?;
                record.put(Tag::EXPIRY, &[0x31, 0x12, 0x31])?;
                record.put(Tag::CDOL1, &[0x55; 24])?;
                record.nest(Tag::FCI_PROPRIETARY, |inner| {
                    inner.put(Tag::new(amounts).unwrap(), &[0; 6])?;
                    inner.put(Tag::new(amounts.saturating_add(1)).unwrap(), &[0; 6])?;
                    inner.put(Tag::PRIORITY, &[1])
                })
            })
            .unwrap();
    }
    writer.written().to_vec()
}

/// The walk of `iso7816::tlv`, as its users write it.
fn walk_iso7816(mut bytes: &[u8], constructed: &[iso7816::tlv::Tag], count: &mut usize) {
    while let Some((tag, value, rest)) = iso7816::tlv::take_data_object(bytes) {
        *count += 1;
        if constructed.contains(&tag) {
            walk_iso7816(value, constructed, count);
        }
        bytes = rest;
    }
}

/// The least that tells the seven cases apart: what the crate's parser is measured against.
fn ideal_parse(apdu: &[u8]) -> Option<(&[u8], usize)> {
    let be = |high: u8, low: u8| usize::from(high) << 8 | usize::from(low);
    match apdu.get(4..)? {
        [] => Some((&[], 0)),
        [le] => Some((&[], usize::from(*le))),
        [0, high, low] => Some((&[], be(*high, *low))),
        [0, high, low, rest @ ..] => match rest.split_at_checked(be(*high, *low))? {
            (data @ [_, ..], []) => Some((data, 0)),
            (data @ [_, ..], [high, low]) => Some((data, be(*high, *low))),
            _ => None,
        },
        [lc, rest @ ..] => match rest.split_at_checked(usize::from(*lc))? {
            (data @ [_, ..], []) => Some((data, 0)),
            (data @ [_, ..], [le]) => Some((data, usize::from(*le))),
            _ => None,
        },
    }
}

/// The least that visits a tree: recursive, of any depth, no checks but of bounds.
fn ideal_walk(mut bytes: &[u8], count: &mut usize) -> Option<()> {
    while let [first, rest @ ..] = bytes {
        let mut rest = rest;
        if first & 0x1F == 0x1F {
            while let [more, after @ ..] = rest {
                rest = after;
                if more & 0x80 == 0 {
                    break;
                }
            }
        }
        let (length, after) = match rest {
            [0x81, length, after @ ..] => (usize::from(*length), after),
            [0x82, high, low, after @ ..] => (usize::from(*high) << 8 | usize::from(*low), after),
            [length, after @ ..] => (usize::from(*length), after),
            [] => return None,
        };
        let (value, after) = after.split_at_checked(length)?;
        *count += 1;
        if first & 0x20 != 0 {
            ideal_walk(value, count)?;
        }
        bytes = after;
    }
    Some(())
}

fn parse_commands(c: &mut Criterion) {
    let commands = commands();
    let mut group = c.benchmark_group("eight commands");
    group.throughput(Throughput::Elements(8));
    group.bench_function("kaika", |b| {
        b.iter(|| {
            commands
                .iter()
                .filter(|bytes| black_box(Command::parse(black_box(bytes))).is_ok())
                .count()
        });
    });
    group.bench_function("ideal", |b| {
        b.iter(|| {
            commands
                .iter()
                .filter(|bytes| black_box(ideal_parse(black_box(bytes))).is_some())
                .count()
        });
    });
    group.bench_function("iso7816 CommandView", |b| {
        b.iter(|| {
            commands
                .iter()
                .filter(|bytes| {
                    black_box(iso7816::command::CommandView::try_from(black_box(
                        bytes.as_slice(),
                    )))
                    .is_ok()
                })
                .count()
        });
    });
    group.finish();
}

fn walk_trees(c: &mut Criterion) {
    // 9F02 and its neighbours are what cards use; iso7816 refuses them, so it is measured on tags that it accepts.
    let (emv, other) = (tree(0x9F02), tree(0x9F66));
    let mut group = c.benchmark_group("1 KiB tree");
    group.throughput(Throughput::Bytes(u64::try_from(emv.len()).unwrap()));
    let ours = |bytes: &[u8]| {
        let mut count = 0_usize;
        walk(black_box(bytes), Form::Any, |_, _| count += 1).unwrap();
        count
    };
    group.bench_function("kaika, EMV tags", |b| b.iter(|| ours(&emv)));
    group.bench_function("ideal, EMV tags", |b| {
        let mut all = 0;
        ideal_walk(&emv, &mut all);
        assert_eq!(all, ours(&emv), "both must see the same objects");
        b.iter(|| {
            let mut count = 0;
            ideal_walk(black_box(&emv), &mut count);
            count
        });
    });
    group.bench_function("kaika, tags iso7816 accepts", |b| b.iter(|| ours(&other)));
    group.bench_function("iso7816, tags it accepts", |b| {
        let constructed = [
            iso7816::tlv::Tag::from(0x70_u8),
            iso7816::tlv::Tag::from(0xA5_u8),
        ];
        let mut all = 0;
        walk_iso7816(&other, &constructed, &mut all);
        assert_eq!(all, ours(&other), "both must see the same objects");
        b.iter(|| {
            let mut count = 0;
            walk_iso7816(black_box(&other), &constructed, &mut count);
            count
        });
    });
    group.bench_function("iso7816-tlv, EMV tags", |b| {
        b.iter(|| iso7816_tlv::ber::Tlv::parse_all(black_box(&emv)).len());
    });
    group.finish();
}

/// Empty objects by the thousand, each in the other's template: what is quadratic or recursive elsewhere.
fn long_trees(c: &mut Criterion) {
    let mut group = c.benchmark_group("long tree");
    for length in [6_000, 60_000] {
        let flat: Vec<u8> = [0x70, 0x00].repeat(length / 2);
        group.throughput(Throughput::Bytes(u64::try_from(length).unwrap()));
        group.bench_function(format!("kaika, {length} bytes"), |b| {
            b.iter(|| {
                let mut count = 0_usize;
                walk(black_box(&flat), Form::Any, |_, _| count += 1).unwrap();
                count
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse_commands, walk_trees, long_trees);
criterion_main!(benches);
