//! Tests of the framework and the I/O manager with drivers in Rust that call through the bound table.

mod binding;
mod cancel;
mod device;
mod harness;
mod objects;
mod queues;
mod requests;
mod rules;
mod socket;
mod stress;
