//! The shell: sockets, stores, clock and dice around the cores.
