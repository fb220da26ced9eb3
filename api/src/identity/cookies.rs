//! Tokens as cookies, for web pages: no script can read them, and no other host can set them.

use crate::state::{ACCESS_S, SESSION_S};
use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

/// Name of the access token's cookie. The prefix binds it to this host over HTTPS (RFC 6265bis).
pub const ACCESS: &str = "__Host-sluice_access";
/// Name of the refresh token's cookie.
pub const REFRESH: &str = "__Host-sluice_refresh";

fn cookie(name: &'static str, value: String, seconds: i64) -> Cookie<'static> {
    let mut cookie = Cookie::new(name, value);
    cookie.set_path("/");
    cookie.set_secure(true);
    cookie.set_http_only(true);
    // A link from elsewhere may open a private page; nothing that changes anything is a GET.
    cookie.set_same_site(if name == ACCESS { SameSite::Lax } else { SameSite::Strict });
    cookie.set_max_age(Duration::seconds(seconds));
    cookie
}

/// The value of a cookie of ours.
pub fn get(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    let mut cookies = lines.flat_map(Cookie::split_parse).flatten();
    cookies.find(|c| c.name() == name).map(|c| c.value().to_owned())
}

fn set(headers: &mut HeaderMap, cookie: &Cookie<'_>) {
    if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Puts the tokens of a login into cookies.
pub fn store(headers: &mut HeaderMap, access: String, refresh: String) {
    set(headers, &cookie(ACCESS, access, ACCESS_S));
    set(headers, &cookie(REFRESH, refresh, SESSION_S));
}

/// Forgets them.
pub fn clear(headers: &mut HeaderMap) {
    set(headers, &cookie(ACCESS, String::new(), 0));
    set(headers, &cookie(REFRESH, String::new(), 0));
}
