// SPDX-License-Identifier: GPL-2.0
//! A thread that locks the accepted sockets (lock_sock()) as often as it can. Segments that arrive
//! meanwhile wait in the socket's backlog, and rcv_nxt lags behind them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mio::net::TcpStream;

/// The sockets to lock, while it is on.
#[derive(Default)]
pub(crate) struct SocketLocker {
    on: AtomicBool,
    sockets: Mutex<Vec<Weak<TcpStream>>>,
}

impl SocketLocker {
    /// Starts the thread, which ends with the program.
    pub(crate) fn start() -> Arc<Self> {
        let locker = Arc::new(Self::default());
        let shared = locker.clone();
        thread::spawn(move || shared.run());
        locker
    }

    pub(crate) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Adds a socket; it is dropped once there is no other reference to it.
    pub(crate) fn add(&self, socket: &Arc<TcpStream>) {
        if self.on.load(Ordering::Relaxed) {
            self.sockets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::downgrade(socket));
        }
    }

    fn run(&self) {
        let mut calls = 0u32;
        loop {
            let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.retain(|socket| socket.strong_count() > 0);
            let alive: Vec<Arc<TcpStream>> = sockets.iter().filter_map(Weak::upgrade).collect();
            drop(sockets);
            if alive.is_empty() {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
            for socket in alive {
                for _ in 0..8 {
                    // An error (the connection was reset) is no matter: the call has locked the
                    // socket.
                    let _ = socket.set_nodelay(calls & 1 == 0);
                    calls = calls.wrapping_add(1);
                }
            }
        }
    }
}
