//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections.
#[derive(Debug)]
pub struct Slots {
    all: usize,
    per_address: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place for one connection, free again when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The server has as many as it may.
    All,
    /// The address has as many as it may.
    Address,
}

impl Full {
    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "too_many_connections",
            Self::Address => "too_many_from_address",
        }
    }
}

impl Slots {
    /// So many places in all, and so many for one IPv4 address or IPv6 /64.
    pub fn new(all: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { all, per_address, taken: Mutex::default() })
    }

    /// A place for a connection from there.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Full> {
        let address = neighbourhood(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.all {
            return Err(Full::All);
        }
        let own = taken.by_address.entry(address).or_default();
        if *own >= self.per_address {
            return Err(Full::Address);
        }
        *own += 1;
        taken.all += 1;
        Ok(Slot { slots: Arc::clone(self), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.by_address.remove(&self.address);
            }
            taken.all -= 1;
        }
    }
}

/// One subscriber has a whole IPv6 /64.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_address_and_given_back() {
        let slots = Slots::new(3, 2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = slots.take(ip("192.0.2.1")).unwrap();
        let _second = slots.take(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(slots.take(ip("192.0.2.1")).unwrap_err(), Full::Address);
        let third = slots.take(ip("2001:db8::1")).unwrap();
        assert_eq!(slots.take(ip("192.0.2.9")).unwrap_err(), Full::All);
        drop(first);
        let _fourth = slots.take(ip("2001:db8::2")).unwrap();
        drop(third);
        assert_eq!(neighbourhood(ip("2001:db8::1")), neighbourhood(ip("2001:db8::2")));
        let _fifth = slots.take(ip("2001:db8::3")).unwrap();
        assert_eq!(slots.take(ip("2001:db8::4")).unwrap_err(), Full::All);
    }
}
