//! Every fault of a JSON body at once, by field: serde stops at the first one, so a body that it refuses is compared with
//! the schema of its type, the one that the API document shows.

use crate::validation::FieldError;
use serde_json::{Map, Value};
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Faults that are told at most: an answer is no longer than what was sent by much.
const MOST: usize = 50;

/// What of a body does not fit the schema of `T`. Nothing that a client wrote is repeated: it may be a secret in the
/// wrong place.
pub fn faults<T: ToSchema>(body: &Value) -> Vec<FieldError> {
    let mut referred = Vec::new();
    T::schemas(&mut referred);
    let named = referred.into_iter().filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)));
    let mut check = Check { named: named.collect(), found: Vec::new() };
    if let Ok(schema) = serde_json::to_value(T::schema()) {
        check.value(&schema, body, "");
    }
    check.found
}

struct Check {
    named: HashMap<String, Value>,
    found: Vec<FieldError>,
}

impl Check {
    fn note(&mut self, path: &str, message: impl Into<String>) {
        if self.found.len() < MOST {
            let field = if path.is_empty() { "body" } else { path };
            self.found.push(FieldError { field: field.to_owned().into(), message: message.into().into() });
        }
    }

    /// Notes how a value at `path` differs from a schema.
    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.rsplit('/').next()) {
            if let Some(schema) = self.named.get(name).cloned() {
                self.value(&schema, value, path);
            }
            return;
        }
        for part in list(schema, "allOf") {
            self.value(part, value, path);
        }
        let choices: Vec<&Value> = list(schema, "oneOf").iter().chain(list(schema, "anyOf")).collect();
        if !choices.is_empty() {
            return self.choice(&choices, value, path);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|t| is(t, value)) {
            let what: Vec<&str> = types.iter().filter(|t| **t != "null").map(|t| called(t)).collect();
            return self.note(path, what.join(" or "));
        }
        let words = list(schema, "enum");
        if !words.is_empty() && !value.is_null() && !words.contains(value) {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            return self.note(path, words.join(" or "));
        }
        match value {
            Value::String(text) => self.text(schema, text, path),
            Value::Number(number) => self.number(schema, number.as_f64().unwrap_or(0.0), path),
            Value::Array(items) => self.items(schema, items, path),
            Value::Object(fields) => self.fields(schema, fields, path),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// One of several schemas; of a single one that is no `null`, its own faults.
    fn choice(&mut self, choices: &[&Value], value: &Value, path: &str) {
        let is_null = |c: &&&Value| types(c) == ["null"];
        if value.is_null() && choices.iter().any(|c| is_null(&c)) {
            return;
        }
        let real: Vec<&&Value> = choices.iter().filter(|c| !is_null(c)).collect();
        if let [only] = real.as_slice() {
            return self.value(only, value, path);
        }
        let before = self.found.len();
        for choice in &real {
            self.value(choice, value, path);
            if self.found.len() == before {
                return;
            }
            self.found.truncate(before);
        }
        self.note(path, "is of none of the forms that it may have");
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let (least, most) = (number(schema, "minLength"), number(schema, "maxLength"));
        self.bounds(least, most, text.chars().count() as f64, "characters", path);
        if schema.get("format").and_then(Value::as_str) == Some("uuid") && Uuid::try_parse(text).is_err() {
            self.note(path, "a UUID");
        }
    }

    fn number(&mut self, schema: &Value, value: f64, path: &str) {
        self.bounds(number(schema, "minimum"), number(schema, "maximum"), value, "", path);
    }

    fn items(&mut self, schema: &Value, items: &[Value], path: &str) {
        self.bounds(number(schema, "minItems"), number(schema, "maxItems"), items.len() as f64, "items", path);
        let Some(of) = schema.get("items") else { return };
        for (n, item) in items.iter().enumerate() {
            if self.found.len() >= MOST {
                return;
            }
            self.value(of, item, &format!("{path}[{n}]"));
        }
    }

    fn fields(&mut self, schema: &Value, fields: &Map<String, Value>, path: &str) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for name in list(schema, "required").iter().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                self.note(&below(name), "is missing");
            }
        }
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
        for (name, schema) in known {
            if let Some(value) = fields.get(name) {
                self.value(schema, value, &below(name));
            }
        }
        let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        if closed && fields.keys().any(|name| !known.contains_key(name)) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            self.note(path, format!("has an unknown field; there are {}", names.join(", ")));
        }
    }

    fn bounds(&mut self, least: Option<f64>, most: Option<f64>, value: f64, unit: &str, path: &str) {
        if least.is_none_or(|l| value >= l) && most.is_none_or(|m| value <= m) {
            return;
        }
        let said = match (least, most) {
            (Some(least), Some(most)) => format!("{least} to {most} {unit}"),
            (None, Some(most)) => format!("at most {most} {unit}"),
            (Some(least), None) => format!("at least {least} {unit}"),
            (None, None) => return,
        };
        self.note(path, said.trim_end());
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn number(schema: &Value, key: &str) -> Option<f64> {
    schema.get(key).and_then(Value::as_f64)
}

/// JSON Schema names one type or several.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// A type for people.
fn called(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(ToSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "its schema is all that is asked for")]
    pub struct FaultyFilm {
        #[schema(min_length = 1, max_length = 5)]
        title: String,
        year: i64,
        kind: Option<FaultyKind>,
        #[serde(default)]
        scenes: Vec<FaultyScene>,
    }

    #[derive(ToSchema)]
    #[serde(rename_all = "snake_case")]
    #[allow(dead_code, reason = "its schema is all that is asked for")]
    pub enum FaultyKind {
        Short,
        Long,
    }

    #[derive(ToSchema)]
    #[allow(dead_code, reason = "its schema is all that is asked for")]
    pub struct FaultyScene {
        #[schema(format = Uuid)]
        id: String,
        #[schema(minimum = 0)]
        at_ms: i64,
    }

    fn found(body: &Value) -> Vec<String> {
        faults::<FaultyFilm>(body).iter().map(|f| format!("{}: {}", f.field, f.message)).collect()
    }

    #[test]
    fn every_fault_is_named_at_once() {
        assert_eq!(found(&json!({ "title": "Metro", "year": 1927, "kind": null })), [] as [&str; 0]);
        assert_eq!(found(&json!({})), ["title: is missing", "year: is missing"]);
        assert_eq!(found(&json!([])), ["body: an object"]);
        let odd = json!({ "title": "Metropolis", "year": "hunter2", "kind": "hunter2", "hunter2": 1,
            "scenes": [{ "id": "hunter2", "at_ms": -1 }, { "id": Uuid::nil(), "at_ms": 1.5 }] });
        assert_eq!(
            found(&odd),
            [
                "kind: short or long",
                "scenes[0].at_ms: at least 0",
                "scenes[0].id: a UUID",
                "scenes[1].at_ms: a whole number",
                "title: 1 to 5 characters",
                "year: a whole number",
                "body: has an unknown field; there are kind, scenes, title, year",
            ]
        );
    }

    #[test]
    fn what_is_told_is_bounded() {
        let scenes: Vec<Value> = (0..10_000).map(|_| json!(1)).collect();
        assert_eq!(found(&json!({ "title": "M", "year": 1931, "scenes": scenes })).len(), MOST);
    }
}
