//! What people and programs see of this crate, as whole texts: the table of errors, the API document, the help. And
//! that what an operation's guard lets pass is what the document says of it.

use crate::{
    Cli,
    error::{Code, Refusal},
    http::error::{ApiError, HttpError, RangeNotSatisfiable},
    identity::{IdentityError, guards},
    pipeline::{media::service::MediaError, playback::PlaybackError, quota::QuotaError, uploads::UploadError},
    platform::PlatformError,
    router,
    state::RateLimitStatus,
};
use clap::CommandFactory;
use sluice_config::Limit;
use sluice_model::{RateLimit, Scope};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

fn told<E: Refusal>(errors: Vec<E>) -> Vec<ApiError> {
    errors.into_iter().map(ApiError::from).collect()
}

/// One of each refusal.
fn refusals() -> Vec<ApiError> {
    let status =
        RateLimitStatus { name: RateLimit::Login, limit: Limit { count: 1, seconds: 2 }, remaining: 0, reset_s: 7 };
    let mut all = told(vec![
        HttpError::NotFound,
        HttpError::Forbidden,
        HttpError::BadRequest("its form".to_owned()),
        HttpError::Invalid(Vec::new()),
        HttpError::TooLarge(7),
        HttpError::TooMany("things"),
        HttpError::UploadCut,
        HttpError::RateLimited(status),
        HttpError::Busy,
        HttpError::StoreFull,
        HttpError::Unavailable,
        HttpError::Internal,
        HttpError::CrossSite,
        HttpError::MethodNotAllowed,
        HttpError::NotAChunk,
        HttpError::NotJson,
        HttpError::NotMultipart,
        HttpError::Overloaded,
        HttpError::TusVersion,
        HttpError::VersionMissing,
    ]);
    all.extend(told(vec![RangeNotSatisfiable(7)]));
    all.extend(told(vec![
        IdentityError::AlreadyCreator,
        IdentityError::AlreadyDecided,
        IdentityError::BadCredentials,
        IdentityError::Banned,
        IdentityError::InsufficientScope,
        IdentityError::InvalidCode,
        IdentityError::LastAdmin,
        IdentityError::LinkEnded,
        IdentityError::OriginNotAllowed,
        IdentityError::RequestPending,
        IdentityError::Taken("The user name"),
        IdentityError::Unauthenticated,
        IdentityError::ViewsExhausted,
        IdentityError::WrongPassword,
    ]));
    all.extend(told(vec![QuotaError::QuotaExceeded("things"), IdentityError::Unauthenticated.into()]));
    all.extend(told(vec![
        MediaError::NoOriginal,
        MediaError::NoPicture,
        MediaError::NotFailed,
        MediaError::NotPlayable,
        MediaError::NotReady,
        MediaError::NotStoppable,
    ]));
    all.extend(told(vec![PlaybackError::Media(MediaError::NotPlayable)]));
    all.extend(told(vec![
        UploadError::BadSignature,
        UploadError::ChecksumMismatch,
        UploadError::EmptyFile,
        UploadError::MissingFile,
        UploadError::OffsetMismatch(7),
        UploadError::PartExists,
        UploadError::PartsMissing(7),
        UploadError::TakenOver,
        UploadError::TypeMismatch,
        UploadError::UnsupportedType("The file is text. Accepted are MP4 and others.".into()),
        UploadError::UploadComplete,
        UploadError::UploadExpired,
        UploadError::UploadInterrupted,
    ]));
    all.extend(told(vec![
        PlatformError::AlreadyDecided,
        PlatformError::BrokenPicture,
        PlatformError::FormatNotSupported,
        PlatformError::UnsupportedPicture,
        PlatformError::VersionMismatch(7),
    ]));
    all
}

#[test]
fn every_code_has_one_status_and_one_sentence() {
    let mut table: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for refusal in refusals() {
        let status = crate::http::error::status(refusal.code).as_u16();
        table.entry(refusal.code.as_str()).or_default().insert(format!("{status} {}", refusal.message));
    }
    let missing: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).filter(|c| !table.contains_key(c)).collect();
    assert!(missing.is_empty(), "no refusal has the codes {missing:?}");
    let lines = table.iter().flat_map(|(code, told)| told.iter().map(move |t| format!("{code:24}{t}")));
    insta::assert_snapshot!("errors", lines.collect::<Vec<_>>().join("\n"));
    let several: Vec<_> = table.iter().filter(|(_, told)| told.len() > 1).collect();
    assert!(several.is_empty(), "{several:?}");
}

#[test]
fn the_api_document() {
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&router::describe()).unwrap());
}

#[test]
fn the_help() {
    insta::assert_snapshot!("help", Cli::command().term_width(100).render_help());
}

/// Scopes as the document names them: `admin` is everything, so it is named only where nothing less suffices.
fn named(scopes: &[Scope]) -> Vec<String> {
    let less: Vec<String> = scopes.iter().filter(|s| **s != Scope::Admin).map(Scope::to_string).collect();
    if less.is_empty() { scopes.iter().map(Scope::to_string).collect() } else { less }
}

/// What the document says of an operation behind a guard: whether anybody may ask, and the scopes of a machine, if
/// one may.
fn expected(guard: &str) -> (bool, Option<Vec<String>>) {
    let scopes = |s: &[Scope]| (!s.is_empty()).then(|| named(s));
    match guard {
        "Reader" => (false, scopes(guards::Reader::SCOPES)),
        "Uploader" => (false, scopes(guards::Uploader::SCOPES)),
        "Actor" => (false, scopes(guards::Actor::SCOPES)),
        "Admin" => (false, scopes(guards::Admin::SCOPES)),
        "Person" => (false, scopes(guards::Person::SCOPES)),
        "Follower" => (true, scopes(guards::Follower::SCOPES)),
        "Player" => (true, scopes(guards::Player::SCOPES)),
        other => panic!("{other} is no guard"),
    }
}

/// Operations with the guard in the signature of their handler, as `get /path`, read from the code.
fn guarded(folder: &Path, found: &mut BTreeMap<String, Option<String>>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            guarded(&path, found);
        } else if path.file_name().is_some_and(|n| n.to_string_lossy().ends_with("routes.rs")) {
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("#[utoipa::path(").skip(1) {
                let method = part.split(',').next().unwrap().trim();
                let route = part.split("path = \"").nth(1).unwrap().split('"').next().unwrap();
                let signature = part.split("pub async fn ").nth(1).unwrap().split("\n}").next().unwrap();
                let signature = signature.split(") -> ").next().unwrap();
                let names = ["Reader", "Uploader", "Actor", "Admin", "Person", "Follower", "Player"];
                let mut guards = names.iter().filter(|g| {
                    let typed = format!(": {g}");
                    signature.split(',').any(|a| a.trim_end_matches([')', '\n', ' ']).ends_with(&typed))
                });
                let guard = guards.next().map(|g| (*g).to_owned());
                assert!(guards.next().is_none(), "{method} {route} has two guards");
                found.insert(format!("{method} {route}"), guard);
            }
        }
    }
}

#[test]
fn the_document_names_the_scopes_of_the_guards() {
    let mut found = BTreeMap::new();
    guarded(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let document = serde_json::to_value(router::describe()).unwrap();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let short = path.strip_prefix("/api/v1").unwrap_or(path);
            let Some(guard) = found.get(&format!("{method} {short}")) else { continue };
            seen += 1;
            let said = operation["security"].as_array().cloned().unwrap_or_default();
            let anybody = said.is_empty() || said.iter().any(|s| s.as_object().unwrap().is_empty());
            let machine = said.iter().find_map(|s| s.get("api_token")).map(|scopes| {
                scopes.as_array().unwrap().iter().map(|s| s.as_str().unwrap().to_owned()).collect::<Vec<_>>()
            });
            // A token in the path is all that is asked for.
            let by_path = path.contains("{token}");
            let right = match guard {
                None => (true, None),
                Some(_) if by_path => (true, None),
                Some(guard) => expected(guard),
            };
            if (anybody, machine.clone()) != right {
                wrong.push(format!("{method} {path} ({guard:?}): {anybody} {machine:?} instead of {right:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // `/health`, `/ready` and the document itself are no routes.rs.
    assert_eq!(seen, found.len());
}

/// Names of the types that describe themselves for the document, read from the code.
fn schemas(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            schemas(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("surface.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("ToSchema)]").skip(1) {
                let kinds = ["pub struct ", "pub enum "].iter().filter_map(|k| part.find(k).map(|at| at + k.len()));
                let at = kinds.min().unwrap();
                found.push(part[at..].chars().take_while(|c| c.is_alphanumeric()).collect());
            }
        }
    }
}

/// Generators of clients name functions and types after them, and of two with one name they keep one.
#[test]
fn operations_and_schemas_have_names_of_their_own() {
    let document = serde_json::to_value(router::describe()).unwrap();
    let operations = document["paths"].as_object().unwrap().values().flat_map(|i| i.as_object().unwrap().values());
    let mut names: Vec<String> = operations.map(|o| o["operationId"].as_str().unwrap().to_owned()).collect();
    schemas(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    assert!(names.len() > 200, "{} were found", names.len());
    let mut seen = BTreeSet::new();
    let twice: Vec<&String> = names.iter().filter(|n| !seen.insert(n.as_str())).collect();
    assert!(twice.is_empty(), "stand twice: {twice:?}");
}
