//! Rows in memory: what the tests of every core run on, and the fuzzers.

use std::collections::BTreeMap;

use crate::core::{Rows, Write};

/// Rows in a map. `==` compares everything that is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryRows(BTreeMap<(String, String), Vec<u8>>);

impl MemoryRows {
    /// Stores all the writes of one change.
    pub fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            let place = (write.table.to_owned(), write.key.clone());
            match &write.value {
                Some(value) => self.0.insert(place, value.clone()),
                None => self.0.remove(&place),
            };
        }
    }

    /// All rows of one table, in the order of their keys.
    pub fn table(&self, table: &str) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .filter(move |((t, _), _)| t == table)
            .map(|((_, key), row)| (key.as_str(), row.as_slice()))
    }
}

impl Rows for MemoryRows {
    fn get(&self, table: &str, key: &str) -> Option<Vec<u8>> {
        self.0.get(&(table.to_owned(), key.to_owned())).cloned()
    }
}
