// SPDX-License-Identifier: GPL-2.0
//! A thread that owns the accepted sockets as often as it can: segments that arrive meanwhile wait in
//! the socket's backlog, and the socket's position lags behind them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use mio::net::TcpStream;

/// The sockets that are hammered, while it is on.
#[derive(Default)]
pub(crate) struct Hammer {
    on: AtomicBool,
    sockets: Mutex<Vec<Weak<TcpStream>>>,
}

impl Hammer {
    /// Starts the thread, which ends with the program.
    pub(crate) fn start() -> Arc<Self> {
        let hammer = Arc::new(Self::default());
        let shared = hammer.clone();
        thread::spawn(move || shared.run());
        hammer
    }

    pub(crate) fn switch(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Adds a socket; it is left out once nobody else has it.
    pub(crate) fn add(&self, socket: &Arc<TcpStream>) {
        if self.on.load(Ordering::Relaxed) {
            self.sockets
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(Arc::downgrade(socket));
        }
    }

    fn run(&self) {
        let mut strikes = 0u32;
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
                    // It may have been reset meanwhile; what counts is that it was owned.
                    let _ = socket.set_nodelay(strikes & 1 == 0);
                    strikes = strikes.wrapping_add(1);
                }
            }
        }
    }
}
