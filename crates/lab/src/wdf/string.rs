//! WDFSTRING: a counted string of the framework's (fxstring.cpp, fxstringapi.cpp).

use nblease_ndis::sys::{self, UNICODE_STRING, WDF_DRIVER_GLOBALS, WDF_OBJECT_ATTRIBUTES};

use super::{
    as_pointer,
    attributes::{Attributes, Parent},
    enter, give, may_allocate,
    object::{Body, Handle, Kind},
    state, text,
};
use crate::{
    faults::FaultKind,
    io::{NtStatus, lent::Lent, status},
    kernel::DriverId,
    memory::Kind as SpanKind,
};

/// A WDFSTRING: its units and a zero, as the driver finds them.
pub(crate) struct Text {
    buffer: Lent,
    /// Bytes without the zero.
    len: u16,
}

impl Text {
    /// A string of these units; STATUS_INVALID_BUFFER_SIZE where a counted string cannot be so long.
    pub(crate) fn new(units: &[u16]) -> Result<Self, NtStatus> {
        let len = u16::try_from((units.len() + 1) * 2).map_err(|_| status::INVALID_BUFFER_SIZE)? - 2;
        let bytes: Vec<u8> = units.iter().copied().chain([0]).flat_map(u16::to_le_bytes).collect();
        let buffer = Lent::open(SpanKind::Object, bytes.len(), 2);
        buffer.fill(0, &bytes);
        Ok(Self { buffer, len })
    }

    /// Its bytes with the zero, as a registry value has them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.buffer.bytes(self.len as usize + 2)
    }
}

/// Makes a WDFSTRING; without a parent of its own it is the driver's.
pub(crate) fn add(ddi: &str, id: DriverId, attributes: &Attributes, text: Text) -> Handle {
    let parent = attributes.parent_or_driver(ddi, id);
    state().add(Kind::String, id, parent, attributes, Body::String(text))
}

/// WdfStringCreate: empty where no string is given.
pub(crate) unsafe extern "win64" fn create(
    globals: *mut WDF_DRIVER_GLOBALS,
    source: *const UNICODE_STRING,
    attributes: *const WDF_OBJECT_ATTRIBUTES,
    result: *mut sys::HANDLE,
) -> NtStatus {
    let id = enter!("WdfStringCreate", globals);
    let units = if source.is_null() {
        Ok(Vec::new())
    } else {
        // SAFETY: a driver passes a string.
        unsafe { text::units(source) }
    };
    // SAFETY: a driver passes its attributes or null.
    let attributes = unsafe { Attributes::read(attributes, Parent::Allowed, false) };
    let made = units.and_then(|units| Text::new(&units)).and_then(|text| Ok((text, attributes?)));
    let (text, attributes) = match made {
        Ok(made) => made,
        Err(status) => return status,
    };
    if let Err(status) = may_allocate(FaultKind::Object) {
        return status;
    }
    // SAFETY: a driver passes its variable.
    unsafe { give(result, as_pointer(add("WdfStringCreate", id, &attributes, text))) };
    status::SUCCESS
}

/// WdfStringGetUnicodeString: a counted string that points into the object.
pub(crate) unsafe extern "win64" fn get_unicode_string(
    globals: *mut WDF_DRIVER_GLOBALS,
    string: sys::HANDLE,
    to: *mut UNICODE_STRING,
) {
    enter!("WdfStringGetUnicodeString", globals);
    let contents = {
        let mut state = state();
        let text = state.string("WdfStringGetUnicodeString", string.addr());
        UNICODE_STRING { Length: text.len, MaximumLength: text.len + 2, Buffer: text.buffer.driver().cast() }
    };
    // SAFETY: a driver passes its variable.
    unsafe { give(to, contents) };
}

/// Gives a WDFSTRING another text.
pub(crate) fn assign(ddi: &'static str, string: Handle, units: &[u16]) -> Result<(), NtStatus> {
    let text = Text::new(units)?;
    may_allocate(FaultKind::Object)?;
    // The old text is dropped with the state unlocked.
    let _old = std::mem::replace(state().string(ddi, string), text);
    Ok(())
}
