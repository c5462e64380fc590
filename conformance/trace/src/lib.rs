//! Event logs against the model: is there a way of the machines that says what the logs say?
//!
//! Read [`Checker`] first: logs go in, a [`Report`] comes out. One role's log is followed by `machine`, letter by letter; the
//! `ledger` of a log and the `links` between logs are compared by the ids of messages. What stands in a line is `spec/92-log.md`'s; which event is which
//! letter is said in `role/`, and nowhere else.

mod event;
mod ledger;
mod links;
mod machine;
mod report;
mod role;

pub mod damage;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use kaika_spec::Role;
use kaika_spec::limit::TIME_WINDOW_MS;

pub use event::{Bad, Event, Id, Kind, Place, Verdict};
pub use machine::Near;
pub use report::{Report, Violation, Word};

use event::{Numbers, Reader};
use ledger::Ledgers;
use links::Links;
use machine::{Found, Watch, Watches};
use role::{chip, identity, issuer, pos, sms, terminal, verifier};

/// States that may be believed of one thing at once, unless said otherwise.
pub const CAP: usize = 10_000;

/// Violations that are kept; the first is what counts.
const KEPT: usize = 50;

/// Follows logs.
pub struct Checker {
    cap: usize,
    numbers: Numbers,
    watches: BTreeMap<Id, (Role, Box<dyn Watches>)>,
    clocks: BTreeMap<Id, i64>,
    ledgers: Ledgers,
    links: Links,
    report: Report,
}

impl Checker {
    /// A checker that believes at most `cap` states of a thing at once.
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            numbers: Numbers::new(),
            watches: BTreeMap::new(),
            clocks: BTreeMap::new(),
            ledgers: Ledgers::new(),
            links: Links::default(),
            report: Report::default(),
        }
    }

    /// Follows one file. The parts of a log that was cut into files come one after the other.
    ///
    /// # Errors
    /// At the first line that cannot be read or is not the one that follows.
    pub fn read(&mut self, file: &str, from: impl BufRead) -> Result<(), Bad> {
        let mut reader = Reader::new(file, from);
        while let Some((event, place)) = reader.next(&mut self.numbers)? {
            self.take(&event, &place);
        }
        Ok(())
    }

    /// Follows one event, which is the next of its log.
    pub fn take(&mut self, event: &Event, place: &Place) {
        self.report.events += u64::from(!event.is_start());
        self.report.count(event);
        self.tick(event, place);
        self.links.take(event, place);
        if let Err(says) = self.ledgers.entry(event.log).or_default().take(event) {
            self.violated(event, place, &says, None);
        }
        let cap = self.cap;
        let watch = self
            .watches
            .entry(event.log)
            .or_insert_with(|| (event.role, watch(event.role, cap)));
        match watch.1.take(event) {
            Found::Possible => {}
            Found::TooMany(states) => {
                let what = format!("{place}: {states} states are possible, more than {cap}");
                self.report.inconclusive.get_or_insert(what);
            }
            Found::Impossible(near) => {
                let says = format!("{} {} was not possible here", event.role, event.act);
                self.violated(event, place, &says, Some(near));
            }
        }
    }

    /// A clock that goes back further than messages may be apart says nothing about the ends of lives.
    fn tick(&mut self, event: &Event, place: &Place) {
        let last = self.clocks.entry(event.log).or_insert(event.at);
        if last.saturating_sub(event.at) > TIME_WINDOW_MS {
            let what = format!("{place}: the clock went back by {} ms", *last - event.at);
            self.report.inconclusive.get_or_insert(what);
        }
        *last = (*last).max(event.at);
    }

    fn violated(&mut self, event: &Event, place: &Place, says: &str, near: Option<Near>) {
        self.report.violations += 1;
        if self.report.kept.len() < KEPT {
            self.report
                .kept
                .push(Violation::of(event, place, says, near));
        }
    }

    /// What all the logs come to. Each of `required` is an act, or `ROLE:LETTERS` (`issuer:issue`), that must have been there.
    pub fn finish(mut self, required: &[String]) -> Report {
        self.report.roles = self.links.logged().iter().copied().collect();
        for loose in self.links.loose() {
            self.report.violations += 1;
            if self.report.kept.len() < KEPT {
                self.report
                    .kept
                    .push(Violation::loose(loose.place, loose.says));
            }
        }
        let mut letters = BTreeSet::new();
        for (role, watch) in self.watches.values() {
            letters.extend(watch.seen().iter().map(|letter| format!("{role}:{letter}")));
            for id in watch.requirements() {
                let roles = self.report.requirements.entry(*id).or_default();
                roles.insert(role.name());
            }
            self.report.widest = self.report.widest.max(watch.widest());
            self.report.things += watch.things();
        }
        read_at_every_line(&mut self.report);
        self.report.close(&letters, required);
        self.report
    }
}

/// What is judged of every line, and with two logs of every message between them.
fn read_at_every_line(report: &mut Report) {
    let each: &[&'static str] = match report.roles.len() {
        0 => &[],
        1 => &["LOG-2", "LOG-3"],
        _ => &["LOG-2", "LOG-3", "LOG-4", "LOG-5"],
    };
    for id in each {
        let roles = report.roles.iter().map(|role| role.name());
        report.requirements.insert(id, roles.collect());
    }
}

/// A watch for the log of a role. The operator has none: what the back office does is in the logs of the servers.
fn watch(role: Role, cap: usize) -> Box<dyn Watches> {
    match role {
        Role::Verifier => Box::new(Watch::<verifier::Verifier>::new(cap)),
        Role::Issuer => Box::new(Watch::<issuer::Issuer>::new(cap)),
        Role::Identity => Box::new(Watch::<identity::Identity>::new(cap)),
        Role::Sms | Role::Operator => Box::new(Watch::<sms::Sms>::new(cap)),
        Role::Pos => Box::new(Watch::<pos::Pos>::new(cap)),
        Role::Terminal => Box::new(Watch::<terminal::Terminal>::new(cap)),
        Role::Chip => Box::new(Watch::<chip::Chip>::new(cap)),
    }
}
