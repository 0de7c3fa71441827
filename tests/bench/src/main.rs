// SPDX-License-Identifier: GPL-2.0

//! Many connections at once, timed and checked to the byte: a server that echoes, and clients whose
//! streams start as many protocols do, some cut within the start, some with HTTP.

mod client;
mod server;
mod starts;

use clap::{Parser, Subcommand};
use std::net::SocketAddr;

#[derive(Parser)]
#[command(about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Echo what clients send; says "ready" when it listens
    Serve {
        /// Where to listen
        address: SocketAddr,
        /// How many connections are served at once
        #[arg(long, default_value_t = 64)]
        threads: usize,
        /// Take the lock of each connection's socket as often as can be
        #[arg(long)]
        lock_sockets: bool,
    },
    /// Make connections; print for each, in microseconds, how long it took to connect and to get the
    /// first bytes back
    Run {
        /// The server
        address: SocketAddr,
        #[command(flatten)]
        load: client::Load,
    },
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Serve {
            address,
            threads,
            lock_sockets,
        } => server::serve(address, threads, lock_sockets),
        Command::Run { address, load } => client::run(address, &load),
    }
}
