//! What is remembered between the turns of one conversation.
