//! Why something about accounts, sessions and tokens is refused.

use crate::error::domain_error;

domain_error! {
    /// A refusal of the storey `identity`.
    IdentityError {
        AlreadyCreator = "You are a creator already.",
        AlreadyDecided = "This was decided already.",
        BadCredentials = "The user name or the password is wrong. An e-mail address works once it is confirmed.",
        Banned = "Your account was banned; /me/moderation says why.",
        InsufficientScope = "This token's scopes do not cover this.",
        InvalidCode = "The token is wrong, used or expired.",
        LastAdmin = "Somebody must stay administrator.",
        LinkEnded = "This link is not valid, or not any more.",
        OriginNotAllowed = "This link does not work on this page.",
        RequestPending = "Your request is waiting for an answer already.",
        Taken(&'static str) = "{0} is already taken.",
        Unauthenticated = "You are not logged in, or the token is not valid any more.",
        ViewsExhausted = "This link has been opened as often as it may be.",
        WrongPassword = "The password is wrong.",
    }
    from {}
}
