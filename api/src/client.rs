//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

/// The client's address and program, and whether it came by HTTPS.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: IpAddr,
    /// Its User-Agent.
    pub agent: String,
    pub secure: bool,
}

impl Client {
    /// What limits count: one IPv4 address, or one IPv6 network of 64 bits, which a single
    /// subscriber has whole.
    pub fn subject(&self) -> String {
        match self.address {
            IpAddr::V4(a) => a.to_string(),
            IpAddr::V6(a) => {
                let s = a.segments();
                format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
            }
        }
    }
}

/// Under which URL the client knows the service, without a trailing slash, for what answers it and knows no HTTP.
#[derive(Debug, Clone)]
pub struct ExternalUrl(pub String);

/// Where clients reach the files of media, without trailing slashes.
#[derive(Debug, Clone)]
pub struct MediaBase {
    /// At this service, which decides who may have them.
    pub own: String,
    /// At a CDN in front of it: what is not private.
    pub public: Option<String>,
}

impl MediaBase {
    /// At this service alone.
    pub fn own(own: String) -> Self {
        Self { own, public: None }
    }

    /// Where a media is addressed that everybody who knows it may see, or not.
    pub fn of(&self, is_public: bool) -> &str {
        self.public.as_ref().filter(|_| is_public).unwrap_or(&self.own)
    }
}

/// The first address of what [`Client::subject`] counts as one.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_one_subject() {
        let subject = |a: &str| Client { address: a.parse().unwrap(), agent: String::new(), secure: false }.subject();
        assert_eq!(subject("2001:db8:1:2:3::4"), subject("2001:db8:1:2:ffff::9"));
        assert_ne!(subject("2001:db8:1:2::1"), subject("2001:db8:1:3::1"));
        let first = |a: &str| subscriber(a.parse().unwrap()).to_string();
        assert_eq!(first("2001:db8:1:2:3::4"), "2001:db8:1:2::");
        assert_eq!(first("192.0.2.7"), "192.0.2.7");
    }
}
