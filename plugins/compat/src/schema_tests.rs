//! The schema of profiles and the types that read them tell of the same fields.
use crate::profile::{Bounds, EffortRule, ErrorRule, MessageQuirks, Models, Profile, Quirks, Route};
use lip_plugin::{Value, json, serde_json};

/// What serde accepts in `T`, by its own word.
fn fields_of<T: serde::de::DeserializeOwned + std::fmt::Debug>() -> Vec<String> {
    let told = serde_json::from_value::<T>(json!({"no such field": 0})).unwrap_err().to_string();
    let (_, fields) = told.split_once("expected").unwrap_or_else(|| panic!("{told}"));
    fields.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn schema_of_profiles_knows_what_the_types_know() {
    let schema: Value = serde_json::from_str(include_str!("profile.schema.json")).unwrap();
    for (at, mut fields) in [
        ("", fields_of::<Profile>()),
        ("/properties/models", fields_of::<Models>()),
        ("/properties/errors/items", fields_of::<ErrorRule>()),
        ("/properties/routes/items", fields_of::<Route>()),
        ("/properties/routes/items/properties/quirks", fields_of::<Quirks>()),
        ("/properties/routes/items/properties/quirks/properties/messages", fields_of::<MessageQuirks>()),
        ("/properties/routes/items/properties/quirks/properties/effort/items", fields_of::<EffortRule>()),
        (
            "/properties/routes/items/properties/quirks/properties/clamp/additionalProperties",
            fields_of::<Bounds>(),
        ),
    ] {
        let known = schema.pointer(&format!("{at}/properties")).and_then(Value::as_object).expect(at);
        let mut known: Vec<String> = known.keys().cloned().collect();
        known.sort();
        fields.sort();
        assert_eq!(known, fields, "{at}");
    }
}

mod custom {
    lip_testkit::conformance!(
        crate::Custom,
        lip_testkit::conformance::Sample::DIALECT.configured(r#"{"base_url": "https://server.example/v1"}"#)
    );
}
