//! Decides which backend gets the next attempt: selectors, plans, policies.
