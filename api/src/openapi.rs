//! The API document (OpenAPI 3.1). Handlers describe themselves; what all of a kind have in common,
//! above all the refusals, is added here by rule.

use crate::http::problem::Problem;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        ContentBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

/// The frame of the document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(title = "Sluice", description = "Upload video and audio, play it as HLS."),
    components(schemas(Problem)),
    modifiers(&Schemes),
    tags(
        (name = "auth", description = "Register, log in, stay logged in, recover"),
        (name = "account", description = "One's own account"),
        (name = "media", description = "Upload and manage"),
        (name = "uploads", description = "Resumable uploads: tus 1.0"),
        (name = "access", description = "Who else may play"),
        (name = "playback", description = "Playlists, segments, keys, original bytes"),
        (name = "creators", description = "Creators, subscriptions, the feed"),
        (name = "comments", description = "What people say"),
        (name = "engagement", description = "Likes, views, history"),
        (name = "catalogue", description = "Categories and tags"),
        (name = "library", description = "Playlists and projects"),
        (name = "posts", description = "Posts, Atom, podcasts"),
        (name = "webhooks", description = "Telling other services"),
        (name = "moderation", description = "Reports, decisions, appeals"),
        (name = "admin", description = "For administrators"),
        (name = "health", description = "For operators"),
    )
)]
pub struct Frame;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut Document) {
        let components = api.components.get_or_insert_default();
        let session = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let session = session.description(Some("The access token of a login."));
        components.add_security_scheme("session", SecurityScheme::Http(session.build()));
        let machine = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let machine = machine.description(Some("A token of a machine, with a scope."));
        components.add_security_scheme("api_token", SecurityScheme::Http(machine.build()));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(crate::identity::cookies::ACCESS));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// Adds to every operation the refusals that its form makes possible.
pub fn complete(api: &mut Document) {
    for (path, item) in &mut api.paths.paths {
        for operation in operations(item) {
            // What hashes passwords, sends e-mail or takes in files.
            let places = ["/auth/", "/me/", "/media", "/cover", "/picture", "/captions"];
            let costly = operation.request_body.is_some() && places.iter().any(|p| path.contains(p));
            add_refusals(operation, path.contains('{'), costly);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn add_refusals(operation: &mut Operation, has_path: bool, limited: bool) {
    let mut codes: Vec<(u16, &str)> = vec![(503, "A service that is needed does not answer")];
    if operation.security.as_ref().is_some_and(|s| !s.is_empty()) {
        codes.push((401, "Not logged in, or not any more"));
        codes.push((403, "Logged in, but not allowed"));
    }
    if has_path {
        codes.push((404, "There is nothing, or nothing that you may see"));
    }
    if operation.parameters.as_ref().is_some_and(|p| !p.is_empty()) {
        codes.push((400, "The request could not be read"));
    }
    if operation.request_body.is_some() {
        codes.push((400, "The request could not be read"));
        codes.push((413, "The body is too large"));
        codes.push((415, "The body is of another type"));
        codes.push((422, "Some fields are not valid; `errors` says which"));
    }
    if limited {
        codes.push((429, "Too many requests"));
    }
    for (code, description) in codes {
        operation.responses.responses.entry(code.to_string()).or_insert_with(|| {
            let refusal: Response = ResponseBuilder::new().description(description).build();
            RefOr::T(refusal)
        });
    }
    // Every refusal is a problem document, whoever described it.
    for (code, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && code.as_str() >= "400"
        {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
            response.content.insert("application/problem+json".to_owned(), RefOr::T(content));
        }
    }
}
