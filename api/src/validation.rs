//! What is wrong with the fields of a request, all at once.

use std::borrow::Cow;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// The name of a field, of one in another as `chapters[2].title`; `body` for the whole.
    #[schema(value_type = String)]
    pub field: Cow<'static, str>,
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
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
            self.0.push(FieldError { field: field.into(), message: message.into() });
        }
        self
    }

    /// What was checked elsewhere, or its faults noted beside those that are known.
    pub fn take<T>(&mut self, checked: Result<T, Invalid>) -> Option<T> {
        checked.map_err(|Invalid(faults)| self.0.extend(faults)).ok()
    }

    /// Refuses when there are any.
    pub fn refuse(&mut self) -> Result<(), Invalid> {
        if self.0.is_empty() { Ok(()) } else { Err(Invalid(std::mem::take(&mut self.0))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_were_found_elsewhere_stand_beside_the_others() {
        let mut faults = Faults::default();
        let fine = faults.demand(false, "title", "not empty").take(Ok(7));
        let mut others = Faults::default();
        let other = faults.take(others.demand(false, "tags", "at most 20").refuse());
        assert_eq!((fine, other), (Some(7), None));
        let fields: Vec<_> = faults.refuse().unwrap_err().0.into_iter().map(|f| f.field).collect();
        assert_eq!(fields, ["title", "tags"]);
    }
}
