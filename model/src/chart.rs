//! Sequence charts in text: who says what to whom, one lane per party.

use std::fmt::Write as _;

use crate::role::Verdict;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// A message, an arrow from lane to lane.
    Says(&'static str, &'static str, String),
    /// An answer, a broken arrow.
    Answers(&'static str, &'static str, String),
    /// Something that happens at one lane.
    Notes(&'static str, String),
}

/// A chart while it is drawn. Nothing is kept while exploring.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    on: bool,
    hops: Vec<Hop>,
}

impl Chart {
    /// A chart that keeps nothing.
    pub const fn off() -> Self {
        Self {
            on: false,
            hops: Vec::new(),
        }
    }

    /// A chart that keeps every hop.
    pub const fn on() -> Self {
        Self {
            on: true,
            hops: Vec::new(),
        }
    }

    /// What was kept.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// A message.
    pub fn say(&mut self, from: &'static str, to: &'static str, what: impl ToString) {
        if self.on {
            self.hops.push(Hop::Says(from, to, what.to_string()));
        }
    }

    /// An answer.
    pub fn answer(&mut self, from: &'static str, to: &'static str, what: impl ToString) {
        if self.on {
            self.hops.push(Hop::Answers(from, to, what.to_string()));
        }
    }

    /// A message and the verdict that answers it.
    pub fn ask(
        &mut self,
        from: &'static str,
        to: &'static str,
        what: impl ToString,
        verdict: Verdict,
    ) {
        self.say(from, to, what);
        if self.on {
            self.answer(to, from, spoken(verdict));
        }
    }

    /// Something that happens at one lane.
    pub fn note(&mut self, at: &'static str, what: impl ToString) {
        if self.on {
            self.hops.push(Hop::Notes(at, what.to_string()));
        }
    }
}

fn spoken(verdict: Verdict) -> String {
    match verdict {
        Verdict::Accept => "accepted".to_owned(),
        Verdict::Repeat => "the stored answer".to_owned(),
        Verdict::Refuse(refusal) => format!("refused: {refusal}"),
        Verdict::Sw(word) => format!("{word:04X}"),
        Verdict::Silent => "no answer".to_owned(),
    }
}

/// The order of lanes, left to right.
const LANES: &[&str] = &[
    "alice", "mallory", "shop", "chip", "chip2", "verifier", "sms", "issuer", "identity",
];
const WIDTH: usize = 24;

/// The hops as text: only the lanes that take part.
pub fn draw(hops: &[Hop]) -> String {
    let lanes: Vec<&str> = LANES
        .iter()
        .copied()
        .filter(|lane| hops.iter().any(|hop| names(hop).contains(lane)))
        .collect();
    let mut text = String::new();
    let heads: String = lanes.iter().map(|lane| format!("{lane:<WIDTH$}")).collect();
    let _ = writeln!(text, "{}", heads.trim_end());
    for hop in hops {
        for line in lines(hop, &lanes) {
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    text
}

fn names(hop: &Hop) -> Vec<&'static str> {
    match hop {
        Hop::Says(from, to, _) | Hop::Answers(from, to, _) => vec![from, to],
        Hop::Notes(at, _) => vec![at],
    }
}

fn rails(lanes: &[&str]) -> Vec<char> {
    let mut row = vec![' '; lanes.len() * WIDTH];
    for lane in 0..lanes.len() {
        row[lane * WIDTH] = '|';
    }
    row
}

fn write(row: &mut Vec<char>, at: usize, text: &str) {
    for (offset, letter) in text.chars().enumerate() {
        if row.len() <= at + offset {
            row.push(' ');
        }
        row[at + offset] = letter;
    }
}

fn lines(hop: &Hop, lanes: &[&str]) -> Vec<String> {
    let place = |name: &str| {
        lanes
            .iter()
            .position(|lane| *lane == name)
            .unwrap_or_default()
            * WIDTH
    };
    let mut row = rails(lanes);
    match hop {
        Hop::Notes(at, text) => {
            write(&mut row, place(at) + 2, &format!("[{text}]"));
            vec![row.into_iter().collect()]
        }
        Hop::Says(from, to, text) => arrow(lanes, place(from), place(to), text, '-'),
        Hop::Answers(from, to, text) => arrow(lanes, place(from), place(to), text, '.'),
    }
}

fn arrow(lanes: &[&str], from: usize, to: usize, text: &str, stroke: char) -> Vec<String> {
    let (left, right) = (from.min(to), from.max(to));
    let mut label = rails(lanes);
    write(&mut label, left + 2, text);
    let mut line = rails(lanes);
    for slot in &mut line[left + 1..right] {
        *slot = stroke;
    }
    if to > from {
        line[right - 1] = '>';
    } else {
        line[left + 1] = '<';
    }
    vec![label.into_iter().collect(), line.into_iter().collect()]
}
