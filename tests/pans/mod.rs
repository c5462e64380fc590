//! The search for PANs: in what a process says and in what it stores.

use kaika_spec::limit::PAN_BIN;
use kaika_wire::memory::MemoryRows;

/// Whether a PAN stands in `bytes`: the digits that every PAN begins with and eight more, as text, as hex text, or two in a
/// byte.
pub(crate) fn stands_in(bytes: &[u8]) -> bool {
    let digit = |pair: &[u8]| matches!(pair, [b'3', b'0'..=b'9']);
    let text = |rest: &[u8]| rest.iter().all(u8::is_ascii_digit);
    let hexed = |rest: &[u8]| rest.chunks(2).all(digit);
    let packed = |rest: &[u8]| rest.iter().all(|b| b >> 4 < 10 && b & 15 < 10);
    let stands = |start: &[u8], more: usize, fits: &dyn Fn(&[u8]) -> bool| {
        bytes
            .windows(start.len() + more)
            .any(|window| window.starts_with(start) && fits(&window[start.len()..]))
    };
    stands(PAN_BIN.as_bytes(), 8, &text)
        || stands(hex::encode(PAN_BIN).as_bytes(), 16, &hexed)
        || stands(&hex::decode(PAN_BIN).unwrap_or_default(), 4, &packed)
}

/// The tables that an issuer with one card has rows in, the vault's first.
const TABLES: &[&str] = &[
    "vault",
    "vault-order",
    "pans",
    "numbers",
    "links",
    "given",
    "vault-keys",
    "vault-state",
    "cards",
    "tokens",
    "taps",
    "postings",
    "outcomes",
    "holdings",
    "agreements",
];

/// The rows of an issuer that hold a PAN, and the tables that are not there to be searched.
pub(crate) fn in_rows(rows: &MemoryRows) -> Vec<String> {
    let found = |table: &&str| {
        let table = *table;
        let empty = (rows.table(table).count() == 0).then(|| format!("{table} is empty"));
        let held = rows
            .table(table)
            .filter(|(key, row)| stands_in(key.as_bytes()) || stands_in(row));
        empty
            .into_iter()
            .chain(held.map(move |(key, _)| format!("{table}/{key}")))
            .collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(found).collect()
}

#[test]
fn a_pan_is_found_in_every_form() {
    let pan = "6288000012345678";
    assert!(stands_in(format!("x{pan}x").as_bytes()) && !stands_in(PAN_BIN.as_bytes()));
    assert!(stands_in(hex::encode(pan).as_bytes()));
    assert!(stands_in(&hex::decode(pan).unwrap_or_default()));
    let mut rows = MemoryRows::default();
    rows.apply(&[kaika_wire::core::Write::put("cards", "C", &pan)]);
    assert!(in_rows(&rows).contains(&"cards/C".to_owned()));
}
