//! Where a request comes from.

use crate::{
    client::Client,
    http::{
        error::{ApiError, HttpError},
        pace::PacedBody,
    },
    state::AppState,
};
use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, header, request::Parts},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Most characters of a User-Agent that are kept.
const AGENT_CHARS: usize = 200;

/// Finds out once who calls, so that everything after it agrees.
pub async fn attach(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let headers = request.headers();
    let trusted = &state.config.http.trusted_proxies;
    let behind = is_trusted(trusted, peer);
    let forwarded_https = headers.get("x-forwarded-proto").is_some_and(|p| p == "https");
    let client = Client {
        address: client_address(trusted, peer, headers),
        agent: text(headers, header::USER_AGENT).chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect(),
        secure: state.config.http.tls.is_some() || (behind && forwarded_https),
    };
    request.extensions_mut().insert(client);
    let idle = state.config.http.idle;
    next.run(request.map(|body| PacedBody::over(body, idle))).await
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// The nearest address that is not a trusted proxy's: everything to its left was written by the client.
pub fn client_address(trusted: &[IpNet], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut address = peer;
    let hops = headers.get_all("x-forwarded-for").into_iter().filter_map(|v| v.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|v| v.split(',')).collect();
    for hop in hops.iter().rev() {
        if !is_trusted(trusted, address) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(next) => address = next.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| HttpError::Internal.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let nets: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let find = |peer: &str, forwarded: &str| {
            let headers = HeaderMap::from_iter([(
                header::HeaderName::from_static("x-forwarded-for"),
                forwarded.parse().unwrap(),
            )]);
            client_address(&nets, peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(find("192.0.2.9", "198.51.100.1"), "192.0.2.9", "not a proxy");
        assert_eq!(find("10.0.0.1", "198.51.100.1"), "198.51.100.1");
        assert_eq!(
            find("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2"),
            "198.51.100.1",
            "what the client wrote is not it"
        );
        assert_eq!(find("10.0.0.1", "rubbish"), "10.0.0.1");
    }
}
