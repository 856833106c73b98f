//! `WDF_OBJECT_ATTRIBUTES`: what they may say, and what is kept of them (FxValidateObjectAttributes).

use std::ffi::CStr;

use nblease_ndis::sys;

use super::{
    driver::default_parent,
    object::{Handle, NULL},
    sized, state,
};
use crate::{
    io::{NtStatus, status},
    kernel::DriverId,
};

/// EvtCleanupCallback or EvtDestroyCallback.
pub(crate) type ObjectEvent = sys::EVT_WDF_OBJECT_CONTEXT_CLEANUP;

/// What a function lets the attributes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parent {
    /// A parent has to be named.
    Required,
    /// A parent may be named.
    Allowed,
    /// No parent may be named.
    NotAllowed,
}

/// A context's type.
#[derive(Clone, Debug)]
pub(crate) struct ContextType {
    /// Address of the WDF_OBJECT_CONTEXT_TYPE_INFO: the type's identity.
    pub info: usize,
    /// Bytes in the context.
    pub size: usize,
    /// Its C name.
    pub name: String,
}

/// What is kept of the attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub cleanup: Option<ObjectEvent>,
    pub destroy: Option<ObjectEvent>,
    pub parent: Handle,
    pub context: Option<ContextType>,
    /// `WDF_EXECUTION_LEVEL`; 0 as WdfExecutionLevelInheritFromParent.
    pub level: i32,
    /// `WDF_SYNCHRONIZATION_SCOPE`; 0 as WdfSynchronizationScopeInheritFromParent.
    pub scope: i32,
}

impl Attributes {
    /// Whether callbacks come at PASSIVE_LEVEL, where the parent's do or do not.
    pub(crate) fn passive_below(&self, parent: bool) -> bool {
        match self.level {
            sys::WdfExecutionLevelPassive => true,
            sys::WdfExecutionLevelDispatch => false,
            _ => parent,
        }
    }

    /// The parent of an object that is made, which has to be there (FxObjectHandleGetPtr): the one that the driver named, or
    /// its WDFDRIVER.
    pub(crate) fn parent_or_driver(&self, ddi: &str, driver: DriverId) -> Handle {
        let parent = if self.parent == NULL { default_parent(driver) } else { self.parent };
        state().any(ddi, parent);
        parent
    }

    /// Reads and checks attributes; a null pointer (WDF_NO_OBJECT_ATTRIBUTES) gives the defaults. `constrained`: whether
    /// an execution level and a synchronization scope may be set.
    ///
    /// # Safety
    /// `attributes` is null or points to readable attributes.
    pub(crate) unsafe fn read(
        attributes: *const sys::WDF_OBJECT_ATTRIBUTES,
        parent: Parent,
        constrained: bool,
    ) -> Result<Self, NtStatus> {
        if attributes.is_null() {
            return if parent == Parent::Required {
                Err(status::WDF_PARENT_NOT_SPECIFIED)
            } else {
                Ok(Self::default())
            };
        }
        // SAFETY: the caller's promise; a driver's structure need not be aligned.
        let raw = unsafe { attributes.read_unaligned() };
        if raw.Size as usize != size_of::<sys::WDF_OBJECT_ATTRIBUTES>() {
            return Err(status::INFO_LENGTH_MISMATCH);
        }
        // SAFETY: a driver's type information is a static of its own.
        let context = unsafe { context_type(&raw) }?;
        match parent {
            Parent::NotAllowed if !raw.ParentObject.is_null() => {
                return Err(status::WDF_PARENT_ASSIGNMENT_NOT_ALLOWED);
            }
            Parent::Required if raw.ParentObject.is_null() => return Err(status::WDF_PARENT_NOT_SPECIFIED),
            _ => {}
        }
        let levels = sys::WdfExecutionLevelInheritFromParent..=sys::WdfExecutionLevelDispatch;
        let known_scopes = sys::WdfSynchronizationScopeInheritFromParent..=sys::WdfSynchronizationScopeNone;
        if !levels.contains(&raw.ExecutionLevel) || !known_scopes.contains(&raw.SynchronizationScope) {
            return Err(status::WDF_OBJECT_ATTRIBUTES_INVALID);
        }
        let scoped =
            matches!(raw.SynchronizationScope, sys::WdfSynchronizationScopeDevice | sys::WdfSynchronizationScopeQueue);
        if !constrained && scoped {
            return Err(status::WDF_SYNCHRONIZATION_SCOPE_INVALID);
        }
        if !constrained && raw.ExecutionLevel != sys::WdfExecutionLevelInheritFromParent {
            return Err(status::WDF_EXECUTION_LEVEL_INVALID);
        }
        Ok(Self {
            cleanup: raw.EvtCleanupCallback,
            destroy: raw.EvtDestroyCallback,
            parent: raw.ParentObject.addr(),
            context,
            level: raw.ExecutionLevel,
            scope: raw.SynchronizationScope,
        })
    }
}

/// # Safety
/// `ContextTypeInfo` is null or points to type information that lives as long as the driver.
unsafe fn context_type(raw: &sys::WDF_OBJECT_ATTRIBUTES) -> Result<Option<ContextType>, NtStatus> {
    if raw.ContextTypeInfo.is_null() {
        // A size without a type is refused.
        return if raw.ContextSizeOverride > 0 { Err(status::WDF_OBJECT_ATTRIBUTES_INVALID) } else { Ok(None) };
    }
    // SAFETY: the caller's promise; the first versions had three fields.
    let info = unsafe { sized::read(raw.ContextTypeInfo, &[24]) }?;
    let unnamed = info.ContextSize > 0 && info.ContextName.is_null();
    let smaller = raw.ContextSizeOverride > 0 && raw.ContextSizeOverride < info.ContextSize;
    if unnamed || smaller {
        return Err(status::WDF_OBJECT_ATTRIBUTES_INVALID);
    }
    let name = if info.ContextName.is_null() {
        String::new()
    } else {
        // SAFETY: ContextName is a C string of the driver's image.
        unsafe { CStr::from_ptr(info.ContextName) }.to_string_lossy().into_owned()
    };
    let size = if raw.ContextSizeOverride > 0 { raw.ContextSizeOverride } else { info.ContextSize };
    Ok(Some(ContextType { info: raw.ContextTypeInfo.addr(), size, name }))
}
