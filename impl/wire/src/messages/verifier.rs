//! Bodies of the verifier's resources.

use serde::{Deserialize, Serialize};

use super::{Applicant, body, shapes};
use crate::value::{
    Amount, Apdu, AuthCode, CardCode, Currency, Hex, Image, Name, OtpCode, Version,
};
use crate::words::{Actions, words};

body! {
    /// POST /v1/accounts
    AccountRequest {
        /// Account.
        account_id: Name,
        /// Its holder.
        applicant: Applicant,
        /// Salt of the password.
        salt: Hex<16>,
        /// `StoredKey` of the password.
        stored_key: Hex<32>,
    }

    /// Answer to [`AccountRequest`].
    AccountEnrolled {
        /// Account.
        account_id: Name,
    }

    /// The verifier's challenge for a password proof.
    Challenge {
        /// Salt.
        salt: Hex<16>,
        /// Argon2id memory.
        m_kib: u32,
        /// Argon2id passes.
        t: u32,
        /// Argon2id lanes.
        p: u32,
        /// Nonce.
        nonce: Hex<32>,
    }

    /// POST /v1/requests
    OpenRequest {
        /// Account.
        account_id: Name,
        /// Phone.
        device_id: Name,
        /// Chip.
        se_id: Hex<8>,
        /// Product.
        product: Name,
        /// Version of the terms.
        tos_version: Version,
        /// Nonce.
        terminal_nonce: Hex<16>,
    }

    /// Answer to [`OpenRequest`].
    Opened {
        /// The card request.
        request_id: Hex<16>,
        /// Nonce.
        verifier_nonce: Hex<16>,
        /// What to prove the password with.
        challenge: Challenge,
        /// When the request dies.
        #[serde(deserialize_with = "crate::value::millis")]        expires_at: i64,
    }

    /// Answer to GET /v1/requests/{id}
    RequestShown {
        /// The card request.
        request_id: Hex<16>,
        /// Where it stands.
        state: RequestState,
        /// What the terminal does next.
        next: NextWord,
    }

    /// POST /v1/requests/{id}/password
    PasswordRequest {
        /// Proof.
        proof: Hex<32>,
    }

    /// POST /v1/requests/{id}/applicant
    ApplicantRequest {
        /// Who applies.
        applicant: Applicant,
    }

    /// A code that was sent.
    Otp {
        /// Its id.
        otp_id: Hex<16>,
        /// The phone, masked.
        phone_mask: String,
        /// When it dies.
        #[serde(deserialize_with = "crate::value::millis")]        expires_at: i64,
        /// Wrong codes left.
        tries_left: u32,
        /// Sends left.
        sends_left: u32,
    }

    /// POST /v1/requests/{id}/otp
    OtpRequest {
        /// Which code.
        otp_id: Hex<16>,
        /// The code.
        code: OtpCode,
    }

    /// POST /v1/requests/{id}/id-photos
    PhotosRequest {
        /// The policy that is answered.
        policy_id: Hex<16>,
        /// Front of the document.
        front: Image,
        /// Back of the document.
        back: Image,
    }

    /// One picture of a video.
    Frame {
        /// The action it shows.
        action: String,
        /// The picture.
        image: Image,
    }

    /// POST /v1/requests/{id}/frames
    FramesRequest {
        /// The policy that is answered.
        policy_id: Hex<16>,
        /// Its nonce.
        nonce: Hex<16>,
        /// The pictures.
        #[serde(deserialize_with = "crate::value::frames")]        frames: Vec<Frame>,
    }

    /// POST /v1/requests/{id}/issue
    IssueRequest {
        /// The chip's consent to the request context.
        consent: Hex<16>,
    }

    /// POST /v1/requests/{id}/provision
    ProvisionRequest {
        /// The session to go on with, or nothing to start one.
        #[serde(deserialize_with = "crate::value::nullable")]        session: Option<Hex<16>>,
        /// The chip's answers to the last commands.
        responses: Vec<Apdu>,
    }

    /// POST /v1/orders
    OrderRequest {
        /// Who shall pay.
        account_id: Name,
        /// Who is paid.
        payee: Name,
        /// How much.
        amount_minor: Amount,
        /// In what.
        currency: Currency,
    }

    /// Answer to [`OrderRequest`].
    Ordered {
        /// The order.
        order_id: Hex<16>,
        /// Who shall pay.
        account_id: Name,
        /// Who is paid.
        payee: Name,
        /// How much.
        amount_minor: Amount,
        /// In what.
        currency: Currency,
        /// Nonce inside the digest.
        nonce: Hex<16>,
        /// When the order dies.
        #[serde(deserialize_with = "crate::value::millis")]        expires_at: i64,
        /// Digest of all of this.
        order_digest: Hex<32>,
        /// What to prove the password with.
        challenge: Challenge,
    }

    /// POST /v1/orders/{id}/pay
    PayRequest {
        /// Who pays.
        account_id: Name,
        /// With which card.
        card_code: CardCode,
        /// What was shown.
        order_digest: Hex<32>,
        /// Proof.
        proof: Hex<32>,
        /// The chip's evidence over order and card.
        evidence: Hex<16>,
    }

    /// Answer to GET /v1/orders/{id}
    OrderShown {
        /// The order.
        order_id: Hex<16>,
        /// Where it stands.
        result: OrderState,
    }
}

shapes! {
    /// Answer to [`PayRequest`]: what the issuer said.
    OrderPaid by "result" {
        /// It debited.
        Paid = "paid" {
            /// The order.
            order_id: Hex<16>,
            /// Authorisation code.
            auth_code: AuthCode,
        }
        /// It declined.
        Declined = "declined" {
            /// The order.
            order_id: Hex<16>,
        }
    }
}

shapes! {
    /// What the terminal does next.
    Next by "next" {
        /// Say who applies.
        Applicant = "applicant" {}
        /// Type the code.
        Otp = "otp" {
            /// The code that was sent.
            otp: Otp,
        }
        /// Photograph the document.
        IdPhotos = "id-photos" {
            /// The policy to answer.
            policy_id: Hex<16>,
            /// When it dies.
            #[serde(deserialize_with = "crate::value::millis")]
            expires_at: i64,
        }
        /// Take a video of these actions.
        Frames = "frames" {
            /// The policy to answer.
            policy_id: Hex<16>,
            /// Its nonce.
            nonce: Hex<16>,
            /// The actions, in order.
            actions: Actions,
            /// When it dies.
            #[serde(deserialize_with = "crate::value::millis")]
            expires_at: i64,
        }
        /// Ask for the card.
        Issue = "issue" {}
        /// Write the token into the chip.
        Provision = "provision" {
            /// The card.
            card_code: CardCode,
            /// The token.
            token_ref: Hex<16>,
        }
        /// Give these commands to the chip and bring its answers.
        Relay = "relay" {
            /// The session.
            session: Hex<16>,
            /// Commands.
            commands: Vec<Apdu>,
        }
        /// Nothing: the card is ready.
        Done = "done" {
            /// The card.
            card_code: CardCode,
            /// The token.
            token_ref: Hex<16>,
        }
        /// Nothing: the request was cancelled.
        Cancelled = "cancelled" {}
    }
}

words! {
    /// Where a card request stands.
    RequestState {
        /// It waits for the password.
        AwaitPassword = "await-password",
        /// For who applies.
        AwaitApplicant = "await-applicant",
        /// For the issuer's decision.
        AwaitEligibility = "await-eligibility",
        /// For the code.
        AwaitOtp = "await-otp",
        /// For photos of the document.
        AwaitPhotos = "await-photos",
        /// For the video.
        AwaitFrames = "await-frames",
        /// For the identity system.
        AwaitMatch = "await-match",
        /// For the terminal's wish to issue.
        AwaitIssue = "await-issue",
        /// For the issuer's card.
        Issuing = "issuing",
        /// For the chip.
        AwaitProvision = "await-provision",
        /// For nothing: done.
        Done = "done",
        /// For nothing: cancelled.
        Cancelled = "cancelled",
        /// For nothing: too old.
        Expired = "expired",
        /// For nothing: refused.
        Refused = "refused",
    }

    /// What the terminal does next, in one word.
    NextWord {
        /// Prove the password.
        Password = "password",
        /// Say who applies.
        Applicant = "applicant",
        /// Type the code.
        Otp = "otp",
        /// Photograph the document.
        IdPhotos = "id-photos",
        /// Take the video.
        Frames = "frames",
        /// Ask for the card.
        Issue = "issue",
        /// Write the token into the chip.
        Provision = "provision",
        /// Nothing: the card is ready.
        Done = "done",
        /// Nothing: cancelled.
        Cancelled = "cancelled",
        /// Nothing.
        None = "none",
    }

    /// Where an order stands.
    OrderState {
        /// It can be paid.
        Open = "open",
        /// The issuer was asked.
        Pending = "pending",
        /// The issuer debited.
        Paid = "paid",
        /// The issuer declined.
        Declined = "declined",
        /// It was not paid in time.
        Expired = "expired",
    }
}
