//! Views folded from the log, the API, and the page.
