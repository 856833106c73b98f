//! Leases end to end: who may end one, and what becomes of its packet and its tickets.

mod pause;
mod power;
