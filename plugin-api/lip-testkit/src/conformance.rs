//! The checks that every connector has to pass. Each is a function of its own and fails with a hint.
mod create;
mod effects;
mod life;
mod manifest;
mod passages;
mod samples;
mod secrets;
mod subject;
mod table;
mod tasks;
mod turn;
mod upstream;

pub use create::*;
pub use effects::*;
pub use life::*;
pub use manifest::*;
pub use passages::*;
pub use samples::{Recorded, Sample};
pub use secrets::*;
pub use subject::{Kit, Verdict, Wrong};
pub use table::{CHECKS, Check, Finding, GUIDE, Group};
pub use tasks::*;
pub use turn::*;
pub use upstream::*;

/// One test per group of checks: `lip_testkit::conformance!(Acme);` inside `#[cfg(test)] mod tests`.
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
                manifest Manifest
                create Create
                turn Turn
                upstream Upstream
                secrets Secrets
                effects Effects
                life Life
                tasks Tasks
                passages Passages
            );
        }
    };
    (@tests $connector:ty, $sample:expr, $($name:ident $group:ident)+) => {$(
        #[test]
        fn $name() {
            let kit = $crate::conformance::Kit::of::<$connector>($sample);
            if let Err(wrong) = $crate::conformance::Group::$group.hold(&kit) {
                panic!("{wrong}");
            }
        }
    )+};
}
