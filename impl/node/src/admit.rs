//! The headers of an HTTP message, handed to the front that all servers share.

use axum::http::HeaderMap;
use kaika_spec::Refusal;
use kaika_spec::Role;
use kaika_spec::limit::TIME_WINDOW_MS;
use kaika_wire::core::{Caller, Core, Refused, Request};

/// A message as it arrived.
pub struct Arrived<'a> {
    /// Method.
    pub method: &'a str,
    /// Path without query.
    pub path: &'a str,
    /// Query, which no resource of a core takes.
    pub query: Option<&'a str>,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

pub fn mac(
    key: &[u8; 32],
    caller: &str,
    method: &str,
    path: &str,
    time: i64,
    idem: &str,
    body: &[u8],
) -> [u8; 32] {
    use hmac::{Hmac, KeyInit, Mac};
    let Ok(mut m) = Hmac::<sha2::Sha256>::new_from_slice(key) else {
        unreachable!()
    };
    m.update(format!("{caller}\n{method}\n{path}\n{time}\n{idem}\n").as_bytes());
    m.update(body);
    m.finalize().into_bytes().into()
}

fn fits(t: &str, p: &str) -> bool {
    let (a, b): (Vec<_>, Vec<_>) = (t.split('/').collect(), p.split('/').collect());
    a.len() == b.len()
        && a.iter()
            .zip(&b)
            .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
}

pub fn admit(core: &dyn Core, now: i64, seen: Arrived<'_>) -> Result<(Request, String), Refused> {
    let bad = |d: &str| Refused {
        refusal: Refusal::Malformed,
        detail: Some(d.into()),
    };
    let paths: Vec<_> = core
        .resources()
        .iter()
        .filter(|r| fits(r.path, seen.path))
        .collect();
    if paths.is_empty() || seen.query.is_some() {
        return Err(Refusal::UnknownRoute.into());
    }
    let Some(resource) = paths.iter().find(|r| r.method == seen.method) else {
        return Err(Refusal::MethodNotAllowed.into());
    };
    let h = |n: &str| seen.headers.get(n).map(|v| v.to_str().unwrap_or("\u{0}"));
    if resource.method == "POST"
        && !h("content-type").is_some_and(|v| v.starts_with("application/json"))
    {
        return Err(Refusal::UnsupportedMediaType.into());
    }
    let time: i64 = h("kaika-time")
        .and_then(|t| t.parse().ok())
        .ok_or_else(|| bad("Kaika-Time"))?;
    let key = h("idempotency-key").unwrap_or("");
    if resource.method == "POST" && key.is_empty() {
        return Err(Refusal::IdempotencyKeyMissing.into());
    }
    if (time - now).abs() > TIME_WINDOW_MS {
        return Err(Refusal::StaleTime.into());
    }
    let mut given = [0u8; 32];
    let m = match h("kaika-mac") {
        Some(m) => {
            hex::decode_to_slice(m, &mut given).map_err(|_| bad("Kaika-Mac"))?;
            Some(given)
        }
        None => None,
    };
    let caller = match h("kaika-caller") {
        None => Caller::Terminal,
        Some(c) => {
            let role = Role::from_name(c).ok_or_else(|| bad("Kaika-Caller"))?;
            let k = core.caller_key(role).ok_or(Refusal::BadSignature)?;
            if m != Some(mac(k, c, resource.method, seen.path, time, key, &seen.body)) {
                return Err(Refusal::BadSignature.into());
            }
            Caller::Known(role)
        }
    };
    let role = match caller {
        Caller::Terminal => Role::Terminal,
        Caller::Known(r) => r,
    };
    if !resource.callers.contains(&role) {
        return Err(Refusal::BadSignature.into());
    }
    Ok((
        Request {
            caller,
            method: resource.method,
            path: seen.path.into(),
            time,
            idempotency_key: if resource.method == "GET" {
                String::new()
            } else {
                key.into()
            },
            mac: m,
            body: seen.body,
        },
        format!("{} {}", resource.method, resource.path),
    ))
}
