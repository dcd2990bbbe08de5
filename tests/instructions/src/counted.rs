//! The function whose instructions count, and those of all that it calls.

/// How callgrind knows [`counted`].
pub(crate) const NAME: &str = "*counted::counted*";

/// Runs `work`, seen by callgrind. Never inlined, for a function without a symbol cannot be seen.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
    // Something that comes behind the call, so that it is no jump, which would leave this function early.
    std::hint::black_box(());
}
