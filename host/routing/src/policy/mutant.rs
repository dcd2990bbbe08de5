//! Broken variants of the policy. In a build for tests each can be switched on, to show that the tests would see it;
//! otherwise the switch is a constant `false`.

/// A way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    RetryAfterOutput,
    KeepLosers,
    IgnoreHealth,
    EndlessAttempts,
    WaitTooLong,
    NoDeadline,
    DeafToCancel,
    LearnNothing,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mutation {
    #[cfg(test)]
    pub(super) active: Option<Mutant>,
}

impl Mutation {
    #[cfg(test)]
    pub(super) fn is(self, mutant: Mutant) -> bool {
        self.active == Some(mutant)
    }

    #[cfg(not(test))]
    pub(super) const fn is(self, _: Mutant) -> bool {
        false
    }
}
