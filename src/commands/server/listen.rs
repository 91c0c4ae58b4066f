//! Where the server may listen.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;

/// Whom the server may be reachable for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Loopback addresses only.
    ThisMachine,
    /// Any address.
    Anyone,
}

/// Opens the listener.
///
/// # Errors
/// When the address is not on loopback and nobody said that this is meant, or when it cannot be had.
pub(super) async fn open(address: &str, exposure: Exposure) -> anyhow::Result<TcpListener> {
    let found = tokio::net::lookup_host(address).await;
    let addresses: Vec<SocketAddr> = found
        .with_context(|| format!("--listen {address} is no address: HOST:PORT is wanted, such as 127.0.0.1:8080"))?
        .collect();
    refuse_strangers(address, &addresses, exposure)?;
    TcpListener::bind(addresses.as_slice()).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with --listen, port 0 takes any free one")
    })
}

fn refuse_strangers(address: &str, addresses: &[SocketAddr], exposure: Exposure) -> anyhow::Result<()> {
    let reachable = addresses.iter().any(|address| !address.ip().to_canonical().is_loopback());
    match exposure {
        Exposure::ThisMachine if reachable => bail!(
            "--listen {address} can be reached from other machines, and the API asks for no credentials: \
             listen on 127.0.0.1, or say --insecure if something in front of this server keeps strangers out"
        ),
        Exposure::ThisMachine | Exposure::Anyone => Ok(()),
    }
}

/// `http://host:port` of a listener, as this machine reaches it.
pub(super) fn base_url(bound: SocketAddr) -> String {
    let mut reachable = bound;
    if bound.ip().is_unspecified() {
        reachable.set_ip(match bound {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reachable}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(address: &str, exposure: Exposure) -> bool {
        refuse_strangers(address, &[address.parse().unwrap()], exposure).is_err()
    }

    #[test]
    fn only_loopback_needs_no_consent() {
        assert!(!refused("127.0.0.1:80", Exposure::ThisMachine));
        assert!(!refused("[::1]:80", Exposure::ThisMachine));
        assert!(!refused("[::ffff:127.0.0.1]:80", Exposure::ThisMachine));
        assert!(refused("0.0.0.0:80", Exposure::ThisMachine));
        assert!(refused("[::]:80", Exposure::ThisMachine));
        assert!(refused("10.0.0.1:80", Exposure::ThisMachine));
        assert!(!refused("0.0.0.0:80", Exposure::Anyone));
    }

    #[test]
    fn every_address_of_a_name_must_be_loopback() {
        let both = ["127.0.0.1:80".parse().unwrap(), "10.0.0.1:80".parse().unwrap()];
        assert!(refuse_strangers("both:80", &both, Exposure::ThisMachine).is_err());
    }

    #[test]
    fn the_url_of_all_addresses_is_the_one_of_this_machine() {
        assert_eq!(base_url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(base_url("[::]:8080".parse().unwrap()), "http://[::1]:8080");
        assert_eq!(base_url("10.1.2.3:8080".parse().unwrap()), "http://10.1.2.3:8080");
    }
}
