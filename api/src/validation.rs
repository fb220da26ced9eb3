//! What is wrong with the fields of a request, all at once.

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    pub field: &'static str,
    pub message: &'static str,
}

/// Fields that are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Some fields are not valid.")]
pub struct Invalid(pub Vec<FieldError>);

/// All faults at once, by field.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes a fault unless `right`.
    pub fn demand(&mut self, right: bool, field: &'static str, message: &'static str) -> &mut Self {
        if !right {
            self.0.push(FieldError { field, message });
        }
        self
    }

    /// Refuses when there are any.
    pub fn refuse(&mut self) -> Result<(), Invalid> {
        if self.0.is_empty() { Ok(()) } else { Err(Invalid(std::mem::take(&mut self.0))) }
    }
}
