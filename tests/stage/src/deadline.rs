//! Nothing in a story waits for ever.
use std::future::Future;
use std::time::Duration;

/// Far more than anything here takes, far less than a suite's limit.
const PATIENCE: Duration = Duration::from_secs(30);

/// The result of `future`, or a panic that says what was waited for.
///
/// # Panics
/// After 30 s.
#[track_caller]
pub fn within<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: waited {} s for {what}", PATIENCE.as_secs()),
        }
    }
}
