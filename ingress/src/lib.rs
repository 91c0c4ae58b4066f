//! HTTP to verified delivery to inbox log. Holds no state that matters.
