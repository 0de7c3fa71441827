// SPDX-License-Identifier: GPL-2.0

//! A server that echoes.

use anyhow::Context;
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Mutex,
    thread,
    time::Duration,
};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The connection that a thread serves.
type Slot = Mutex<Option<TcpStream>>;

/// Listens, and serves until the process is ended.
pub(crate) fn serve(address: SocketAddr, threads: usize, lock_sockets: bool) -> anyhow::Result<()> {
    let listener =
        listen(address).with_context(|| format!("{address} can't be listened on; is it free?"))?;
    println!("ready");
    let slots: Vec<Slot> = (0..threads).map(|_| Slot::default()).collect();
    thread::scope(|scope| {
        for slot in &slots {
            let listener = &listener;
            scope.spawn(move || loop {
                // A client that has gone already is no matter.
                if let Ok((connection, _)) = listener.accept() {
                    let _ = echo(connection, slot);
                    *slot.lock().unwrap() = None;
                }
            });
        }
        if lock_sockets {
            scope.spawn(|| take_locks(&slots));
        }
    });
    Ok(())
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sends back what comes, until the client has finished or resets the connection.
fn echo(mut connection: TcpStream, slot: &Slot) -> std::io::Result<()> {
    connection.set_nodelay(true)?;
    *slot.lock().unwrap() = Some(connection.try_clone()?);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = connection.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        connection.write_all(&buffer[..length])?;
    }
}

/// Owns the sockets time and again, so that segments wait for the owner: each call takes a socket's
/// lock in process context.
fn take_locks(slots: &[Slot]) {
    loop {
        for slot in slots {
            if let Some(connection) = &*slot.lock().unwrap() {
                for seconds in 60..70 {
                    let timeout = Some(Duration::from_secs(seconds));
                    // It may have ended.
                    let _ = SockRef::from(connection).set_tcp_user_timeout(timeout);
                }
            }
        }
    }
}
