//! The ratchet: figures as parts of wholes, which may only rise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cover::Cover;
use crate::holes;
use crate::judge::{Fate, Judged};
use crate::requirement::{COLUMNS, Shown};
use crate::{Role, Strength};

/// What share of the mutants that a tester can tell must be told, in hundredths.
const MUTANTS_LEAST: usize = 95;

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The part.
    pub reached: usize,
    /// The whole.
    pub of: usize,
}

impl Share {
    /// Hundredths, rounded down to one decimal.
    pub fn percent(self) -> String {
        let tenths = (self.reached * 1000).checked_div(self.of).unwrap_or(1000);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    fn is_below(self, other: Self) -> bool {
        self.reached * other.of < other.reached * self.of
    }
}

/// Every figure by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(pub BTreeMap<String, Share>);

impl Figures {
    /// The figures of a measurement.
    pub fn of(strength: &Strength) -> Self {
        let mut figures = BTreeMap::new();
        for role in &strength.roles {
            of_role(role, &mut figures);
        }
        figures.insert("weaknesses/killed".to_owned(), weaknesses(strength));
        requirements(strength, &mut figures);
        Self(figures)
    }

    /// One figure; nothing of nothing when it is not there.
    pub fn get(&self, name: &str) -> Share {
        self.0
            .get(name)
            .copied()
            .unwrap_or(Share { reached: 0, of: 0 })
    }

    /// What is worse than before, and what is less than it must be.
    pub fn complaints(&self, before: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (name, was) in &before.0 {
            match self.0.get(name) {
                None => complaints.push(format!("{name} is no longer measured")),
                Some(is) if is.is_below(*was) => {
                    complaints.push(format!(
                        "{name} fell from {}/{} to {}/{}",
                        was.reached, was.of, is.reached, is.of
                    ));
                }
                Some(_) => {}
            }
        }
        for (name, least) in self.short() {
            // What never was enough is listed on the page; what was once may not be less again.
            if before.0.get(&name).is_some_and(|was| !was.is_below(least)) {
                let is = self.get(&name).percent();
                complaints.push(format!(
                    "{name} is {is} %, and must be {} %",
                    least.percent()
                ));
            }
        }
        complaints
    }

    /// What is less than it should be, and what it should be.
    pub fn short(&self) -> Vec<(String, Share)> {
        let least = |name: &str| match name.rsplit_once('/') {
            Some((_, "mutants")) => Some(Share {
                reached: MUTANTS_LEAST,
                of: 100,
            }),
            Some(("weaknesses", "killed") | ("requirements", "vectors-or-a-reason")) => {
                Some(Share { reached: 1, of: 1 })
            }
            _ => None,
        };
        let wanted = self
            .0
            .iter()
            .filter_map(|(name, is)| Some((name, is, least(name)?)));
        let short = wanted.filter(|(_, is, least)| is.is_below(*least));
        short
            .map(|(name, _, least)| (name.clone(), least))
            .collect()
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self
            .0
            .iter()
            .map(|(name, share)| {
                format!(
                    "  \"{name}\": {{\"reached\": {}, \"of\": {}}}",
                    share.reached, share.of
                )
            })
            .collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}

fn requirements(strength: &Strength, figures: &mut BTreeMap<String, Share>) {
    let all = &strength.requirements;
    let mut put = |name: &str, has: &dyn Fn(&str, &Shown) -> bool| {
        let share = Share {
            reached: all.iter().filter(|(id, shown)| has(id, shown)).count(),
            of: all.len(),
        };
        figures.insert(format!("requirements/{name}"), share);
    };
    for column in COLUMNS {
        put(column.figure, &|_, shown| (column.has)(shown));
    }
    put("vectors-or-a-reason", &|id, shown| {
        holes::complaint(id, shown).is_none()
    });
}

fn of_role(role: &Role, figures: &mut BTreeMap<String, Share>) {
    let mut put = |name: &str, share| figures.insert(format!("{}/{name}", role.role), share);
    let (short, full) = (sum(&role.short), sum(&role.full));
    put(
        "transitions",
        Share {
            reached: short.walked,
            of: short.transitions,
        },
    );
    put(
        "transitions-of-all-states",
        Share {
            reached: full.walked,
            of: full.transitions,
        },
    );
    put(
        "identified",
        Share {
            reached: short.identified,
            of: short.transitions,
        },
    );
    put(
        "identified-of-all-states",
        Share {
            reached: full.identified,
            of: full.transitions,
        },
    );
    put(
        "next-states-told-apart",
        Share {
            reached: short.pairs_told,
            of: short.pairs,
        },
    );
    put("mutants", killed(&role.judged, |_| true));
    put(
        "mutants-of-guards",
        killed(&role.judged, |one| one.mutant.operator.is_guard()),
    );
    put("mutants-left-out", others(&role.judged));
}

/// All chapters of a role together.
pub fn sum(chapters: &[(&'static str, Cover)]) -> Cover {
    let mut sum = Cover::default();
    chapters.iter().for_each(|(_, cover)| sum.add(cover));
    sum
}

/// Of the mutants that a tester can tell, those that vectors tell.
pub fn killed(judged: &[Judged], counts: impl Fn(&Judged) -> bool) -> Share {
    let mut share = Share { reached: 0, of: 0 };
    for one in judged.iter().filter(|one| counts(one)) {
        share.reached += usize::from(matches!(one.fate, Fate::Killed { .. }));
        share.of += usize::from(one.fate != Fate::Equivalent);
    }
    share
}

/// Those that are told by a vector that was not made for them.
fn others(judged: &[Judged]) -> Share {
    let told = judged
        .iter()
        .filter(|one| matches!(one.fate, Fate::Killed { others: true, .. }));
    Share {
        reached: told.count(),
        of: killed(judged, |_| true).of,
    }
}

/// Of the weaknesses that a single role shows to a tester, those that vectors tell.
fn weaknesses(strength: &Strength) -> Share {
    let mut share = Share { reached: 0, of: 0 };
    for weakness in kaika_spec::Weakness::ALL {
        let fates = || {
            strength
                .roles
                .iter()
                .flat_map(|role| role.weaknesses.iter().filter(|(one, _)| one == weakness))
        };
        share.of += usize::from(fates().any(|(_, fate)| *fate != Fate::Equivalent));
        share.reached += usize::from(fates().any(|(_, fate)| matches!(fate, Fate::Killed { .. })));
    }
    share
}
