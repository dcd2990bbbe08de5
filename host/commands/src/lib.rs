//! In-chat commands: grammar, meaning, replies.
