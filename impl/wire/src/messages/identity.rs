//! Bodies of the identity system's resources.

use serde::{Deserialize, Serialize};

use super::{Applicant, body};
use crate::value::{Hex, Image, Text64};
use crate::words::words;

body! {
    /// POST /v1/persons
    PersonRequest {
        /// Who.
        applicant: Applicant,
        /// The face on record.
        face: Text64,
    }

    /// POST /v1/matches
    MatchRequest {
        /// The card request.
        request_id: Hex<16>,
        /// Its context.
        request_context: Hex<32>,
        /// Who applies.
        applicant: Applicant,
        /// Who may look the score up: `issuer`.
        relying_party: RelyingParty,
        /// Front of the document.
        front: Image,
        /// Back of the document.
        back: Image,
        /// Pictures of the video.
        #[serde(deserialize_with = "crate::value::frames")]        frames: Vec<Image>,
    }

    /// Answer to [`MatchRequest`].
    Matched {
        /// What to look the score up with.
        reference: Hex<16>,
        /// `scored`.
        status: Scored,
    }

    /// POST /v1/scores
    ScoreRequest {
        /// The reference.
        reference: Hex<16>,
        /// The card request's context.
        request_context: Hex<32>,
        /// Digest of the applicant.
        applicant_digest: Hex<32>,
    }

    /// Answer to [`ScoreRequest`].
    Score {
        /// The reference.
        reference: Hex<16>,
        /// The card request's context.
        request_context: Hex<32>,
        /// Digest of the applicant.
        applicant_digest: Hex<32>,
        /// Live frames against the record, of 1000.
        #[serde(deserialize_with = "crate::value::thousandths")]        live_record: u16,
        /// Photo of the document against the record, of 1000.
        #[serde(deserialize_with = "crate::value::thousandths")]        photo_record: u16,
        /// Text of the document against the record, of 1000.
        #[serde(deserialize_with = "crate::value::thousandths")]        text_record: u16,
        /// When.
        #[serde(deserialize_with = "crate::value::millis")]        decided_at: i64,
    }
}

words! {
    /// Who may look a score up.
    RelyingParty {
        /// The issuer.
        Issuer = "issuer",
    }

    /// That pictures were compared; never how they did.
    Scored {
        /// They were.
        Scored = "scored",
    }
}
