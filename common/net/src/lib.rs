//! HTTP requests to addresses that other people name (SSRF: OWASP API7:2023).
//!
//! Invariants: a connection goes only to an address that was looked at, because the one resolver that
//! connections use hands out nothing else, so a name cannot mean one thing when it is checked and another
//! when it is used; every redirect is a new request under the same rules; no proxy, no cookies.

use ipnet::{IpNet, Ipv4Net};
use reqwest::{
    Client, RequestBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::LOCATION,
    redirect::Policy,
};
pub use reqwest::{
    Response,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use sluice_config::OutboundConfig;
use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use url::Host;

/// Redirects that are followed.
const MOST_REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence.
const QUIET: Duration = Duration::from_secs(30);
const MOST_URL: usize = 2048;

/// Networks that are not the public internet (IANA special-purpose registries).
const SPECIAL: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The address is not one that may be asked; the text is for people.
    #[error("{0}")]
    Refused(&'static str),
    /// It did not answer, or not as HTTP.
    #[error("{0}")]
    Unreachable(String),
}

const NOT_HTTPS: OutboundError = OutboundError::Refused("The address must begin with https://.");
const NOT_A_URL: OutboundError = OutboundError::Refused("This is no address of the web.");
const HAS_PASSWORD: OutboundError = OutboundError::Refused("The address must not hold a name or a password.");
const NOT_PUBLIC: OutboundError = OutboundError::Refused("The address does not lie in the public internet.");
const REDIRECTS: OutboundError = OutboundError::Refused("The address leads on too often.");

/// A client for addresses of others. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outbound {
    client: Client,
    allowed: Arc<[IpNet]>,
}

impl Outbound {
    /// A client as configured. The text is for the operator.
    pub fn new(config: &OutboundConfig) -> Result<Self, String> {
        Self::with_resolver(config, SystemResolver)
    }

    fn with_resolver(config: &OutboundConfig, resolver: impl Lookup) -> Result<Self, String> {
        // The first one counts, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let allowed: Arc<[IpNet]> = config.networks.clone().into();
        let resolver = Guarded { allowed: allowed.clone(), inner: Arc::new(resolver) };
        let mut builder = Client::builder()
            .user_agent(concat!("Sluice/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .no_proxy()
            .https_only(true)
            .connect_timeout(CONNECT)
            .read_timeout(QUIET)
            .dns_resolver(resolver);
        if let Some(file) = &config.ca {
            let pem = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| e.to_string())?;
            builder = builder.tls_certs_merge(certificates);
        }
        Ok(Self { client: builder.build().map_err(|e| e.to_string())?, allowed })
    }

    /// What can be said of an address without asking anybody. Spellings of numbers are normal by then: the
    /// parser reads decimal, octal and hexadecimal IPv4 as browsers do (WHATWG URL section 3.5).
    pub fn check(&self, text: &str) -> Result<Url, OutboundError> {
        if text.len() > MOST_URL {
            return Err(NOT_A_URL);
        }
        let url = Url::parse(text).map_err(|_| NOT_A_URL)?;
        self.check_url(&url)?;
        Ok(url)
    }

    fn check_url(&self, url: &Url) -> Result<(), OutboundError> {
        if url.scheme() != "https" {
            return Err(NOT_HTTPS);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HAS_PASSWORD);
        }
        let literal = match url.host().ok_or(NOT_A_URL)? {
            Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
            Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
            Host::Domain(_) => None,
        };
        if literal.is_some_and(|ip| !may_reach(ip, &self.allowed)) { Err(NOT_PUBLIC) } else { Ok(()) }
    }

    /// Asks for a document, following redirects; each is checked like the first address.
    pub async fn get(&self, url: Url, headers: HeaderMap) -> Result<Response, OutboundError> {
        let mut url = url;
        for _ in 0..=MOST_REDIRECTS {
            self.check_url(&url)?;
            let response = send(self.client.get(url.clone()).headers(headers.clone())).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let to = response.headers().get(LOCATION).and_then(|l| l.to_str().ok());
            url = to.and_then(|l| url.join(l).ok()).ok_or(NOT_A_URL)?;
        }
        Err(REDIRECTS)
    }

    /// Posts a body. Redirects are answers like any other. All must be over within `limit`.
    pub async fn post(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
        limit: Duration,
    ) -> Result<Response, OutboundError> {
        self.check_url(&url)?;
        send(self.client.post(url).headers(headers).body(body).timeout(limit)).await
    }
}

async fn send(request: RequestBuilder) -> Result<Response, OutboundError> {
    request.send().await.map_err(|error| {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if inner.is::<NotPublic>() {
                return NOT_PUBLIC;
            }
            cause = inner.source();
        }
        // Without the address: it may hold a secret.
        OutboundError::Unreachable(error.without_url().to_string())
    })
}

/// Whether a machine at this address may be asked.
fn may_reach(ip: IpAddr, allowed: &[IpNet]) -> bool {
    allowed.iter().any(|net| net.contains(&ip)) || is_public(ip)
}

/// Whether an address lies in the public internet.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !SPECIAL.iter().any(|(net, bits)| Ipv4Net::new(*net, *bits).is_ok_and(|n| n.contains(&v4))),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => is_public_v6(v6),
        },
    }
}

/// Global unicast (2000::/3) without what tunnels, documents and protocols use.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let global = s[0] & 0xe000 == 0x2000;
    let protocol = s[0] == 0x2001 && s[1] < 0x0200;
    let documents = (s[0] == 0x2001 && s[1] == 0x0db8) || (s[0] == 0x3fff && s[1] < 0x1000);
    global && !protocol && !documents && s[0] != 0x2002
}

#[derive(Debug, thiserror::Error)]
#[error("not a public address")]
struct NotPublic;

type Found = Result<Vec<SocketAddr>, std::io::Error>;

/// Finds the addresses of a name.
trait Lookup: Send + Sync + 'static {
    fn lookup(&self, name: &str) -> Found;
}

struct SystemResolver;

impl Lookup for SystemResolver {
    fn lookup(&self, name: &str) -> Found {
        std::net::ToSocketAddrs::to_socket_addrs(&(name, 0)).map(Iterator::collect)
    }
}

/// Hands out addresses only where all of a name may be reached.
struct Guarded<L> {
    allowed: Arc<[IpNet]>,
    inner: Arc<L>,
}

impl<L: Lookup> Resolve for Guarded<L> {
    fn resolve(&self, name: Name) -> Resolving {
        let (inner, allowed) = (self.inner.clone(), self.allowed.clone());
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || inner.lookup(name.as_str())).await??;
            if found.iter().all(|a| may_reach(a.ip(), &allowed)) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(NotPublic.into())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers something else every time.
    struct Changing(Vec<&'static str>, Arc<AtomicUsize>);

    impl Lookup for Changing {
        fn lookup(&self, _: &str) -> Found {
            let n = self.1.fetch_add(1, Ordering::Relaxed);
            match self.0.get(n).copied() {
                None | Some("") => Err(std::io::Error::other("no such name")),
                Some(text) => Ok(text.split(' ').map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()),
            }
        }
    }

    fn outbound(answers: Vec<&'static str>) -> (Outbound, Arc<AtomicUsize>) {
        let config = OutboundConfig::default();
        let asked = Arc::new(AtomicUsize::new(0));
        (Outbound::with_resolver(&config, Changing(answers, asked.clone())).unwrap(), asked)
    }

    #[test]
    fn only_the_public_internet_is_public() {
        for special in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.100.0.1",
            "0.0.0.0",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn spellings_of_private_addresses_are_refused() {
        let (outbound, asked) = outbound(vec![]);
        for bad in [
            "http://example.org/a.mp4",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://169.254.169.254/latest/meta-data/",
            "https://user@example.org/",
            "https://user:secret@example.org/",
            "file:///etc/passwd",
            "ftp://example.org/",
            "//example.org/",
            "example.org",
            "https://",
            "gopher://127.0.0.1:25/",
            "https://0/",
        ] {
            assert!(matches!(outbound.check(bad), Err(OutboundError::Refused(_))), "{bad}");
        }
        assert!(outbound.check("https://example.org/a.mp4").is_ok());
        assert_eq!(asked.load(Ordering::Relaxed), 0, "nobody was asked");
    }

    #[tokio::test]
    async fn a_name_that_changes_its_meaning_is_refused_when_it_is_used() {
        for answers in [
            vec!["127.0.0.1"],
            vec!["10.0.0.1"],
            vec!["1.1.1.1 169.254.169.254"],
            vec!["::1"],
            vec!["::ffff:127.0.0.1"],
        ] {
            let (outbound, _) = outbound(answers.clone());
            let url = outbound.check("https://rebind.example/film.mp4").unwrap();
            let got = outbound.get(url, HeaderMap::new()).await;
            assert!(matches!(got, Err(OutboundError::Refused(_))), "{answers:?}: {got:?}");
        }
        // Without an answer at first, then a private one.
        let (outbound, asked) = outbound(vec!["", "127.0.0.1"]);
        let url = outbound.check("https://late.example/film.mp4").unwrap();
        assert!(matches!(outbound.get(url.clone(), HeaderMap::new()).await, Err(OutboundError::Unreachable(_))));
        assert!(matches!(outbound.get(url, HeaderMap::new()).await, Err(OutboundError::Refused(_))));
        assert_eq!(asked.load(Ordering::Relaxed), 2, "asked once a connection");
    }
}
