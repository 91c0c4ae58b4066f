//! Effects: calls to other systems, made only after the commit that announced them is on disk.

mod address;
mod http;
mod pool;

pub use address::AllowedHost;
pub(crate) use http::Client;
pub(crate) use pool::Pool;
