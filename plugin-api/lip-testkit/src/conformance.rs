//! The checks that every connector has to pass. Each is a function of its own and fails with a hint.
mod contract;
mod manifest;
mod passages;
mod subject;
mod upstream;

pub use contract::*;
pub use manifest::*;
pub use passages::*;
pub use subject::{Kit, Sample, Verdict, Wrong};
pub use upstream::*;

/// A check and its name.
pub type Check = (&'static str, fn(&Kit) -> Verdict);

/// Every check, in the order of a report.
pub const CHECKS: &[Check] = &[
    ("manifest_is_valid", manifest_is_valid),
    ("empty_config_creates", empty_config_creates),
    ("odd_config_is_no_panic", odd_config_is_no_panic),
    ("configured_base_url_is_used", configured_base_url_is_used),
    ("answer_reaches_the_client", answer_reaches_the_client),
    ("upstream_errors_reach_the_client", upstream_errors_reach_the_client),
    ("dead_upstream_is_an_error", dead_upstream_is_an_error),
    ("cut_answer_is_not_whole", cut_answer_is_not_whole),
    ("missing_secret_is_an_error", missing_secret_is_an_error),
    ("models_are_listed", models_are_listed),
    ("garbage_is_survived", garbage_is_survived),
    ("unknown_task_is_unsupported", unknown_task_is_unsupported),
    ("cancelling_lets_go", cancelling_lets_go),
    ("secrets_stay_hidden", secrets_stay_hidden),
    ("passages_do_what_turns_do", passages_do_what_turns_do),
];

/// One test per check: `lip_testkit::conformance!(Acme);` inside `#[cfg(test)] mod tests`.
///
/// A connector whose upstream speaks no dialect of LIP says what a good answer looks like:
/// `lip_testkit::conformance!(Odd, lip_testkit::conformance::Sample::new(r#"{"result": "hi"}"#, r#"["m"]"#));`
#[macro_export]
macro_rules! conformance {
    ($connector:ty) => {
        $crate::conformance!($connector, $crate::conformance::Sample::default());
    };
    ($connector:ty, $sample:expr) => {
        mod conformance {
            #[allow(unused_imports, reason = "the type may be named by its path")]
            use super::*;
            $crate::conformance!(@tests $connector, $sample,
                manifest_is_valid
                empty_config_creates
                odd_config_is_no_panic
                configured_base_url_is_used
                answer_reaches_the_client
                upstream_errors_reach_the_client
                dead_upstream_is_an_error
                cut_answer_is_not_whole
                missing_secret_is_an_error
                models_are_listed
                garbage_is_survived
                unknown_task_is_unsupported
                cancelling_lets_go
                secrets_stay_hidden
                passages_do_what_turns_do
            );
        }
    };
    (@tests $connector:ty, $sample:expr, $($check:ident)+) => {$(
        #[test]
        fn $check() {
            if let Err(wrong) = $crate::conformance::$check(&$crate::conformance::Kit::of::<$connector>($sample)) {
                panic!("{wrong}");
            }
        }
    )+};
}
