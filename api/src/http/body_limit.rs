//! How large bodies may be, and what whoever sends more is told.

use axum::{Extension, extract::DefaultBodyLimit};
use tower::{ServiceBuilder, layer::util::Identity, layer::util::Stack};

/// Most bytes of a body on this route.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// Bounds the bodies of routes. An inner layer of this kind counts instead of an outer one.
pub fn at_most(bytes: usize) -> Stack<DefaultBodyLimit, Stack<Extension<BodyLimit>, Identity>> {
    ServiceBuilder::new().layer(Extension(BodyLimit(bytes))).layer(DefaultBodyLimit::max(bytes)).into_inner()
}
