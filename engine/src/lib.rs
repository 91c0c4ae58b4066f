//! Inbox to decide to executions log to effects.
