//! A refusal as an `application/problem+json` document (RFC 9457).

use kaika_spec::Refusal;
use serde_json::json;

use crate::core::Reply;

/// The problem document of a refusal: only what the peer may see.
pub fn reply(refusal: Refusal, detail: Option<&str>) -> Reply {
    //= spec/90-wire.md#wir-8-refusals-are-problem-documents
    //# Every refusal over HTTP MUST be an `application/problem+json` document with `type`, `title`, `status`, `code` and `class`
    //# as in 95-refusals, and `detail` when it helps.
    let status = refusal.http_status();
    let code = refusal.seen();
    let mut body = json!({
        "type": format!("urn:kaika:problem:{code}"),
        "title": code.replace('-', " "),
        "status": status,
        "code": code,
        "class": refusal.class().name(),
    });
    if let (Some(detail), Some(object)) = (detail, body.as_object_mut()) {
        object.insert("detail".into(), detail.into());
    }
    Reply { status, body }
}
