//! The driver; its entry follows.
#![no_std]
