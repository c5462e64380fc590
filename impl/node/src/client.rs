//! The person with the phone: carries what the terminal's machines want over real wires.

use std::time::Duration;

use kaika_terminal::apply::{Apply, Kept};
use kaika_terminal::pay::Pay;
use kaika_terminal::{Effect, Http, Input};

use crate::chip::Remote;
use crate::clock::SharedClock;
use crate::dice;
use crate::fault::Fault;
use crate::peers::{Message, http, send};

/// How often the same message is sent before giving up.
const SENDS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// Whoever holds the phone.
pub trait Person {
    /// The code that was sent.
    fn code(&mut self, phone_mask: &str) -> impl Future<Output = Result<String, Fault>>;
    /// Front and back of the document.
    fn photos(&mut self) -> Result<(Vec<u8>, Vec<u8>), Fault>;
    /// One picture for each action.
    fn frames(&mut self, actions: &[String]) -> Result<Vec<Vec<u8>>, Fault>;
    /// Keeps where a card request stands, before anything follows from it.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn keeps(&mut self, _kept: &Kept) -> Result<(), Fault> {
        Ok(())
    }
    /// Is told what happens.
    fn sees(&mut self, what: &Step<'_>);
}

/// Something that happened.
#[derive(Debug)]
pub enum Step<'a> {
    /// A request went to the verifier.
    Sent(&'a Http),
    /// It answered.
    Answered(u16, &'a serde_json::Value),
    /// The chip was given so many commands of the issuer.
    Chip(usize),
    /// The chip was asked to sign.
    Sign,
}

/// The phone's way to the verifier.
pub struct Phone {
    http: reqwest::Client,
    verifier: String,
    clock: SharedClock,
    last: Option<(Http, String)>,
}

impl Phone {
    /// A phone that talks to the verifier at `url`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str, clock: SharedClock) -> Result<Self, Fault> {
        Ok(Self {
            http: http()?,
            verifier: url.trim_end_matches('/').into(),
            clock,
            last: None,
        })
    }

    async fn send(&mut self, message: Http, person: &mut impl Person) -> Input {
        let key = match &message.again {
            Some(key) => key.clone(),
            None if message.method == "POST" => dice::id(),
            None => String::new(),
        };
        self.last = Some((message, key));
        self.send_again(person).await
    }

    async fn send_again(&mut self, person: &mut impl Person) -> Input {
        let Some((message, idempotency_key)) = &self.last else {
            return Input::Silence;
        };
        person.sees(&Step::Sent(message));
        let Http {
            method,
            path,
            body,
            key,
            again: _,
        } = message;
        let wire = Message {
            caller: None,
            method,
            path,
            key: key.as_ref(),
            idempotency_key,
            body,
        };
        match send(&self.http, &self.verifier, self.clock.now(), &wire).await {
            Ok((status, body)) => {
                person.sees(&Step::Answered(status, &body));
                Input::Answer { status, body }
            }
            Err(_) => Input::Silence,
        }
    }

    /// Carries a card request until it is ready or ends.
    ///
    /// # Errors
    /// When the chip is gone, the person has no answer, or the verifier stays silent.
    pub async fn apply(
        &mut self,
        apply: &mut Apply,
        chip: &mut Remote,
        person: &mut impl Person,
    ) -> Result<Effect, Fault> {
        let mut effect = apply.handle(Input::Start);
        let mut again = 0;
        loop {
            let input = match effect {
                Effect::Send(message) => {
                    again = 0;
                    self.send(message, person).await
                }
                Effect::SendAgain if again < SENDS_MAX => {
                    again += 1;
                    tokio::time::sleep(PAUSE * again).await;
                    self.send_again(person).await
                }
                Effect::SendAgain => return Err(silent(&self.verifier)),
                Effect::Chip(commands) => {
                    person.sees(&Step::Chip(commands.len()));
                    given(chip, &commands).await?
                }
                Effect::Sign(commands) => {
                    person.sees(&Step::Sign);
                    given(chip, &commands).await?
                }
                Effect::AskCode { phone_mask } => Input::Code(person.code(&phone_mask).await?),
                Effect::AskPhotos => {
                    let (front, back) = person.photos()?;
                    Input::Photos(front, back)
                }
                Effect::AskFrames { actions } => Input::Frames(person.frames(&actions)?),
                end => return Ok(end),
            };
            effect = apply.handle(input);
            if let Some(kept) = apply.kept() {
                person.keeps(kept)?;
            }
        }
    }

    /// Carries a payment until the issuer's word is known.
    ///
    /// # Errors
    /// When the chip is gone, or the verifier stays silent.
    pub async fn pay(
        &mut self,
        pay: &mut Pay,
        chip: &mut Remote,
        person: &mut impl Person,
    ) -> Result<Effect, Fault> {
        let mut effect = pay.handle(Input::Start);
        let mut again = 0;
        loop {
            let input = match effect {
                Effect::Send(message) => self.send(message, person).await,
                Effect::Sign(commands) => {
                    person.sees(&Step::Sign);
                    given(chip, &commands).await?
                }
                Effect::SendAgain | Effect::Unknown if again < SENDS_MAX => {
                    again += 1;
                    tokio::time::sleep(PAUSE * again).await;
                    self.send_again(person).await
                }
                Effect::SendAgain => return Err(silent(&self.verifier)),
                end => return Ok(end),
            };
            effect = pay.handle(input);
        }
    }
}

/// Gives commands to the chip; what it answers.
async fn given(chip: &mut Remote, commands: &[Vec<u8>]) -> Result<Input, Fault> {
    let mut responses = Vec::new();
    for command in commands {
        responses.push(chip.transmit(command).await?);
    }
    Ok(Input::Chip(responses))
}

fn silent(url: &str) -> Fault {
    Fault::Peer(format!(
        "{url} does not answer; is it running? (`kaika serve verifier`)"
    ))
}
