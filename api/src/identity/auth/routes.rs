//! Requests and answers of auth.

use super::{
    recovery_service as recovery, service,
    views::{ForgotPassword, LoggedIn, Login, Refresh, Register, ResetPassword, VerifyEmail},
};
use crate::{
    client::Client,
    http::{
        error::ApiError,
        extract::{Body, SameSite},
    },
    identity::{IdentityError, cookies, guards::Person},
    state::AppState,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};

/// The tokens in the body, or in cookies where the client wants them there.
fn logged_in(status: StatusCode, mut answer: LoggedIn, by_cookie: bool) -> Response {
    let mut headers = HeaderMap::new();
    if by_cookie {
        let (access, refresh) = (answer.access_token.take(), answer.refresh_token.take());
        cookies::store(&mut headers, access.unwrap_or_default(), refresh.unwrap_or_default());
    }
    (status, headers, Json(answer)).into_response()
}

/// Register an account and log in.
#[utoipa::path(post, path = "/auth/register", tag = "auth", request_body = Register, responses(
    (status = 201, description = "Registered and logged in", body = LoggedIn),
    (status = 403, description = "The role is not free to choose, or a foreign page asked for cookies"),
    (status = 409, description = "The user name is taken"),
))]
pub async fn register(
    State(state): State<AppState>,
    client: Client,
    site: SameSite,
    Body(body): Body<Register>,
) -> Result<Response, ApiError> {
    let by_cookie = body.cookies;
    if by_cookie {
        site.require()?;
    }
    let answer = service::register(&state, &client, body).await?;
    Ok(logged_in(StatusCode::CREATED, answer, by_cookie))
}

/// Log in by user name or e-mail address.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, responses(
    (status = 200, description = "Logged in", body = LoggedIn),
    (status = 401, description = "The name or the password is wrong"),
    (status = 403, description = "A foreign page asked for cookies"),
))]
pub async fn login(
    State(state): State<AppState>,
    client: Client,
    site: SameSite,
    Body(body): Body<Login>,
) -> Result<Response, ApiError> {
    let by_cookie = body.cookies;
    // Logging somebody in as somebody else is forgery too.
    if by_cookie {
        site.require()?;
    }
    let answer = service::login(&state, &client, body).await?;
    Ok(logged_in(StatusCode::OK, answer, by_cookie))
}

/// Exchange a refresh token for a new pair of tokens.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses(
    (status = 200, description = "Both tokens are new", body = LoggedIn),
    (status = 401, description = "The token is unknown, spent, expired or revoked"),
    (status = 403, description = "A foreign page sent the cookie"),
))]
pub async fn refresh(
    State(state): State<AppState>,
    client: Client,
    site: SameSite,
    headers: HeaderMap,
    Body(body): Body<Refresh>,
) -> Result<Response, ApiError> {
    if let Some(token) = body.refresh_token {
        let answer = service::refresh(&state, &client, &token).await?;
        return Ok(logged_in(StatusCode::OK, answer, false));
    }
    let token = cookies::get(&headers, cookies::REFRESH).ok_or(IdentityError::Unauthenticated)?;
    site.require()?;
    let answer = service::refresh(&state, &client, &token).await?;
    Ok(logged_in(StatusCode::OK, answer, true))
}

/// End this session.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", security(("session" = [])), responses(
    (status = 204, description = "Ended; its tokens are worthless at once"),
))]
pub async fn logout(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
) -> Result<Response, ApiError> {
    service::logout(&state, &client, &viewer).await?;
    Ok(gone())
}

/// End all sessions of the account.
#[utoipa::path(post, path = "/auth/logout-everywhere", tag = "auth", security(("session" = [])), responses(
    (status = 204, description = "All ended"),
))]
pub async fn logout_everywhere(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
) -> Result<Response, ApiError> {
    service::logout_everywhere(&state, &client, &viewer).await?;
    Ok(gone())
}

fn gone() -> Response {
    let mut headers = HeaderMap::new();
    cookies::clear(&mut headers);
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// Ask for an e-mail that sets a new password. The answer is the same whoever has the address.
#[utoipa::path(post, path = "/auth/forgot-password", tag = "auth", request_body = ForgotPassword, responses(
    (status = 202, description = "If somebody has this address, an e-mail is on its way"),
))]
pub async fn forgot_password(
    State(state): State<AppState>,
    client: Client,
    Body(body): Body<ForgotPassword>,
) -> Result<StatusCode, ApiError> {
    recovery::forgot_password(&state, &client, body.email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password with the code of an e-mail. All sessions end.
#[utoipa::path(post, path = "/auth/reset-password", tag = "auth", request_body = ResetPassword, responses(
    (status = 204, description = "Set"),
))]
pub async fn reset_password(
    State(state): State<AppState>,
    client: Client,
    Body(body): Body<ResetPassword>,
) -> Result<StatusCode, ApiError> {
    recovery::reset_password(&state, &client, &body.token, body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Prove an e-mail address with the code that was sent to it.
#[utoipa::path(post, path = "/auth/verify-email", tag = "auth", request_body = VerifyEmail, responses(
    (status = 204, description = "Proved"),
))]
pub async fn verify_email(
    State(state): State<AppState>,
    client: Client,
    Body(body): Body<VerifyEmail>,
) -> Result<StatusCode, ApiError> {
    recovery::verify_email(&state, &client, &body.token).await?;
    Ok(StatusCode::NO_CONTENT)
}
