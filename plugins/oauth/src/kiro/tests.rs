//! Stories of the connector in the testkit, in front of a scripted Kiro.
use super::Kiro;

mod accounts;
mod answers;
mod logins;
mod refusals;
mod requests;
mod support;

mod contract {
    use super::Kiro;
    use super::support::{said, stream};
    use lip_plugin::json;
    use lip_testkit::conformance::Sample;

    fn sample() -> Sample {
        let answer = stream(&[said("hi"), ("metadataEvent", json!({}))]);
        Sample::binary(Box::leak(answer.into_boxed_slice()), r#"{"models":[{"modelId":"auto"}]}"#)
    }

    lip_testkit::conformance!(Kiro, sample());
}
