//! NDIS 6 for a light filter: raw bindings, and chains of packets that own what NDIS lends.
#![no_std]
#![allow(unsafe_code)]

pub mod sys;
