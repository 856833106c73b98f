//! Whether the driver works in full again when memory is there again: frames are captured, and held and let pass.

use anyhow::{Context as _, Result, ensure};

use crate::{
    kernel::kernel,
    lab::Lab,
    ndis::{AdapterConfig, Frame, RecvNbl, SendNbl},
    scenario::{
        capture::{As, Capture},
        settle,
        traffic::Ends,
    },
    sync::lock,
};

/// Frames each way.
const FRAMES: u8 = 16;
/// Their bytes.
const LEN: usize = 60;
/// Snaplen.
const SNAPLEN: u32 = 256;
/// Name and address of an adapter that was not there before.
const LUID: u64 = 6 << 48 | 0x600 << 24;

/// Frames through an adapter that comes now, watched by one reader and then judged by another: each is shown once each way,
/// and each comes through, also under the gate in its own packet.
///
/// # Errors
/// What does not work.
pub fn check(lab: &Lab) -> Result<()> {
    let adapter = lab.adapter(AdapterConfig { luid: Some(LUID), ..AdapterConfig::default() });
    settle();
    for how in [As::Tap, As::Gate] {
        let ends = Ends::watch(&adapter);
        let mut capture = Capture::start(&[&adapter], how, SNAPLEN).with_context(|| format!("{how:?}"))?;
        capture.collect()?;
        for number in 0..FRAMES {
            let frame = Frame::new(vec![number; LEN]);
            lock(&ends.sent).push(frame.bytes.clone());
            lock(&ends.indicated).push(frame.bytes.clone());
            adapter.send(&[SendNbl::new([frame.clone()])], 0);
            adapter.receive(&[RecvNbl::new(frame)], 0);
            capture.collect()?;
        }
        kernel().sched.pump();
        ends.compare().map_err(anyhow::Error::msg).with_context(|| format!("{how:?}"))?;
        let (shown, lost) = (capture.frames().len(), capture.lost());
        ensure!(
            shown == 2 * usize::from(FRAMES) && lost == 0,
            "{how:?}: of {FRAMES} frames each way {shown} were shown, {lost} lost"
        );
        let originals = ends.originals.load(std::sync::atomic::Ordering::Relaxed);
        ensure!(originals == 2 * u64::from(FRAMES), "{how:?}: {originals} frames came through in their own packets");
        capture.stop();
        settle();
    }
    adapter.unplug();
    settle();
    Ok(())
}
