//! What there is in issuance: people, requests, what is said, what may happen.

use kaika_spec::Branch;

use crate::role::{identity, issuer, sms, verifier};

/// The customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Person {
    /// Honest.
    Alice,
    /// The attacker, as a customer.
    Mallory,
}

/// Who drives a request's terminal, and in whose account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Driver {
    /// Alice in her account.
    Alice,
    /// The network attacker in Alice's account, without her password.
    Intruder,
    /// Somebody in Alice's account, with her password and her texts, but not her face or her chip.
    Phisher,
    /// Mallory in an account of his own.
    Mallory,
}

impl Driver {
    pub(super) const fn owner(self) -> Person {
        match self {
            Self::Alice | Self::Intruder | Self::Phisher => Person::Alice,
            Self::Mallory => Person::Mallory,
        }
    }

    pub(super) const fn lane(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Intruder | Self::Phisher | Self::Mallory => "mallory",
        }
    }

    /// Who it really is.
    pub(super) const fn actor(self) -> Person {
        match self {
            Self::Alice => Person::Alice,
            Self::Intruder | Self::Phisher | Self::Mallory => Person::Mallory,
        }
    }
}

/// The kind of evidence a verifier has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A one-time code.
    Otp,
    /// An identity reference.
    Reference,
}

/// What a card was made on: the issuer's view at that moment and the truth beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Made {
    /// The evidence that was shown.
    pub evidence: Evidence,
    /// The branch that the issuer had decided.
    pub branch: Branch,
    /// The holder on the card.
    pub holder: Person,
    /// The request whose reference was used.
    pub reference: Option<usize>,
    /// The identity system's own score of it was good.
    pub good: bool,
    /// The person was blocked.
    pub blocked: bool,
    /// The reserved phone had changed since the decision.
    pub rephoned: bool,
    /// The chip of the request had consented.
    pub consented: bool,
}

/// One card request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Request {
    /// Who drives it.
    pub driver: Driver,
    /// The verifier's record.
    pub verifier: verifier::State,
    /// The issuer's record.
    pub issuer: issuer::State,
    /// The reference that the identity system made for it.
    pub reference: identity::State,
    /// Who has read its code.
    pub sms: sms::State,
    /// What the network heard its terminal say: one bit for each [`Saying`].
    pub said: u32,
    /// An issue message is between verifier and issuer.
    pub flying: bool,
    /// A compensation is owed to the issuer.
    pub owed: bool,
    /// The issuer is between its two transactions.
    pub half: bool,
    /// The applicant as it was named at the verifier.
    pub applicant: Option<Person>,
    /// Its chip has consented to it, and the verifier has heard so.
    pub consented: bool,
    /// History: its account's password was proved for applying.
    pub proved: bool,
    /// History: its own code, or a code of another request, was accepted.
    pub code: Option<bool>,
    /// History: evidence that the verifier accepted.
    pub evidence: Option<Evidence>,
    /// History: its eligibility was asked for.
    pub asked: bool,
    /// History: on what its card was made.
    pub made: Option<Made>,
    /// History: cards made for it.
    pub cards: u8,
    /// History: a repeat had an effect.
    pub twice: bool,
    /// History: look-ups of its reference that decided something.
    pub lookups: u8,
    /// History: it was refused for the quota.
    pub over_quota: bool,
    /// History: a code was accepted that was too old.
    pub late: bool,
    /// History: a video was accepted that was seen before, or that no camera saw.
    pub dead_video: bool,
}

/// The world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The requests; the second may be absent.
    pub requests: [Option<Request>; 2],
    /// The branch that Alice belongs to; Mallory belongs to the same.
    pub branch: Branch,
    /// Faults left.
    pub faults: u8,
    /// Issuer crashes left.
    pub crashes: u8,
    /// Operator's changes left: a block or a new phone.
    pub changes: u8,
    /// The reserved phone has changed, before any card was made.
    pub rephoned: bool,
    /// History: wrong codes that were judged.
    pub wrong: u8,
    /// History: somebody else was told whose customer Alice is.
    pub shown: bool,
    /// History: a code was told to a terminal.
    pub code_out: bool,
    /// History: a locked account was unlocked.
    pub unlocked: bool,
    /// History: the PAN left the issuer.
    pub pan_out: bool,
    /// History: the agreement number left for a terminal.
    pub agreement_out: bool,
    /// History: a code had been locked.
    pub locked: bool,
    /// History: an attacker was refused.
    pub repelled: bool,
}

/// What a terminal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Saying {
    /// Opens.
    Open,
    /// A proof of the account's password, for applying.
    Password,
    /// The account's holder as applicant.
    Applicant,
    /// Another person as applicant.
    OtherApplicant,
    /// The request's code.
    Code,
    /// The code of the other request.
    OtherCode,
    /// A code that is wrong.
    WrongCode,
    /// Another code, please.
    Resend,
    /// Another code, to a number that the terminal names.
    ResendTo,
    /// ID photos.
    Photos,
    /// Frames of a live face.
    Frames,
    /// Frames that were seen before.
    OldFrames,
    /// Frames that do not look like the photo.
    PoorFrames,
    /// Frames that were made up for the challenge and fed to the camera.
    FedFrames,
    /// Issue.
    Issue,
    /// Issue, with the applicant again: another one.
    IssueOther,
    /// Give up.
    Cancel,
}

/// What a corrupt verifier says to the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lie {
    /// A code was proved.
    Code,
    /// The reference of this request.
    Reference,
    /// The reference of the other request.
    OtherReference,
    /// A score, in the message.
    Score,
    /// Another applicant.
    Applicant,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A terminal says something; the network hears it.
    Say(usize, Saying),
    /// The verifier hears something that was said.
    Hear(usize, Saying),
    /// As before, and the issuer does not answer in time.
    HearAlone(usize, Saying),
    /// An attacker says something and the verifier hears it.
    Inject(usize, Saying),
    /// An attacker plays a proof that Alice made for paying.
    ReplayPayProof(usize),
    /// An attacker plays the proof of the other request.
    ReplayProof(usize),
    /// The message in flight reaches the issuer; nobody hears the answer.
    Arrive(usize),
    /// What is owed reaches the issuer.
    Compensate(usize),
    /// The issuer goes on with its second transaction.
    GoOn(usize),
    /// The issuer crashes between its two transactions.
    Crash(usize),
    /// A minute passes.
    Minute(usize),
    /// Ten minutes pass: a code is too old.
    Age(usize),
    /// A quarter of an hour passes: a locked account is unlocked.
    Wait,
    /// The operator blocks Alice.
    Block,
    /// Alice's reserved phone changes.
    NewPhone,
    /// A corrupt verifier speaks.
    Lie(usize, Lie),
}

/// A request that nothing has happened to.
pub(super) const fn request(driver: Driver) -> Request {
    Request {
        driver,
        verifier: verifier::init(),
        issuer: issuer::init(),
        reference: identity::State::None,
        sms: sms::State {
            reserved: false,
            other: false,
        },
        said: 0,
        flying: false,
        owed: false,
        half: false,
        applicant: None,
        consented: false,
        proved: false,
        code: None,
        evidence: None,
        asked: false,
        made: None,
        cards: 0,
        twice: false,
        lookups: 0,
        over_quota: false,
        late: false,
        dead_video: false,
    }
}
