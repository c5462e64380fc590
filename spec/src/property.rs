//! The properties the model checks, by the ids of `docs/properties.md`.

use crate::names::named;

named! {
    /// A safety or terminal-state property.
    PropertyId {
        /// Password first.
        P01 = "P01",
        /// Real name agrees with the account.
        P02 = "P02",
        /// The branch is the issuer's.
        P03 = "P03",
        /// The code goes to the reserved phone.
        P04 = "P04",
        /// A code proves one request, once.
        P05 = "P05",
        /// The applicant never changes.
        P08 = "P08",
        /// Known customer: password, code, pre-verification, card.
        P09 = "P09",
        /// First card: a resolved, fitting, good reference before the card.
        P10 = "P10",
        /// The score is the identity system's.
        P11 = "P11",
        /// A reference serves one card.
        P12 = "P12",
        /// One card per request, quota per person.
        P16 = "P16",
        /// Card, agreement, token: all or none.
        P17 = "P17",
        /// Same key, same effect, once.
        P18 = "P18",
        /// Active only on the chip's receipt.
        P21 = "P21",
        /// A tear leaves the old or the new.
        P22 = "P22",
        /// The chip holds what the issuer wrote for it.
        P23 = "P23",
        /// One live token, one chip.
        P24 = "P24",
        /// No orphan at the end.
        P25 = "P25",
        /// The PAN stays inside.
        P26 = "P26",
        /// The agreement number stays between verifier and issuer.
        P27 = "P27",
        /// Identifiers of different kinds are never taken for one another.
        P29 = "P29",
        /// A debit is what its owner saw and authorised.
        P31 = "P31",
        /// An order is paid by its owner.
        P32 = "P32",
        /// One order, one debit.
        P33 = "P33",
        /// The result shown is the issuer's.
        P35 = "P35",
        /// Live at commit.
        P36 = "P36",
        /// An approval is what the chip signed.
        P37 = "P37",
        /// The shop's terminal and the issuer agree.
        P38 = "P38",
        /// An ATC counts once.
        P39 = "P39",
        /// Only legal lifecycle transitions.
        P43 = "P43",
    }
}
