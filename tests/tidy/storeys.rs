//! The API in four storeys: arrows point down, and services know no HTTP.

use crate::{
    code::{File, offenders, planted, read},
    imports::{Imports, paths},
};

/// What lies below what; everything else is the roof, which may see all.
const FLOORS: &[&[&str]] = &[
    &["client", "paging", "text", "validation"],
    &["state"],
    &["error"],
    &["http"],
    &["identity"],
    &["pipeline"],
    &["platform"],
];
/// Files beside the routes that read or write HTTP.
const HTTP_FILES: &[&str] = &[
    "api/src/identity/cookies.rs",
    "api/src/identity/guards.rs",
    "api/src/pipeline/playback/bytes_response.rs",
    "api/src/pipeline/uploads/tus.rs",
    "api/src/platform/pictures/body.rs",
];
/// What the platform may see of the pipeline.
const SEEN_OF_PIPELINE: &[&str] = &["pipeline::media::service", "pipeline::media::views"];

fn floor(module: &str) -> usize {
    let first = module.split("::").next().unwrap_or_default();
    FLOORS.iter().position(|f| f.contains(&first)).unwrap_or(FLOORS.len())
}

fn cycles(files: &[File]) -> Vec<String> {
    let imports = Imports::of(files);
    [1, 2, usize::MAX].iter().flat_map(|depth| imports.folded(*depth).cycles()).collect()
}

/// Imports of a storey from one above it.
fn climbing(files: &[File]) -> Vec<String> {
    let imports = Imports::of(files).folded(1);
    let edges = imports.edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    edges.filter(|(from, to)| floor(from) < floor(to)).map(|(from, to)| format!("{from} -> {to}")).collect()
}

/// What of the pipeline the platform sees too much.
fn too_curious(files: &[File]) -> Vec<String> {
    let imports = Imports::of(files);
    let platform = imports.edges.iter().filter(|(from, _)| from.starts_with("platform"));
    let edges = platform.flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
    let seen = |to: &String| to.starts_with("pipeline") && !SEEN_OF_PIPELINE.contains(&to.as_str());
    edges.filter(|(_, to)| seen(to)).map(|(from, to)| format!("{from} -> {to}")).collect()
}

fn is_service(file: &File) -> bool {
    let name = file.name.as_str();
    let storey = ["state", "identity", "pipeline", "platform"];
    let inside = storey.iter().any(|s| name.starts_with(&format!("api/src/{s}/")));
    let below = FLOORS[0].iter().chain(FLOORS[2]).any(|m| name == format!("api/src/{m}.rs"));
    (inside && !name.ends_with("routes.rs") && !HTTP_FILES.contains(&name)) || below
}

/// Services that know HTTP.
fn http_in_services(files: &[File]) -> Vec<String> {
    let services: Vec<File> = files.iter().filter(|f| is_service(f)).cloned().collect();
    let mut bad = offenders(&services, &["axum", "StatusCode", "HttpError", "ApiError"], &[]);
    for file in &services {
        let http = paths(file).into_iter().filter(|p| p.first().is_some_and(|s| s == "crate"));
        let http = http.filter(|p| p.get(1).is_some_and(|s| s == "http"));
        bad.extend(http.map(|p| format!("{}: {}", file.name, p.join("::"))));
    }
    bad
}

/// Routes that ask the database or the store themselves.
fn storage_in_routes(files: &[File]) -> Vec<String> {
    let routes: Vec<File> = files.iter().filter(|f| f.name.ends_with("routes.rs")).cloned().collect();
    offenders(&routes, &["state.db", "state.store", ".db.", "state.limits"], &[])
}

#[test]
fn no_modules_import_each_other() {
    assert_eq!(cycles(&read(&["api/src"])), [] as [String; 0]);
    let plant = |a: &str, b: &str| {
        let mut files = planted("api/src/identity/auth/service.rs", a);
        files.extend(planted("api/src/identity/account/service.rs", b));
        files.extend(planted("api/src/identity/account/views.rs", "pub struct View;"));
        files
    };
    let by_crate = "use crate::{\n    identity::{\n        account::service,\n    },\n};";
    assert!(!cycles(&plant(by_crate, "use super::super::auth::service as other;")).is_empty(), "files");
    assert!(
        !cycles(&plant("fn f() { crate::identity::account::service::f() }", "use crate::identity::auth::service;"))
            .is_empty()
    );
    let folders = plant("use crate::identity::account::views::View;", "use crate::identity::auth::service::f;");
    assert!(!cycles(&folders).is_empty(), "folders, though no files");
    assert_eq!(cycles(&plant(by_crate, "use super::views::View;")), [] as [String; 0]);
    let folder = |text: &str| {
        let mut files = planted("api/src/state/mod.rs", text);
        files.extend(planted("api/src/state/keys.rs", "use crate::state::AppState;"));
        files
    };
    assert!(!cycles(&folder("mod keys;\npub use keys::Keys;")).is_empty(), "a folder that gives on what needs it");
}

#[test]
fn storeys_see_what_is_below_them() {
    assert_eq!(climbing(&read(&["api/src"])), [] as [String; 0]);
    let mut files = planted("api/src/identity/guards.rs", "use crate::{pipeline::media::service as media, text};");
    files.extend(planted("api/src/pipeline/media/service.rs", ""));
    files.extend(planted("api/src/text.rs", ""));
    assert_eq!(climbing(&files), ["identity -> pipeline"]);
}

#[test]
fn the_platform_sees_the_media_of_the_pipeline_alone() {
    assert_eq!(too_curious(&read(&["api/src"])), [] as [String; 0]);
    let mut files = planted("api/src/platform/feed/routes.rs", "use crate::pipeline::media::{routes, views::Media};");
    files.extend(planted("api/src/pipeline/media/routes.rs", ""));
    files.extend(planted("api/src/pipeline/media/views.rs", ""));
    assert_eq!(too_curious(&files), ["platform::feed::routes -> pipeline::media::routes"]);
}

#[test]
fn services_know_no_http() {
    let files = read(&["api/src"]);
    assert!(files.iter().filter(|f| is_service(f)).count() > 80);
    assert_eq!(http_in_services(&files), [] as [String; 0]);
    for bad in ["use axum::body::Body;", "use crate::http::base_url::BaseUrl;", "fn f() -> StatusCode {}"] {
        assert_eq!(http_in_services(&planted("api/src/platform/feed/service.rs", bad)).len(), 1, "{bad}");
    }
}

#[test]
fn routes_ask_services() {
    assert_eq!(storage_in_routes(&read(&["api/src"])), [] as [String; 0]);
    let bad = "let row = state.db.users().find(id).await?;";
    assert_eq!(storage_in_routes(&planted("api/src/identity/account/routes.rs", bad)).len(), 1);
}
