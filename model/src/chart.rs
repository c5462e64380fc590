//! Sequence charts in text: who says what to whom, one lane per party.

use std::fmt::Write as _;

use crate::role::{Outcome, Verdict};

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hop {
    /// A message, an arrow from lane to lane.
    Says(&'static str, &'static str, String),
    /// An answer, a broken arrow.
    Answers(&'static str, &'static str, String),
    /// A verdict, a broken arrow too.
    Judges(&'static str, &'static str, Judged),
    /// Something that happens at one lane.
    Notes(&'static str, String),
}

/// A verdict and the requirements that decide it, where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Ids of requirements.
    pub reqs: &'static [&'static str],
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, reqs: &[] }
    }
}

impl<S, O> From<&Outcome<S, O>> for Judged {
    fn from(outcome: &Outcome<S, O>) -> Self {
        Self {
            verdict: outcome.verdict,
            reqs: outcome.reqs,
        }
    }
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
        judged: impl Into<Judged>,
    ) {
        self.say(from, to, what);
        if self.on {
            self.hops.push(Hop::Judges(to, from, judged.into()));
        }
    }

    /// Something that happens at one lane.
    pub fn note(&mut self, at: &'static str, what: impl ToString) {
        if self.on {
            self.hops.push(Hop::Notes(at, what.to_string()));
        }
    }
}

/// A verdict in words.
pub fn spoken(verdict: Verdict) -> String {
    match verdict {
        Verdict::Accept => "accepted".to_owned(),
        Verdict::Repeat => "the stored answer".to_owned(),
        Verdict::Refuse(refusal) => format!("refused: {refusal}"),
        Verdict::Sw(word) => format!("{word:04X}"),
        Verdict::Silent => "no answer".to_owned(),
    }
}

/// How an answer is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It did what was asked for.
    Good,
    /// It did not.
    Bad,
    /// There is no verdict.
    Plain,
}

/// How a hop is meant.
pub const fn tone(hop: &Hop) -> Tone {
    match hop {
        Hop::Judges(_, _, judged) if judged.verdict.is_good() => Tone::Good,
        Hop::Judges(..) => Tone::Bad,
        Hop::Says(..) | Hop::Answers(..) | Hop::Notes(..) => Tone::Plain,
    }
}

/// The order of lanes, left to right.
const LANES: &[&str] = &[
    "alice", "mallory", "shop", "chip", "chip2", "verifier", "sms", "issuer", "identity",
];
const WIDTH: usize = 24;

/// The lanes that take part, left to right.
pub(crate) fn lanes(hops: &[Hop]) -> Vec<&'static str> {
    let takes_part = |lane: &&str| hops.iter().any(|hop| names(hop).contains(lane));
    LANES.iter().copied().filter(takes_part).collect()
}

/// The hops as text: only the lanes that take part.
pub fn draw(hops: &[Hop]) -> String {
    let lanes = lanes(hops);
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

pub(crate) fn names(hop: &Hop) -> Vec<&'static str> {
    match hop {
        Hop::Says(from, to, _) | Hop::Answers(from, to, _) | Hop::Judges(from, to, _) => {
            vec![from, to]
        }
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
        Hop::Judges(from, to, judged) => {
            let text = spoken(judged.verdict);
            arrow(lanes, place(from), place(to), &text, '.')
        }
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
