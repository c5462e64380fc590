//! The person with the phone: carries what the terminal's machines want over real wires.

use std::time::Duration;

use kaika_spec::Role;
use kaika_terminal::apply::{Apply, Kept};
use kaika_terminal::pay::{self, Pay};
use kaika_terminal::{Effect, Http, Input};
use kaika_wire::core::Reply;

use crate::chip::Remote;
use crate::clock::SharedClock;
use crate::dice;
use crate::fault::Fault;
use crate::log::{Diary, Event, Heard, Sent};
use crate::peers::{Message, http, patient, send};
use crate::trail::{self, About};

/// How often the same message is sent before giving up.
const SENDS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(300);

/// Whoever holds the phone.
pub trait Person {
    /// The code that was sent; nothing when the person asks for another.
    fn code(&mut self, phone_mask: &str) -> impl Future<Output = Result<Option<String>, Fault>>;
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
    /// Keeps a payment before it is sent, until it is answered.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn keeps_payment(&mut self, _kept: &pay::Kept) -> Result<(), Fault> {
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
    /// The wait before the second try; it grows by as much.
    pause: Duration,
    last: Option<(Http, String)>,
    diary: Diary,
    /// What the next decision is about, and what it judges.
    about: About,
    heard: Option<Heard>,
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
            pause: PAUSE,
            last: None,
            diary: Diary::default(),
            about: About::default(),
            heard: None,
        })
    }

    /// The same phone, which waits so long for an answer, and so long before it says something again.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn waiting(self, answer: Duration, pause: Duration) -> Result<Self, Fault> {
        let http = patient(answer)?;
        Ok(Self {
            http,
            pause,
            ..self
        })
    }

    /// The same phone, which writes down what it decides.
    #[must_use]
    pub fn logged(self, diary: Diary) -> Self {
        Self { diary, ..self }
    }

    /// Something new begins.
    fn begins(&mut self) {
        (self.about, self.heard) = (About::default(), None);
    }

    /// Writes a decision down.
    fn decided(&mut self, act: &str, out: Vec<Sent>, order: Option<&str>) {
        let post = order.map(|state| ("order", state.to_owned()));
        self.diary.write(Event {
            about: self.about.clone(),
            heard: self.heard.take(),
            out,
            post: post.into_iter().collect(),
            ..Event::decided(0, Role::Terminal, act, None)
        });
    }

    /// Sends a message of this act, under a key of its own.
    async fn send(
        &mut self,
        act: &str,
        message: Http,
        order: Option<&str>,
        person: &mut impl Person,
    ) -> Input {
        self.says(act, message, order);
        self.send_again(person).await
    }

    /// Writes down that a message is sent next.
    fn says(&mut self, act: &str, message: Http, order: Option<&str>) {
        let key = match &message.again {
            Some(key) => key.clone(),
            None if message.method == "POST" => dice::id(),
            None => String::new(),
        };
        self.about = self.about.clone().route(&message.path);
        let asks = format!("{} {}", message.method, template(&message.path));
        let mid = (!key.is_empty()).then(|| trail::mid(&place(&message, &key)));
        let sent = Sent::asks(Role::Verifier, asks, mid);
        self.decided(act, vec![sent], order);
        self.last = Some((message, key));
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
                let asked = (!idempotency_key.is_empty())
                    .then(|| trail::mid(&place(message, idempotency_key)));
                let mid = asked.as_deref().map(|asked| trail::answer(asked, status));
                self.heard = Some(Heard::answer(Role::Verifier, mid, asked));
                person.sees(&Step::Answered(status, &body));
                let reply = Reply { status, body };
                self.about = self.about.clone().learns(&reply);
                let Reply { status, body } = reply;
                Input::Answer { status, body }
            }
            Err(_) => {
                self.heard = Some(Heard::silence(Role::Verifier));
                Input::Silence
            }
        }
    }

    /// Gives commands to the chip; what it answers.
    async fn given(&mut self, chip: &mut Remote, commands: &[Vec<u8>]) -> Result<Input, Fault> {
        let mut responses = Vec::new();
        for command in commands {
            responses.push(chip.transmit(command).await?);
        }
        // What went before was judged; the next decision is about what the chip said.
        if self.heard.is_some() {
            self.decided("apply", vec![], None);
        }
        self.heard = Some(Heard::answer(
            Role::Chip,
            chip.said().map(str::to_owned),
            None,
        ));
        Ok(Input::Chip(responses))
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
        self.begins();
        let mut effect = apply.handle(Input::Start);
        let mut again = 0;
        loop {
            let input = match effect {
                Effect::Send(message) => {
                    again = 0;
                    self.send("apply", message, None, person).await
                }
                Effect::SendAgain if again < SENDS_MAX => {
                    again += 1;
                    tokio::time::sleep(self.pause * again).await;
                    self.send_again(person).await
                }
                Effect::SendAgain => return Err(silent(&self.verifier)),
                Effect::Chip(commands) => {
                    person.sees(&Step::Chip(commands.len()));
                    self.given(chip, &commands).await?
                }
                Effect::Sign(commands) => {
                    person.sees(&Step::Sign);
                    self.given(chip, &commands).await?
                }
                Effect::AskCode { phone_mask } => match person.code(&phone_mask).await? {
                    Some(code) => Input::Code(code),
                    None => Input::AnotherCode,
                },
                Effect::AskPhotos => {
                    let (front, back) = person.photos()?;
                    Input::Photos(front, back)
                }
                Effect::AskFrames { actions } => Input::Frames(person.frames(&actions)?),
                end => {
                    self.decided("apply", vec![], None);
                    return Ok(end);
                }
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
    /// When the chip is gone, the verifier stays silent, or the payment cannot be kept.
    pub async fn pay(
        &mut self,
        pay: &mut Pay,
        chip: &mut Remote,
        person: &mut impl Person,
    ) -> Result<Effect, Fault> {
        self.begins();
        let mut effect = pay.handle(Input::Start);
        let mut again = 0;
        let (mut is_shown, mut is_sent) = (false, false);
        if let Effect::Send(message) = &effect
            && pay.kept().is_some()
        {
            self.about = About::default().route(&message.path);
            self.decided("pay time-out", vec![], Some("unknown"));
            is_shown = true;
        }
        loop {
            if effect == Effect::Unknown {
                self.decided("pay time-out", vec![], Some("unknown"));
            }
            let input = match effect {
                Effect::Send(message) if is_shown => {
                    is_sent = true;
                    self.says("pay authorise", message, Some("waiting"));
                    if let Some(kept) = pay.kept() {
                        person.keeps_payment(kept)?;
                    }
                    self.send_again(person).await
                }
                Effect::Send(message) => self.send("pay order", message, None, person).await,
                Effect::Sign(commands) => {
                    is_shown = true;
                    self.decided("pay show-order", vec![], Some("confirming"));
                    person.sees(&Step::Sign);
                    self.given(chip, &commands).await?
                }
                Effect::SendAgain | Effect::Unknown if again < SENDS_MAX => {
                    again += 1;
                    tokio::time::sleep(self.pause * again).await;
                    self.send_again(person).await
                }
                Effect::SendAgain => return Err(silent(&self.verifier)),
                Effect::Unknown => return Ok(Effect::Unknown),
                end => {
                    let (act, state) = match (&end, is_sent) {
                        (Effect::Paid { .. }, _) => ("pay told", Some("paid")),
                        (_, true) => ("pay told", Some("failed")),
                        (_, false) => ("pay refused", None),
                    };
                    self.decided(act, vec![], state);
                    return Ok(end);
                }
            };
            effect = pay.handle(input);
        }
    }
}

/// Where a message of a terminal stands among all messages.
fn place(message: &Http, key: &str) -> String {
    trail::place(Role::Terminal.name(), message.method, &message.path, key)
}

/// A path with the id in it named.
fn template(path: &str) -> String {
    let parts = path.split('/');
    let named: Vec<_> = parts
        .map(|part| if part.len() == 32 { "{id}" } else { part })
        .collect();
    named.join("/")
}

fn silent(url: &str) -> Fault {
    Fault::Peer(format!(
        "{url} does not answer; is it running? (`kaika serve verifier`)"
    ))
}
