//! The properties the model checks, by the ids of `docs/properties.md`.

use crate::names::named;

named! {
    /// A safety or terminal-state property, or a theorem made of them.
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
        /// A code is accepted while it is fresh.
        P06 = "P06",
        /// Wrong codes are bounded over all of them.
        P07 = "P07",
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
        /// The video is live and answers this request.
        P13 = "P13",
        /// A card is made on its chip's consent.
        P14 = "P14",
        /// Pre-verified when the card is made.
        P15 = "P15",
        /// One card per request, quota per person.
        P16 = "P16",
        /// Card, agreement, token: all or none.
        P17 = "P17",
        /// Same key, same effect, once.
        P18 = "P18",
        /// No stranger learns who banks where.
        P19 = "P19",
        /// No lock lasts for ever.
        P20 = "P20",
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
        /// No secret leaves.
        P28 = "P28",
        /// Identifiers of different kinds are never taken for one another.
        P29 = "P29",
        /// A token pays in its channel only.
        P30 = "P30",
        /// A debit is what its owner saw and authorised.
        P31 = "P31",
        /// An order is paid by its owner.
        P32 = "P32",
        /// One order, one debit.
        P33 = "P33",
        /// Money that is given back was taken.
        P34 = "P34",
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
        /// Nothing above the limit without a verified holder.
        P40 = "P40",
        /// Every time-out at a shop is resolved.
        P41 = "P41",
        /// What is lost pays no more.
        P42 = "P42",
        /// Only legal lifecycle transitions.
        P43 = "P43",
        /// A new phone voids what the old one was asked.
        P44 = "P44",
        /// Views converge.
        P45 = "P45",
        /// A debit is made on its payer's evidence.
        P46 = "P46",
        /// Wrong PINs are bounded, wherever power fails.
        P47 = "P47",
        /// A chip does not approve against the issuer.
        P48 = "P48",
        /// What the chip said is suspended or deleted does not pay.
        P49 = "P49",
        /// Nobody gets a card in another name.
        TH1 = "TH1",
        /// No money moves that its owner did not authorise.
        TH2 = "TH2",
        /// Money is conserved.
        TH3 = "TH3",
        /// Nothing is left half done.
        TH4 = "TH4",
        /// What is confidential stays so.
        TH5 = "TH5",
    }
}

impl PropertyId {
    /// A few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::P01 => "Password first",
            Self::P02 => "Real name agrees with the account",
            Self::P03 => "The branch is the issuer's",
            Self::P04 => "The code goes to the reserved phone",
            Self::P05 => "A code proves one request, once",
            Self::P06 => "A code is accepted while it is fresh",
            Self::P07 => "Wrong codes are bounded over all of them",
            Self::P08 => "The applicant never changes",
            Self::P09 => "Known customer: password, code, pre-verification, card",
            Self::P10 => "First card: a resolved, fitting, good reference before the card",
            Self::P11 => "The score is the identity system's",
            Self::P12 => "A reference serves one card",
            Self::P13 => "The video is live and answers this request",
            Self::P14 => "A card is made on its chip's consent",
            Self::P15 => "Pre-verified when the card is made",
            Self::P16 => "One card per request, quota per person",
            Self::P17 => "Card, agreement, token: all or none",
            Self::P18 => "Same key, same effect, once",
            Self::P19 => "No stranger learns who banks where",
            Self::P20 => "No lock lasts for ever",
            Self::P21 => "Active only on the chip's receipt",
            Self::P22 => "A tear leaves the old or the new",
            Self::P23 => "The chip holds what the issuer wrote for it",
            Self::P24 => "One live token, one chip",
            Self::P25 => "No orphan at the end",
            Self::P26 => "The PAN stays inside",
            Self::P27 => "The agreement number stays between verifier and issuer",
            Self::P28 => "No secret leaves",
            Self::P29 => "Identifiers of different kinds are never taken for one another",
            Self::P30 => "A token pays in its channel only",
            Self::P31 => "A debit is what its owner saw and authorised",
            Self::P32 => "An order is paid by its owner",
            Self::P33 => "One order, one debit",
            Self::P34 => "Money that is given back was taken",
            Self::P35 => "The result shown is the issuer's",
            Self::P36 => "Live at commit",
            Self::P37 => "An approval is what the chip signed",
            Self::P38 => "The shop's terminal and the issuer agree",
            Self::P39 => "An ATC counts once",
            Self::P40 => "Nothing above the limit without a verified holder",
            Self::P41 => "Every time-out at a shop is resolved",
            Self::P42 => "What is lost pays no more",
            Self::P43 => "Only legal lifecycle transitions",
            Self::P44 => "A new phone voids what the old one was asked",
            Self::P45 => "Views converge",
            Self::P46 => "A debit is made on its payer's evidence",
            Self::P47 => "Wrong PINs are bounded, wherever power fails",
            Self::P48 => "A chip does not approve against the issuer",
            Self::P49 => "What the chip said is suspended or deleted does not pay",
            Self::TH1 => "Nobody gets a card in another name",
            Self::TH2 => "No money moves that its owner did not authorise",
            Self::TH3 => "Money is conserved",
            Self::TH4 => "Nothing is left half done",
            Self::TH5 => "What is confidential stays so",
        }
    }
}
