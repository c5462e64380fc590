//! How wide each part of a state is. A field that is missing here does not compile; one that is too narrow is noticed
//! the first time a state does not fit, and the test that unpacks every explored state notices a wrong order.

use kaika_spec::{Branch, TokenState};

use super::{Pack, fitted, low, packed};
use crate::role::{chip, identity, issuer, pos, sms, terminal, verifier};
use crate::scope::issuance::state as issuance;
use crate::scope::tap::{contact, managed};
use crate::scope::{manage, pay, provisioning, tap, whole};

packed!(
    enum Branch {
        KnownCustomer,
        FirstCard,
    }
);
packed!(
    enum TokenState {
        Inactive,
        Active,
        Suspended,
        Deleted,
    }
);

packed!(enum chip::Selected { Nothing, Domain, Slot, Directory });
packed!(enum chip::Channel { Closed, Challenged, Open });
packed!(enum chip::Slot { Empty, Half, Staged, Active, Suspended, Deleted });
packed!(enum chip::Payment { Idle, Options, Asked, Done });
packed!(struct chip::State {
    selected = chip::Selected,
    channel = chip::Channel,
    block = bool,
    payment = chip::Payment,
    tries: 4 as u8,
    slot = chip::Slot,
    scripted = bool,
});

packed!(enum issuer::Session { Idle, Opened, Scripted });
packed!(enum issuer::Card { None, Active, Blocked, Lost, Closed });
packed!(enum issuer::Agreement { None, Live, Terminated });
packed!(enum issuer::Posting { None, Posted, Declined, DeclinedAgreement, Reversed, Tombstoned });
packed!(struct issuer::State {
    request = issuer::Request,
    blocked = bool,
    card = issuer::Card,
    agreement = issuer::Agreement,
    token = Option<TokenState>,
    by_user = bool,
    by_issuer = bool,
    session = issuer::Session,
    debit = issuer::Posting,
    tap = issuer::Posting,
    counted = bool,
    held = bool,
});

impl Pack for issuer::Request {
    const BITS: u32 = 3;

    #[inline(always)]
    fn code(&self) -> u128 {
        match self {
            Self::None => 0,
            Self::Issued => 1,
            Self::Decided(branch) => 2 + *branch as u128,
            Self::Stale(branch) => 4 + *branch as u128,
            Self::Tombstoned { had_card } => 6 + u128::from(*had_card),
        }
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        let branch = |second| {
            if second {
                Branch::FirstCard
            } else {
                Branch::KnownCustomer
            }
        };
        match code {
            0 => Self::None,
            1 => Self::Issued,
            code @ 2..4 => Self::Decided(branch(code == 3)),
            code @ 4..6 => Self::Stale(branch(code == 5)),
            code => Self::Tombstoned {
                had_card: code == 7,
            },
        }
    }
}

packed!(enum verifier::Phase {
    None, AwaitPassword, AwaitApplicant, AwaitEligibility, AwaitOtp, AwaitPhotos, AwaitFrames, AwaitMatch, AwaitIssue,
    Issuing, AwaitProvision, Done, Cancelled, Refused,
});
packed!(enum verifier::Order { None, Open, Pending, Paid, Declined, Expired });
packed!(struct verifier::State {
    phase = verifier::Phase,
    expired = bool,
    passwords: 3 as u32,
    tries: 3 as u32,
    guesses: 4 as u32,
    sends: 2 as u32,
    rested = bool,
    stale = bool,
    policy_stale = bool,
    bound = bool,
    order = verifier::Order,
});

impl Pack for identity::State {
    const BITS: u32 = 3;

    #[inline(always)]
    fn code(&self) -> u128 {
        match self {
            Self::None => 0,
            Self::Expired => 1,
            Self::Scored { good } => 2 + u128::from(*good),
            Self::Resolved { good } => 4 + u128::from(*good),
        }
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        match code {
            0 => Self::None,
            1 => Self::Expired,
            code @ 2..4 => Self::Scored { good: code == 3 },
            code => Self::Resolved { good: code == 5 },
        }
    }
}

packed!(enum pos::State { Idle, Asked, Reversing, Approved, Declined, AskedPlain, Unusable });
packed!(enum terminal::Screen { Idle, Confirming, Waiting, Unknown, Paid, Failed });
packed!(struct sms::State { reserved = bool, other = bool });

packed!(enum issuance::Person { Alice, Mallory });
packed!(enum issuance::Driver { Alice, Intruder, Phisher, Mallory });
packed!(enum issuance::Evidence { Otp, Reference });
packed!(struct issuance::Made {
    evidence = issuance::Evidence,
    branch = Branch,
    holder = issuance::Person,
    reference = Option<usize>,
    good = bool,
    blocked = bool,
    rephoned = bool,
    consented = bool,
});
packed!(struct issuance::Request {
    driver = issuance::Driver,
    verifier = verifier::State,
    issuer = issuer::State,
    reference = identity::State,
    sms = sms::State,
    said: 17 as u32,
    flying = bool,
    owed = bool,
    half = bool,
    applicant = Option<issuance::Person>,
    consented = bool,
    proved = bool,
    code = Option<bool>,
    evidence = Option<issuance::Evidence>,
    asked = bool,
    made = Option<issuance::Made>,
    cards: 2 as u8,
    twice = bool,
    lookups: 2 as u8,
    over_quota = bool,
    late = bool,
    dead_video = bool,
});
packed!(world issuance::State {
    requests = [Option<issuance::Request>; 2],
    branch = Branch,
    faults: 3 as u8,
    crashes: 3 as u8,
    changes: 2 as u8,
    rephoned = bool,
    wrong: 4 as u8,
    shown = bool,
    code_out = bool,
    unlocked = bool,
    pan_out = bool,
    agreement_out = bool,
    locked = bool,
    repelled = bool,
});

/// The place of one of two: requests, chips.
impl Pack for usize {
    const BITS: u32 = 1;

    #[inline(always)]
    fn code(&self) -> u128 {
        fitted(*self as u128, 1)
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        code as Self
    }
}

/// A small count and a place.
impl Pack for (u8, usize) {
    const BITS: u32 = 4;

    #[inline(always)]
    fn code(&self) -> u128 {
        fitted(self.0.into(), 3) | self.1.code() << 3
    }

    #[inline(always)]
    fn from_code(code: u128) -> Self {
        (low(code, 3) as u8, usize::from_code(code >> 3))
    }
}

/// Small numbers in so many bits each.
macro_rules! numbers {
    ($name:ident, $bits:literal) => {
        struct $name<const N: usize>([u8; N]);

        impl<const N: usize> Pack for $name<N> {
            const BITS: u32 = $bits * N as u32;

            #[inline(always)]
            fn code(&self) -> u128 {
                let numbers = self.0.iter().rev();
                numbers.fold(0, |code, one| code << $bits | fitted((*one).into(), $bits))
            }

            #[inline(always)]
            fn from_code(code: u128) -> Self {
                Self(std::array::from_fn(|at| {
                    low(code >> ($bits * at), $bits) as u8
                }))
            }
        }
    };
}
numbers!(Counts, 2);
numbers!(Openings, 3);

packed!(struct provisioning::Chip {
    state = chip::State,
    sequence: 2 as u8,
    progress: 3 as u8,
    answers(Openings<4>),
    scripts: 4 as u8,
    receipted = bool,
    authentic = bool,
});
packed!(world provisioning::State {
    issuer = issuer::State,
    verifier = verifier::State,
    chips = [provisioning::Chip; 2],
    opening = (u8, usize),
    openings: 3 as u8,
    tears: 3 as u8,
    losses: 3 as u8,
    owed = bool,
    proved = bool,
    torn = bool,
    repelled = bool,
});

packed!(struct pay::Order {
    verifier = verifier::State,
    debits = [issuer::Posting; 2],
    flying: 2 as u8,
    posts: 2 as u8,
    back: 2 as u8,
});
packed!(world pay::State {
    issuer = issuer::State,
    orders = [pay::Order; 2],
    own = bool,
    terminal = terminal::Screen,
    altered = bool,
    misshown = bool,
    said = bool,
    told = [bool; 2],
    losses: 3 as u8,
    timeouts: 3 as u8,
    reversible = bool,
    changes: 2 as u8,
    authorised = bool,
    by_other = bool,
    confused = bool,
    dead = bool,
    twice = bool,
    waited = bool,
    lied = bool,
    overtaken = bool,
    repelled = bool,
});

packed!(struct tap::Signed { atc: 2 as u8, amount: 2 as u8, number: 2 as u8 });
packed!(struct tap::Sale {
    pos = pos::State,
    amount: 2 as u8,
    number: 2 as u8,
    given = Option<Option<tap::Signed>>,
    record = issuer::Posting,
    told = [bool; 2],
    reversal = bool,
    reversed = bool,
});
packed!(enum contact::Proof { None, Approves, Declines, Wrong });
packed!(struct contact::Contact {
    failures: 2 as u8,
    given: 2 as u8,
    last_online: 2 as u8,
    proof = contact::Proof,
    tears: 3 as u8,
    wrong: 3 as u8,
    answered: 2 as u8,
    against = bool,
});
packed!(enum managed::Said { Nothing, Suspended, Deleted });
packed!(struct managed::Managed {
    keys = bool,
    sequence: 2 as u8,
    tears: 3 as u8,
    heard: 2 as u8,
    wrong: 2 as u8,
    said = managed::Said,
    kept = bool,
    against = bool,
});
packed!(world tap::State {
    issuer = issuer::State,
    last: 2 as u8,
    chip = chip::State,
    atc: 2 as u8,
    sales = [tap::Sale; 2],
    made = [Option<tap::Signed>; 3],
    approved(Counts<3>),
    contact = Option<contact::Contact>,
    managed = Option<managed::Managed>,
    timeouts: 3 as u8,
    changes: 1 as u8,
    relayed = Option<usize>,
    unsigned = bool,
    dead = bool,
    outside = bool,
    over = bool,
    unmeant = bool,
    overtaken = bool,
    replayed = bool,
    repelled = bool,
});

packed!(world manage::State {
    issuer = issuer::State,
    heard = bool,
    suspenders = [bool; 2],
    both = bool,
    deleted = bool,
    ended = bool,
    dead = bool,
    after = bool,
    paid = bool,
    repelled = bool,
});

packed!(struct whole::Request {
    verifier = verifier::State,
    issuer = issuer::State,
    said = bool,
    told = [bool; 2],
    owed = bool,
    answers = bool,
    old = bool,
    script = bool,
    receipted = bool,
    last: 2 as u8,
    cards: 2 as u8,
    proved = bool,
    lost = bool,
});
packed!(struct whole::Chip { state = chip::State, opened = Option<usize>, holds = Option<usize> });
packed!(struct whole::Tap { chip = usize, of = usize, record = issuer::Posting, approved: 2 as u8 });
packed!(world whole::State {
    requests = [whole::Request; 2],
    chips = [whole::Chip; 2],
    taps = [Option<whole::Tap>; 2],
    openings: 3 as u8,
    tears: 3 as u8,
    changes: 2 as u8,
    early = bool,
    unconsented = bool,
    dead = bool,
    after = bool,
    unsigned = bool,
    repelled = bool,
});
