//! The command that plays one test again, alone, with the same made-up values.

use std::fmt::Write as _;

/// What a run was begun with, as far as playing one test again needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// The subject, as it was given.
    pub subject: String,
    /// What everything that is made up comes from.
    pub seed: u64,
    /// The reader, where one was given.
    pub reader: Option<String>,
}

impl Again {
    /// The command, quoted for a POSIX shell.
    pub fn command(&self, id: &str) -> String {
        let mut command = format!("kaika conform --subject {}", quoted(&self.subject));
        if let Some(reader) = &self.reader {
            let _ = write!(command, " --role chip --reader {}", quoted(reader));
        }
        let only = format!("={id}");
        let _ = write!(
            command,
            " --tier all --only {} --seed {}",
            quoted(&only),
            self.seed
        );
        command
    }
}

/// A word of a shell. A NUL, which no argument can hold, is left out.
fn quoted(word: &str) -> String {
    let word = word.replace('\0', "");
    shlex::try_quote(&word).map_or_else(|_| word.clone(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_quoted_and_whole() {
        let again = Again {
            subject: "my subject's.json".to_owned(),
            seed: 7,
            reader: None,
        };
        assert_eq!(
            again.command("issuer/pay/have(late) > pay($x)"),
            r#"kaika conform --subject "my subject's.json" --tier all --only '=issuer/pay/have(late) > pay($x)' --seed 7"#
        );
    }
}
