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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn lookalikes_are_the_same_bytes() {
        let mut by_code: BTreeMap<&str, (Refusal, String)> = BTreeMap::new();
        let mut groups = 0;
        for refusal in Refusal::ALL {
            let Reply { status, body } = reply(*refusal, None);
            let bytes = format!("{status} {body}");
            let (first, same) = by_code
                .entry(refusal.seen())
                .or_insert_with(|| (*refusal, bytes.clone()));
            groups += usize::from(first != refusal);
            assert_eq!(*same, bytes, "{first} and {refusal} differ");
        }
        assert!(groups >= 9, "there are refusals that look alike");
    }
}
