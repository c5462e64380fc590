//! Who sent this message, when, and to which resource: everything that is judged before a body is read.
//!
//! [`admit`] checks in the order of `spec/90-wire.md`; the body's length is the shell's to bound.

use hmac::{Hmac, KeyInit, Mac};
use kaika_spec::limit::TIME_WINDOW_MS;
use kaika_spec::{Refusal, Role};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::core::{Caller, Core, Refused, Request, Resource};

/// A message as it arrived, without its body.
pub struct Head<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Whether there was a query; no resource takes one.
    pub has_query: bool,
    /// Value of a header by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// A message that may be judged.
#[derive(Debug)]
pub struct Admitted {
    /// The message.
    pub request: Request,
    /// The resource it is for.
    pub resource: Resource,
}

/// Admits a message by its headers.
///
/// # Errors
/// The refusal that comes first in the order of `spec/90-wire.md`.
pub fn admit(
    core: &dyn Core,
    now: i64,
    head: &Head<'_>,
    body: Vec<u8>,
) -> Result<Admitted, Refused> {
    let resource = route(core.resources(), head)?;
    let post = resource.method == "POST";
    if post && !head_of(head, "content-type").is_some_and(is_json) {
        return Err(Refusal::UnsupportedMediaType.into());
    }
    let time = head_of(head, "kaika-time")
        .and_then(millis)
        .ok_or_else(|| form("Kaika-Time"))?;
    let mac = head_of(head, "kaika-mac")
        .map(|text| digest(text).ok_or_else(|| form("Kaika-Mac")))
        .transpose()?;
    let named = head_of(head, "kaika-caller")
        .map(|text| Role::from_name(text).ok_or_else(|| form("Kaika-Caller")))
        .transpose()?;
    let key = if post {
        idempotency_key(head)?
    } else {
        String::new()
    };
    //= spec/90-wire.md#wir-4-messages-are-timely
    //# A server MUST refuse a message whose `Kaika-Time` is more than `TIME_WINDOW_MS` from its clock.
    if now.abs_diff(time) > TIME_WINDOW_MS.unsigned_abs() {
        return Err(Refusal::StaleTime.into());
    }
    let caller = named.map_or(Caller::Terminal, Caller::Known);
    let path = head.path.to_owned();
    let request = Request {
        caller,
        method: resource.method,
        path,
        time,
        idempotency_key: key,
        mac,
        body,
    };
    known(core, &resource, &request)?;
    Ok(Admitted { request, resource })
}

/// The resource that method and path name.
fn route(resources: &[Resource], head: &Head<'_>) -> Result<Resource, Refused> {
    let mut at_path = resources
        .iter()
        .filter(|resource| parameters(resource.path, head.path).is_some())
        .peekable();
    if at_path.peek().is_none() || head.has_query {
        return Err(Refusal::UnknownRoute.into());
    }
    at_path
        .find(|resource| resource.method == head.method)
        .copied()
        .ok_or(Refusal::MethodNotAllowed.into())
}

/// What stands in the place of `{…}` in a template, or `None` when the path does not fit it.
pub fn parameters<'p>(template: &str, path: &'p str) -> Option<Vec<&'p str>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some(want), Some(part)) if want.starts_with('{') && !part.is_empty() => {
                found.push(part)
            }
            (Some(want), Some(part)) if want == part => {}
            _ => return None,
        }
    }
}

/// Whether the caller may use the resource and is who it says.
fn known(core: &dyn Core, resource: &Resource, request: &Request) -> Result<(), Refused> {
    //= spec/90-wire.md#wir-3-servers-know-each-other
    //# A server MUST refuse a message between servers whose `Kaika-Mac` does not verify under the key shared with the
    //# named caller, or whose caller may not use the resource.
    let role = match request.caller {
        Caller::Terminal => Role::Terminal,
        Caller::Known(role) => role,
    };
    let allowed = resource.callers.contains(&role);
    let holds = match request.caller {
        Caller::Terminal => true,
        Caller::Known(role) => core.caller_key(role).is_some_and(|key| request.verify(key)),
    };
    if allowed && holds {
        Ok(())
    } else {
        Err(Refusal::BadSignature.into())
    }
}

impl Request {
    /// Whether the message carries the MAC of a holder of `key`.
    pub fn verify(&self, key: &[u8; 32]) -> bool {
        let caller = match self.caller {
            Caller::Terminal => Role::Terminal.name(),
            Caller::Known(role) => role.name(),
        };
        let signed = Signed {
            caller,
            method: self.method,
            path: &self.path,
            time: self.time,
            idempotency_key: &self.idempotency_key,
            body: &self.body,
        };
        self.mac
            .is_some_and(|mac| signed.mac(key).ct_eq(&mac).into())
    }
}

/// What `Kaika-Mac` covers.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// `Kaika-Caller`, or `terminal`.
    pub caller: &'a str,
    /// HTTP method.
    pub method: &'a str,
    /// Path.
    pub path: &'a str,
    /// `Kaika-Time`.
    pub time: i64,
    /// `Idempotency-Key`, or nothing.
    pub idempotency_key: &'a str,
    /// Body.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// The MAC.
    pub fn mac(&self, key: &[u8; 32]) -> [u8; 32] {
        let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of every length"),
        };
        let time = self.time.to_string();
        for part in [
            self.caller,
            self.method,
            self.path,
            &time,
            self.idempotency_key,
        ] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac.update(self.body);
        mac.finalize().into_bytes().into()
    }
}

fn head_of<'a>(head: &Head<'a>, name: &str) -> Option<&'a str> {
    (head.header)(name)
}

fn is_json(kind: &str) -> bool {
    kind.split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn digest(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (lower && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

fn idempotency_key(head: &Head<'_>) -> Result<String, Refused> {
    //= spec/90-wire.md#wir-5-changes-carry-a-key
    //# A server MUST refuse a POST without an `Idempotency-Key` of 32 hex digits.
    let key = head_of(head, "idempotency-key").ok_or(Refusal::IdempotencyKeyMissing)?;
    let fits = key.len() == 32
        && key
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if fits {
        Ok(key.to_owned())
    } else {
        Err(Refusal::IdempotencyKeyMissing.into())
    }
}

/// A time of one to fifteen digits, as one writes a number: the MAC covers it in this form.
fn millis(text: &str) -> Option<i64> {
    let digits = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let time = text.parse().ok().filter(|_| digits);
    time.filter(|time: &i64| time.to_string() == text)
}

fn form(what: &str) -> Refused {
    Refused {
        refusal: Refusal::Malformed,
        detail: Some(format!("header {what} is missing or not of its form")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Change, Input, Rows};
    use crate::dice::Dice;

    struct Echo;

    impl Core for Echo {
        fn role(&self) -> Role {
            Role::Issuer
        }
        fn resources(&self) -> &'static [Resource] {
            &[
                Resource {
                    method: "POST",
                    path: "/v1/a/{id}",
                    callers: &[Role::Verifier],
                },
                Resource {
                    method: "GET",
                    path: "/v1/a/{id}",
                    callers: &[Role::Terminal],
                },
            ]
        }
        fn caller_key(&self, caller: Role) -> Option<&[u8; 32]> {
            matches!(caller, Role::Verifier | Role::Operator).then_some(&[7; 32])
        }
        fn decide(&self, _: &dyn Rows, _: i64, _: &mut Dice, _: &Input) -> Result<Change, Refused> {
            Ok(Change::default())
        }
    }

    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn check(
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        now: i64,
        want: Result<(), Refusal>,
    ) {
        let find = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| *value)
        };
        let head = Head {
            method,
            path,
            has_query: false,
            header: &find,
        };
        let got = admit(&Echo, now, &head, b"{}".to_vec())
            .map(|_| ())
            .map_err(|refused| refused.refusal);
        assert_eq!(got, want, "{method} {path} {headers:?}");
    }

    fn mac(caller: &str, key: [u8; 32], time: i64) -> String {
        let path = "/v1/a/1";
        hex::encode(
            Signed {
                caller,
                method: "POST",
                path,
                time,
                idempotency_key: KEY,
                body: b"{}",
            }
            .mac(&key),
        )
    }

    #[test]
    fn the_order_of_checks() {
        let json = ("content-type", "application/json; charset=utf-8");
        let good = mac("verifier", [7; 32], 5);
        let (other_key, other_name) = (mac("verifier", [8; 32], 5), mac("issuer", [7; 32], 5));
        let signed = |mac| {
            [
                json,
                ("kaika-time", "5"),
                ("idempotency-key", KEY),
                ("kaika-caller", "verifier"),
                ("kaika-mac", mac),
            ]
        };
        check("POST", "/v1/b", &[], 5, Err(Refusal::UnknownRoute));
        check("POST", "/v1/a/", &[], 5, Err(Refusal::UnknownRoute));
        check("PUT", "/v1/a/1", &[], 5, Err(Refusal::MethodNotAllowed));
        check(
            "POST",
            "/v1/a/1",
            &[],
            5,
            Err(Refusal::UnsupportedMediaType),
        );
        check("POST", "/v1/a/1", &[json], 5, Err(Refusal::Malformed));
        for time in ["x", "", "+5", "-5", "5 ", "05", "1234567890123456"] {
            check(
                "POST",
                "/v1/a/1",
                &[json, ("kaika-time", time)],
                5,
                Err(Refusal::Malformed),
            );
        }
        check(
            "POST",
            "/v1/a/1",
            &[json, ("kaika-time", "5"), ("kaika-mac", "zz")],
            5,
            Err(Refusal::Malformed),
        );
        check(
            "POST",
            "/v1/a/1",
            &[json, ("kaika-time", "5"), ("kaika-caller", "king")],
            5,
            Err(Refusal::Malformed),
        );
        check(
            "POST",
            "/v1/a/1",
            &[json, ("kaika-time", "5")],
            5,
            Err(Refusal::IdempotencyKeyMissing),
        );
        check(
            "POST",
            "/v1/a/1",
            &[json, ("kaika-time", "5"), ("idempotency-key", "12")],
            5,
            Err(Refusal::IdempotencyKeyMissing),
        );
        check(
            "POST",
            "/v1/a/1",
            &signed(&good),
            5 + TIME_WINDOW_MS + 1,
            Err(Refusal::StaleTime),
        );
        check(
            "POST",
            "/v1/a/1",
            &signed(&good),
            5 - TIME_WINDOW_MS - 1,
            Err(Refusal::StaleTime),
        );
        check(
            "POST",
            "/v1/a/1",
            &signed(&good),
            5 + TIME_WINDOW_MS,
            Ok(()),
        );
        check(
            "POST",
            "/v1/a/1",
            &signed(&other_key),
            5,
            Err(Refusal::BadSignature),
        );
        check(
            "POST",
            "/v1/a/1",
            &signed(&other_name),
            5,
            Err(Refusal::BadSignature),
        );
        check("GET", "/v1/a/1", &[("kaika-time", "5")], 5, Ok(()));
    }

    #[test]
    fn a_caller_may_use_only_its_resources() {
        let json = ("content-type", "application/json");
        let operator = mac("operator", [7; 32], 5);
        check(
            "POST",
            "/v1/a/1",
            &[
                json,
                ("kaika-time", "5"),
                ("idempotency-key", KEY),
                ("kaika-caller", "operator"),
                ("kaika-mac", &operator),
            ],
            5,
            Err(Refusal::BadSignature),
        );
        check(
            "POST",
            "/v1/a/1",
            &[json, ("kaika-time", "5"), ("idempotency-key", KEY)],
            5,
            Err(Refusal::BadSignature),
        );
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        for now in [i64::MIN, i64::MAX] {
            for time in ["0", "999999999999999"] {
                let head = [("kaika-time", time)];
                check("GET", "/v1/a/1", &head, now, Err(Refusal::StaleTime));
            }
        }
    }
}
