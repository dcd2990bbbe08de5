//! The embedded default connector.
