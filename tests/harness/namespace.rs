//! A network of its own for one process, which can be unplugged: packets are lost, nobody is told.

use std::{net::Ipv4Addr, path::Path, process::Command};
use uuid::Uuid;

/// A network namespace with one cable to this machine; gone with this.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    cable: String,
    host: Ipv4Addr,
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|o| o.status.success())
}

impl Namespace {
    /// Makes one. `None`, with a word on standard error, where none may be made.
    pub fn make() -> Option<Self> {
        let id = Uuid::new_v4();
        let [a, b, ..] = *id.as_bytes();
        let unique = &id.simple().to_string()[..9];
        let made = Self {
            name: format!("sluice-{unique}"),
            cable: format!("slh{unique}"),
            host: Ipv4Addr::new(10, 201, a, (b & !3) | 1),
        };
        let inside = format!("sln{unique}");
        let [at_host, at_guest] = [0, 1].map(|n| format!("{}/30", Ipv4Addr::from_bits(made.host.to_bits() + n)));
        let (name, cable) = (made.name.as_str(), made.cable.as_str());
        let done = ip(&["netns", "add", name])
            && ip(&["link", "add", cable, "type", "veth", "peer", "name", &inside, "netns", name])
            && ip(&["addr", "add", &at_host, "dev", cable])
            && ip(&["link", "set", cable, "up"])
            && ip(&["-n", name, "addr", "add", &at_guest, "dev", &inside])
            && ip(&["-n", name, "link", "set", &inside, "up"])
            && ip(&["-n", name, "link", "set", "lo", "up"]);
        if !done {
            eprintln!("SKIPPED: a process without a network needs a network namespace, which takes root");
            return None;
        }
        Some(made)
    }

    /// What this machine is called inside.
    pub fn host(&self) -> Ipv4Addr {
        self.host
    }

    /// What whoever is inside is called from here.
    pub fn guest(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.host.to_bits() + 1)
    }

    /// The command that runs a program inside.
    pub fn command<'a>(&self, program: &'a Path, arguments: &[&'a str]) -> Vec<String> {
        let net = format!("--net=/run/netns/{}", self.name);
        let program = program.to_str().unwrap();
        ["nsenter", &net, program].iter().chain(arguments).map(|a| (*a).to_owned()).collect()
    }

    /// Pulls the plug.
    pub fn unplug(&self) {
        assert!(ip(&["link", "set", &self.cable, "down"]));
    }

    /// Puts it in again.
    pub fn plug_in(&self) {
        assert!(ip(&["link", "set", &self.cable, "up"]));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        ip(&["netns", "del", &self.name]);
        ip(&["link", "del", &self.cable]);
    }
}
