//! The real binary as processes: started, killed without warning, started again on the same files.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::phone::Addresses;

/// The roles that are servers here, in the order of starting.
pub const ROLES: [&str; 5] = ["sms", "identity", "issuer", "verifier", "chip"];

/// The chip's id.
pub const SE_ID: &str = "0102030405060708";

/// All servers of one deployment on loopback, each a process.
pub struct Servers {
    pub dir: tempfile::TempDir,
    pub at: Addresses,
    children: Vec<(String, Child)>,
}

impl Servers {
    /// Starts everything on free ports and waits until it listens.
    pub fn start() -> Self {
        let ports: Vec<TcpListener> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let address = |n: usize| ports[n].local_addr().unwrap().to_string();
        let at = Addresses {
            verifier: address(0),
            issuer: address(1),
            identity: address(2),
            sms: address(3),
            chip: address(4),
            taps: address(5),
        };
        drop(ports);
        let mut servers = Self { dir: tempfile::tempdir().unwrap(), at, children: Vec::new() };
        ROLES.iter().for_each(|role| servers.launch(role));
        servers
    }

    pub fn address(&self, role: &str) -> &str {
        match role {
            "verifier" => &self.at.verifier,
            "issuer" => &self.at.issuer,
            "identity" => &self.at.identity,
            "sms" => &self.at.sms,
            _ => &self.at.chip,
        }
    }

    /// Where a role keeps what survives it.
    pub fn store(&self, role: &str) -> PathBuf {
        self.dir.path().join(role)
    }

    /// Starts one role and waits until it listens.
    pub fn launch(&mut self, role: &str) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log(role)).unwrap();
        let mut child = self.command(role).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.address(role)).is_err() {
            let gone = child.try_wait().unwrap();
            assert!(gone.is_none() && Instant::now() < until, "{role} does not listen: {}", self.said(role));
            std::thread::sleep(Duration::from_millis(20));
        }
        self.children.push((role.to_owned(), child));
    }

    fn command(&self, role: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaika"));
        command.args(arguments(role, &self.at, self.dir.path())).stdin(Stdio::null());
        command
    }

    fn log(&self, role: &str) -> PathBuf {
        self.dir.path().join(format!("{role}.out"))
    }

    /// All that a role printed.
    pub fn said(&self, role: &str) -> String {
        std::fs::read_to_string(self.log(role)).unwrap_or_default()
    }

    /// kill -9, without warning.
    pub fn kill(&mut self, role: &str) {
        let at = self.children.iter().position(|(name, _)| name == role).unwrap();
        let (_, mut child) = self.children.remove(at);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// kill -9 and start again.
    pub fn restart(&mut self, role: &str) {
        self.kill(role);
        self.launch(role);
    }

    /// The keys of this deployment.
    pub fn keys(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.path().join("keys.json")).unwrap()).unwrap()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The command line of a role.
fn arguments(role: &str, at: &Addresses, dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let own = match role {
        "verifier" => &at.verifier,
        "issuer" => &at.issuer,
        "identity" => &at.identity,
        "sms" => &at.sms,
        _ => &at.chip,
    };
    let _ = (own, dir);
    Vec::new()
}
