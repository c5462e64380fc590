//! What terminals may say, and how the verifier and the issuer see it.

use kaika_spec::Branch;

use super::state::{Driver, Evidence, Person, Request, Saying, State};
use crate::role::{Verdict, identity, issuer, verifier};

/// Every saying: the bits of [`Request::said`].
pub(super) const ALL_SAYINGS: &[Saying] = &[
    Saying::Open,
    Saying::Password,
    Saying::Applicant,
    Saying::OtherApplicant,
    Saying::Code,
    Saying::OtherCode,
    Saying::WrongCode,
    Saying::Resend,
    Saying::ResendTo,
    Saying::Photos,
    Saying::Frames,
    Saying::OldFrames,
    Saying::PoorFrames,
    Saying::FedFrames,
    Saying::Issue,
    Saying::IssueOther,
    Saying::Cancel,
];

pub(super) const fn bit(saying: Saying) -> u32 {
    1 << saying as u32
}

/// Typed anew each time, and so heard at once.
pub(super) const fn repeatable(saying: Saying) -> bool {
    matches!(saying, Saying::WrongCode | Saying::Resend)
}

pub(super) fn codes(state: &State, request: &Request, at: usize, alone: bool) -> Vec<Saying> {
    let mut all = Vec::new();
    let own = request.sms.reserved || request.sms.other;
    // Mallory reads his own phone, and Alice hers; a code for the other person he cannot read, unless he has phished her.
    let readable = own && applicant(request) == request.driver.owner();
    if readable {
        all.push(Saying::Code);
    }
    let other = state.requests[1 - at];
    let reads = other.is_some_and(|o| o.sms.reserved && applicant(&o) == request.driver.owner());
    if reads {
        all.push(Saying::OtherCode);
    }
    if alone || request.driver == Driver::Mallory && request.verifier.tries == 0 {
        all.push(Saying::WrongCode);
    }
    if alone && request.verifier.rested && request.verifier.tries > 0 {
        all.push(Saying::Resend);
    }
    if request.driver == Driver::Mallory && request.verifier.rested {
        all.push(Saying::ResendTo);
    }
    all
}

/// The person that a request is about.
pub(super) fn applicant(request: &Request) -> Person {
    request.applicant.unwrap_or(request.driver.owner())
}

pub(super) const fn other(person: Person) -> Person {
    match person {
        Person::Alice => Person::Mallory,
        Person::Mallory => Person::Alice,
    }
}

pub(super) fn half_made(state: &issuer::State) -> bool {
    state.card != issuer::Card::None && state.token.is_none()
}

pub(super) const fn decided(state: &issuer::State) -> Branch {
    match state.request {
        issuer::Request::Decided(branch) | issuer::Request::Stale(branch) => branch,
        _ => Branch::KnownCustomer,
    }
}

pub(super) const fn matched(request: &Request) -> identity::Input {
    if request.said & bit(Saying::PoorFrames) != 0 {
        identity::Input::MatchLow
    } else {
        identity::Input::MatchGood
    }
}

/// What was said, as the verifier's record sees it.
pub(super) fn heard(request: &Request, saying: Saying, branch: Branch) -> verifier::Input {
    match (saying, branch) {
        (Saying::Open, _) => verifier::Input::Open,
        (Saying::Password, _) => verifier::Input::Password,
        (Saying::OtherApplicant, _) if request.driver.owner() == Person::Mallory => {
            verifier::Input::ApplicantOther
        }
        (Saying::Applicant | Saying::OtherApplicant, Branch::KnownCustomer) => {
            verifier::Input::ApplicantKnown
        }
        (Saying::Applicant | Saying::OtherApplicant, Branch::FirstCard) => {
            verifier::Input::ApplicantFirst
        }
        (Saying::Code, _) => verifier::Input::Otp,
        (Saying::OtherCode, _) => verifier::Input::OtpOtherRequest,
        (Saying::WrongCode, _) => verifier::Input::OtpWrong,
        (Saying::Resend, _) => verifier::Input::OtpResend,
        (Saying::ResendTo, _) => verifier::Input::OtpResendToOther,
        (Saying::Photos, _) => verifier::Input::Photos,
        (Saying::Frames | Saying::PoorFrames | Saying::FedFrames, _) => verifier::Input::Frames,
        (Saying::OldFrames, _) => verifier::Input::FramesReplayed,
        (Saying::Issue | Saying::IssueOther, _) => verifier::Input::Issue,
        (Saying::Cancel, _) => verifier::Input::Cancel,
    }
}

pub(super) const fn said(saying: Saying, input: verifier::Input) -> &'static str {
    match saying {
        Saying::OtherApplicant => "applicant: another person",
        Saying::IssueOther => "issue, for another person",
        Saying::PoorFrames => "frames(of a poor match)",
        Saying::FedFrames => "frames(made up for the challenge)",
        _ => input.name(),
    }
}

/// Which of two requests is meant.
pub(super) const fn which(state: &State, at: usize) -> &'static str {
    match (state.requests[1].is_some(), at) {
        (false, _) => "",
        (true, 0) => ", request 1",
        (true, _) => ", request 2",
    }
}

pub(super) fn words(out: &[verifier::Output]) -> &'static str {
    let toward_terminal = |word: &verifier::Output| word.name().strip_prefix("terminal:");
    out.iter().find_map(toward_terminal).unwrap_or("refused")
}

pub(super) fn history(request: &mut Request, saying: Saying, verdict: Verdict) {
    if !verdict.is_good() {
        return;
    }
    match saying {
        Saying::Password => request.proved = true,
        Saying::OtherApplicant => request.applicant = Some(other(request.driver.owner())),
        Saying::Applicant => request.applicant = Some(request.driver.owner()),
        Saying::Code | Saying::OtherCode => {
            request.code = Some(saying == Saying::Code);
            request.evidence = Some(Evidence::Otp);
        }
        Saying::Frames | Saying::PoorFrames => request.evidence = Some(Evidence::Reference),
        Saying::OldFrames | Saying::FedFrames => {
            request.evidence = Some(Evidence::Reference);
            request.dead_video = true;
        }
        _ => {}
    }
}
