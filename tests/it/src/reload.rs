//! Libraries that come, change and go while the host serves.
mod changeling;
mod folders;
mod requests;
mod storm;
mod swaps;
