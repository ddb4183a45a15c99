//! A device whose packets come back.
use heapless::{Deque, Vec};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

const MTU: usize = 576;
type Packet = Vec<u8, MTU>;

#[derive(Default)]
pub struct Wire(Deque<Packet, 8>);

pub struct Receive(Packet);
pub struct Transmit<'a>(&'a mut Deque<Packet, 8>);

impl Device for Wire {
    type RxToken<'a> = Receive;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Receive, Transmit<'_>)> {
        let packet = self.0.pop_front()?;
        Some((Receive(packet), Transmit(&mut self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmit<'_>> {
        (!self.0.is_full()).then_some(Transmit(&mut self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

impl phy::RxToken for Receive {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut packet = Packet::new();
        packet.resize_default(length).unwrap();
        let result = write(&mut packet);
        self.0.push_back(packet).expect("the wire is full");
        result
    }
}
