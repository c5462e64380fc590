//! The command that plays one test again, alone.

/// What a run was begun with, as far as playing one test again needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// The subject, as it was given.
    pub subject: String,
    /// The reader, where one was given.
    pub reader: Option<String>,
}

impl Again {
    /// The command, quoted for a POSIX shell.
    pub fn command(&self, id: &str) -> String {
        let role = id.split('/').next().unwrap_or_default();
        let mut command = format!("kaika conform --subject {}", word(&self.subject));
        if let Some(reader) = &self.reader {
            command.push_str(" --reader ");
            command.push_str(&word(reader));
        }
        format!("{command} --role {} --only {}", word(role), quoted(id))
    }
}

/// A text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The same, without quotes where none are needed.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}
