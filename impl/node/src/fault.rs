//! What can go wrong in the world, as opposed to what a peer may be refused: disks, sockets, files.

use std::path::{Path, PathBuf};

/// A fault of the world around the cores. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(String),
    /// Another process holds a file that only one may hold.
    #[error("{0} is in use by another process; stop that one or give another directory")]
    InUse(PathBuf),
    /// A file or directory could not be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path}: {problem}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A socket could not be opened or broke.
    #[error("{what}: {source}")]
    Net {
        /// Doing what, with which address.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// What was chosen does not fit.
    #[error("{0}")]
    Setting(String),
    /// A peer did not answer as it must.
    #[error("{0}")]
    Peer(String),
    /// The part that should have answered has stopped.
    #[error("{0} has stopped")]
    Stopped(&'static str),
}

impl Fault {
    /// A fault with a file.
    pub fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// A file with wrong content.
    pub fn content(path: &Path, problem: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    /// A fault with a socket.
    pub fn net(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Net {
            what: what.into(),
            source,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.to_string())
    }
}
