//! Leases end to end: who may end one, and what becomes of its packet and its tickets.

mod caps;
mod faults;
mod gates;
mod lent;
mod order;
mod pause;
mod power;
mod readers;
mod replace;
mod rules;
mod threads;
