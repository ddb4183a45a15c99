//! TCP/IP with itself: what the interface sends comes back to it.
#![no_std]
#![no_main]
#![feature(custom_test_frameworks)]
#![test_runner(run_tests)]
#![reexport_test_harness_main = "tests"]

mod port;
mod wire;

use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use wire::Wire;

const HERE: IpAddress = IpAddress::v4(10, 0, 0, 1);

#[no_mangle]
extern "C" fn _start() -> ! {
    log::set_logger(&port::Logger).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    #[cfg(test)]
    tests();
    let mut text = [0; 32];
    let length = udp_echo(b"hello over udp", &mut text);
    log::info!("{}", core::str::from_utf8(&text[..length]).unwrap());
    log::info!("tcp in {} turns", tcp_transfer());
    port::halt()
}

fn interface(wire: &mut Wire) -> Interface {
    let mut interface = Interface::new(Config::new(HardwareAddress::Ip), wire, Instant::ZERO);
    interface.update_ip_addrs(|list| list.push(IpCidr::new(HERE, 24)).unwrap());
    interface
}

/// Sends a datagram to ourselves; returns how many bytes came.
fn udp_echo(said: &[u8], heard: &mut [u8]) -> usize {
    let mut wire = Wire::default();
    let mut interface = interface(&mut wire);
    let (mut meta_in, mut meta_out) = ([udp::PacketMetadata::EMPTY], [udp::PacketMetadata::EMPTY]);
    let (mut bytes_in, mut bytes_out) = ([0; 64], [0; 64]);
    let receive = udp::PacketBuffer::new(&mut meta_in[..], &mut bytes_in[..]);
    let send = udp::PacketBuffer::new(&mut meta_out[..], &mut bytes_out[..]);
    let mut storage = [SocketStorage::EMPTY];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let handle = sockets.add(udp::Socket::new(receive, send));
    let socket = sockets.get_mut::<udp::Socket>(handle);
    socket.bind(7).unwrap();
    socket.send_slice(said, (HERE, 7)).unwrap();
    for turn in 0..8 {
        interface.poll(Instant::from_millis(turn), &mut wire, &mut sockets);
        if let Ok((length, from)) = sockets.get_mut::<udp::Socket>(handle).recv_slice(heard) {
            assert_eq!(from.endpoint.addr, HERE);
            return length;
        }
    }
    panic!("no datagram came")
}

/// Connects to ourselves and sends 1000 bytes; returns after how many turns they were there.
fn tcp_transfer() -> i64 {
    let mut wire = Wire::default();
    let mut interface = interface(&mut wire);
    let mut buffers = [[0; 2048]; 4];
    let [a, b, c, d] = &mut buffers;
    let new = |receive, send| {
        tcp::Socket::new(
            tcp::SocketBuffer::new(receive),
            tcp::SocketBuffer::new(send),
        )
    };
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let server = sockets.add(new(&mut a[..], &mut b[..]));
    let client = sockets.add(new(&mut c[..], &mut d[..]));
    sockets.get_mut::<tcp::Socket>(server).listen(80).unwrap();
    let socket = sockets.get_mut::<tcp::Socket>(client);
    socket
        .connect(interface.context(), (HERE, 80), 49152)
        .unwrap();
    let (mut sent, mut received) = (0, 0);
    for turn in 1..200 {
        interface.poll(Instant::from_millis(10 * turn), &mut wire, &mut sockets);
        let socket = sockets.get_mut::<tcp::Socket>(client);
        if socket.can_send() && sent < 1000 {
            sent += socket.send_slice(&[b'x'; 1000][sent..]).unwrap();
        }
        let socket = sockets.get_mut::<tcp::Socket>(server);
        if socket.can_recv() {
            received += socket.recv(|bytes| (bytes.len(), bytes.len())).unwrap();
        }
        if received == 1000 {
            return turn;
        }
    }
    panic!("{received} of 1000 bytes came")
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    log::error!("{info}");
    port::exit(0x11)
}

#[allow(dead_code)]
fn run_tests(tests: &[&dyn Fn()]) {
    tests.iter().for_each(|test| test());
    log::info!("{} tests passed", tests.len());
    port::exit(0x10)
}

#[test_case]
fn a_datagram_comes_back() {
    port::name("net::a_datagram_comes_back");
    let mut heard = [0; 8];
    assert_eq!(
        (udp_echo(b"ping", &mut heard), &heard[..4]),
        (4, &b"ping"[..])
    );
    port::ok();
}

#[test_case]
fn a_connection_carries_a_thousand_bytes() {
    port::name("net::a_connection_carries_a_thousand_bytes");
    assert!(tcp_transfer() < 100);
    port::ok();
}

#[test_case]
fn the_environment_reached_the_stack() {
    port::name("net::the_environment_reached_the_stack");
    interface(&mut Wire::default()).update_ip_addrs(|list| assert_eq!(list.capacity(), 3));
    port::ok();
}
