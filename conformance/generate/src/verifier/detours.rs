//! Ways that are worth walking although a shorter one leads to a state that looks the same: counters and their ends.

use kaika_model::role::verifier::Input;
use kaika_spec::limit;

const START: &[Input] = &[Input::Open, Input::Password, Input::ApplicantKnown];
const CARD: &[Input] = &[Input::Otp, Input::Issue];
const AGAIN: &[Input] = &[Input::AdvanceResend, Input::OtpResend];

fn wrong(input: Input, count: u32) -> Vec<Input> {
    vec![input; count as usize]
}

/// By the chapter that each belongs to.
pub(super) fn all() -> Vec<(&'static str, Vec<Input>)> {
    let parts: [(&str, &[&[Input]]); 11] = [
        (
            "apply",
            &[
                &[Input::Open],
                &locked(),
                &[Input::AdvanceLock, Input::PasswordWrong, Input::Password],
            ],
        ),
        (
            "prove",
            &[START, &guessed(), AGAIN, &guessed(), AGAIN, &[Input::Otp]],
        ),
        ("prove", &[START, &[Input::GuessesOfPhone, Input::Otp]]),
        ("prove", &[START, &[Input::GuessesOfPerson, Input::Otp]]),
        (
            "prove",
            &[
                START,
                AGAIN,
                &wrong(Input::OtpSuperseded, limit::OTP_TRIES_MAX),
                &[Input::Otp],
            ],
        ),
        (
            "prove",
            &[
                START,
                &almost_guessed(),
                AGAIN,
                &[Input::OtpWrong, Input::Otp],
            ],
        ),
        ("prove", &[START, &[Input::Otp, Input::Cancel]]),
        (
            "issue",
            &[&[
                Input::Open,
                Input::Password,
                Input::ApplicantFirst,
                Input::Photos,
                Input::Frames,
                Input::Issue,
            ]],
        ),
        (
            "pay",
            &[START, CARD, &[Input::Cancel, Input::Order, Input::Pay]],
        ),
        (
            "pay",
            &[
                &[Input::Open],
                &almost_locked(Input::PasswordWrong),
                &[
                    Input::Password,
                    Input::Order,
                    Input::PayPasswordWrong,
                    Input::Pay,
                ],
            ],
        ),
        (
            "pay",
            &[
                START,
                CARD,
                &[Input::Order],
                &almost_locked(Input::PayPasswordWrong),
                &[Input::Pay, Input::PayPasswordWrong, Input::PayAgain],
            ],
        ),
    ];
    let path = |(chapter, parts): &(&'static str, &[&[Input]])| (*chapter, parts.concat());
    parts.iter().map(path).collect()
}

/// As many wrong passwords as lock the account.
fn locked() -> Vec<Input> {
    wrong(Input::PasswordWrong, limit::PASSWORD_TRIES_MAX)
}

/// One less, by this message.
fn almost_locked(input: Input) -> Vec<Input> {
    wrong(input, limit::PASSWORD_TRIES_MAX - 1)
}

/// As many wrong codes as lock the code.
fn guessed() -> Vec<Input> {
    wrong(Input::OtpWrong, limit::OTP_TRIES_MAX)
}

fn almost_guessed() -> Vec<Input> {
    wrong(Input::OtpWrong, limit::OTP_TRIES_MAX - 1)
}
