//! Files (`ZwCreateFile` and its kin), for logs and settings: a file system in memory, empty when the kernel starts.
//! PASSIVE_LEVEL. A handle that stays open breaks V06 as any other.
//!
//! Every directory is there. Paths compare without case, as they are written: links are not followed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use nblease_ndis::sys::{
    ACCESS_MASK, HANDLE, LARGE_INTEGER, NTSTATUS, OBJECT_ATTRIBUTES, PVOID, STATUS_ACCESS_DENIED,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_HANDLE, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS, ULONG,
};

use super::{enter, object::Object, string};
use crate::{exports, faults::FaultKind, kernel::kernel, pe::Export, sync::lock, thread::PASSIVE_LEVEL};

pub const EXPORTS: &[Export] = exports! {
    "ZwCreateFile" => zw_create_file,
    "ZwDeleteFile" => zw_delete_file,
    "ZwFlushBuffersFile" => zw_flush_buffers_file,
    "ZwOpenFile" => zw_open_file,
    "ZwQueryInformationFile" => zw_query_information_file,
    "ZwReadFile" => zw_read_file,
    "ZwSetInformationFile" => zw_set_information_file,
    "ZwWriteFile" => zw_write_file,
};

const END_OF_FILE: NTSTATUS = 0xc000_0011_u32.cast_signed();
const INFO_LENGTH_MISMATCH: NTSTATUS = 0xc000_0004_u32.cast_signed();

// Dispositions of ZwCreateFile.
const SUPERSEDE: ULONG = 0;
const OPEN: ULONG = 1;
const CREATE: ULONG = 2;
const OPEN_IF: ULONG = 3;
const OVERWRITE: ULONG = 4;
const OVERWRITE_IF: ULONG = 5;

// What it says that it did.
const SUPERSEDED: usize = 0;
const OPENED: usize = 1;
const CREATED: usize = 2;
const OVERWRITTEN: usize = 3;

/// `FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT`: the file has a position.
const SYNCHRONOUS: ULONG = 0x30;
/// `FILE_READ_DATA`, `GENERIC_READ`, `GENERIC_ALL`.
const READS: ACCESS_MASK = 0x9000_0001;
/// `FILE_WRITE_DATA`, `FILE_APPEND_DATA`, `GENERIC_WRITE`, `GENERIC_ALL`.
const WRITES: ACCESS_MASK = 0x5000_0006;

// Offsets that mean something else.
const TO_END: i64 = -1;
const AT_POSITION: i64 = -2;

// FILE_INFORMATION_CLASS
const STANDARD: i32 = 5;
const DISPOSITION: i32 = 13;
const POSITION: i32 = 14;
const END: i32 = 20;

/// Larger files are refused.
const MAX_FILE: usize = 64 << 20;

type Contents = Arc<Mutex<Vec<u8>>>;

/// The files by path, in lower case.
#[derive(Default)]
pub struct Files {
    files: Mutex<BTreeMap<String, Contents>>,
}

/// An open of a file.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: String,
    contents: Contents,
    access: ACCESS_MASK,
    /// None: each call says where.
    position: Option<Mutex<usize>>,
}

/// `IO_STATUS_BLOCK`.
#[repr(C)]
struct StatusBlock {
    status: NTSTATUS,
    padding: u32,
    information: usize,
}

/// `FILE_STANDARD_INFORMATION`.
#[repr(C)]
struct Standard {
    allocated: i64,
    end: i64,
    links: u32,
    delete_pending: u8,
    directory: u8,
}

fn files() -> MutexGuard<'static, BTreeMap<String, Contents>> {
    lock(&kernel().nt.files.files)
}

/// Says in the status block how a call came out.
fn finish(block: *mut StatusBlock, status: NTSTATUS, information: usize) -> NTSTATUS {
    // SAFETY: the DDIs demand storage for a status block.
    unsafe { block.write(StatusBlock { status, padding: 0, information }) };
    status
}

/// The path of a file; none where the name is no file's.
fn path_of(attributes: *const OBJECT_ATTRIBUTES) -> Option<String> {
    // SAFETY: the DDIs demand attributes.
    let name = string::text(unsafe { (*attributes).ObjectName }).to_lowercase();
    let name = name.strip_prefix(r"\dosdevices\").map_or(name.clone(), |rest| format!(r"\??\{rest}"));
    let on_drive = |rest: &str| matches!(rest.as_bytes(), [b'a'..=b'z', b':', b'\\', _, ..]);
    let is_file = name.strip_prefix(r"\??\").is_some_and(on_drive)
        || name.strip_prefix(r"\systemroot\").is_some_and(|rest| !rest.is_empty())
        || name.starts_with(r"\device\harddiskvolume");
    is_file.then_some(name)
}

fn open_file(handle: HANDLE) -> Option<Arc<OpenFile>> {
    match kernel().nt.handles.get(handle)? {
        Object::File(file) => Some(file),
        _ => None,
    }
}

unsafe extern "win64" fn zw_create_file(
    handle: *mut HANDLE,
    access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    block: *mut StatusBlock,
    _allocation: *const LARGE_INTEGER,
    _file_attributes: ULONG,
    _share: ULONG,
    disposition: ULONG,
    options: ULONG,
    _extended: PVOID,
    _extended_len: ULONG,
) -> NTSTATUS {
    enter("ZwCreateFile", PASSIVE_LEVEL);
    create(handle, access, attributes, block, disposition, options)
}

unsafe extern "win64" fn zw_open_file(
    handle: *mut HANDLE,
    access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    block: *mut StatusBlock,
    _share: ULONG,
    options: ULONG,
) -> NTSTATUS {
    enter("ZwOpenFile", PASSIVE_LEVEL);
    create(handle, access, attributes, block, OPEN, options)
}

fn create(
    handle: *mut HANDLE,
    access: ACCESS_MASK,
    attributes: *const OBJECT_ATTRIBUTES,
    block: *mut StatusBlock,
    disposition: ULONG,
    options: ULONG,
) -> NTSTATUS {
    let Some(path) = path_of(attributes) else { return finish(block, STATUS_OBJECT_NAME_INVALID, 0) };
    if kernel().faults.should_fail(FaultKind::Object) {
        return finish(block, STATUS_INSUFFICIENT_RESOURCES, 0);
    }
    let mut files = files();
    let there = files.get(&path).cloned();
    let done = match (disposition, there.is_some()) {
        (OPEN | OPEN_IF, true) => OPENED,
        (OVERWRITE | OVERWRITE_IF, true) => OVERWRITTEN,
        (SUPERSEDE, true) => SUPERSEDED,
        (CREATE, true) => return finish(block, STATUS_OBJECT_NAME_COLLISION, 0),
        (OPEN | OVERWRITE, false) => return finish(block, STATUS_OBJECT_NAME_NOT_FOUND, 0),
        (SUPERSEDE | CREATE | OPEN_IF | OVERWRITE_IF, false) => CREATED,
        _ => return finish(block, STATUS_INVALID_PARAMETER, 0),
    };
    let contents = there.filter(|_| done != SUPERSEDED).unwrap_or_default();
    if done == OVERWRITTEN {
        lock(&contents).clear();
    }
    files.insert(path.clone(), contents.clone());
    drop(files);
    let position = (options & SYNCHRONOUS != 0).then(Mutex::default);
    let given = kernel().nt.handles.add(Object::File(Arc::new(OpenFile { path, contents, access, position })));
    // SAFETY: the DDI demands storage for the handle.
    unsafe { handle.write(given) };
    finish(block, STATUS_SUCCESS, done)
}

unsafe extern "win64" fn zw_delete_file(attributes: *const OBJECT_ATTRIBUTES) -> NTSTATUS {
    enter("ZwDeleteFile", PASSIVE_LEVEL);
    let removed = path_of(attributes).and_then(|path| files().remove(&path));
    if removed.is_some() { STATUS_SUCCESS } else { STATUS_OBJECT_NAME_NOT_FOUND }
}

unsafe extern "win64" fn zw_flush_buffers_file(handle: HANDLE, block: *mut StatusBlock) -> NTSTATUS {
    enter("ZwFlushBuffersFile", PASSIVE_LEVEL);
    let status = if open_file(handle).is_some() { STATUS_SUCCESS } else { STATUS_INVALID_HANDLE };
    finish(block, status, 0)
}

/// Where a call begins: what it says, the file's position, or the end.
fn start_of(file: &OpenFile, offset: *const LARGE_INTEGER, end: usize) -> Result<usize, NTSTATUS> {
    // SAFETY: the DDIs demand null or an offset.
    let offset = if offset.is_null() { AT_POSITION } else { unsafe { offset.cast::<i64>().read() } };
    match (offset, &file.position) {
        (TO_END, _) => Ok(end),
        (AT_POSITION, Some(position)) => Ok(*lock(position)),
        (offset, _) => usize::try_from(offset).map_err(|_| STATUS_INVALID_PARAMETER),
    }
}

fn move_to(file: &OpenFile, position: usize) {
    if let Some(at) = &file.position {
        *lock(at) = position;
    }
}

unsafe extern "win64" fn zw_read_file(
    handle: HANDLE,
    _event: HANDLE,
    _routine: PVOID,
    _context: PVOID,
    block: *mut StatusBlock,
    buffer: *mut u8,
    len: ULONG,
    offset: *const LARGE_INTEGER,
    _key: *const ULONG,
) -> NTSTATUS {
    enter("ZwReadFile", PASSIVE_LEVEL);
    let Some(file) = open_file(handle) else { return STATUS_INVALID_HANDLE };
    if file.access & READS == 0 {
        return finish(block, STATUS_ACCESS_DENIED, 0);
    }
    let contents = lock(&file.contents).clone();
    let start = match start_of(&file, offset, contents.len()) {
        Ok(start) => start,
        Err(status) => return finish(block, status, 0),
    };
    let Some(found) = contents.get(start..).filter(|found| !found.is_empty()) else {
        return finish(block, END_OF_FILE, 0);
    };
    let count = found.len().min(len as usize);
    // SAFETY: the DDI demands a buffer of `len` bytes; where there is none this faults and is reported.
    unsafe { buffer.copy_from(found.as_ptr(), count) };
    move_to(&file, start + count);
    finish(block, STATUS_SUCCESS, count)
}

unsafe extern "win64" fn zw_write_file(
    handle: HANDLE,
    _event: HANDLE,
    _routine: PVOID,
    _context: PVOID,
    block: *mut StatusBlock,
    buffer: *const u8,
    len: ULONG,
    offset: *const LARGE_INTEGER,
    _key: *const ULONG,
) -> NTSTATUS {
    enter("ZwWriteFile", PASSIVE_LEVEL);
    let Some(file) = open_file(handle) else { return STATUS_INVALID_HANDLE };
    if file.access & WRITES == 0 {
        return finish(block, STATUS_ACCESS_DENIED, 0);
    }
    let mut bytes = vec![0; len as usize];
    // SAFETY: the DDI demands a buffer of `len` bytes; where there is none this faults and is reported.
    unsafe { buffer.copy_to(bytes.as_mut_ptr(), bytes.len()) };
    let mut contents = lock(&file.contents);
    let start = match start_of(&file, offset, contents.len()) {
        Ok(start) if start + bytes.len() <= MAX_FILE => start,
        Ok(_) => return finish(block, STATUS_INSUFFICIENT_RESOURCES, 0),
        Err(status) => return finish(block, status, 0),
    };
    let end = start + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[start..end].copy_from_slice(&bytes);
    drop(contents);
    move_to(&file, end);
    finish(block, STATUS_SUCCESS, bytes.len())
}

unsafe extern "win64" fn zw_query_information_file(
    handle: HANDLE,
    block: *mut StatusBlock,
    to: PVOID,
    room: ULONG,
    class: i32,
) -> NTSTATUS {
    enter("ZwQueryInformationFile", PASSIVE_LEVEL);
    let Some(file) = open_file(handle) else { return STATUS_INVALID_HANDLE };
    let needed = match class {
        STANDARD => size_of::<Standard>(),
        POSITION => size_of::<i64>(),
        _ => return finish(block, STATUS_INVALID_INFO_CLASS, 0),
    };
    if (room as usize) < needed {
        return finish(block, INFO_LENGTH_MISMATCH, 0);
    }
    let end = lock(&file.contents).len().cast_signed() as i64;
    if class == STANDARD {
        let standard = Standard { allocated: end, end, links: 1, delete_pending: 0, directory: 0 };
        // SAFETY: the DDI demands room for what is asked for.
        unsafe { to.cast::<Standard>().write(standard) };
    } else {
        let position = file.position.as_ref().map_or(0, |position| *lock(position)).cast_signed() as i64;
        // SAFETY: as above.
        unsafe { to.cast::<i64>().write(position) };
    }
    finish(block, STATUS_SUCCESS, needed)
}

unsafe extern "win64" fn zw_set_information_file(
    handle: HANDLE,
    block: *mut StatusBlock,
    from: PVOID,
    len: ULONG,
    class: i32,
) -> NTSTATUS {
    enter("ZwSetInformationFile", PASSIVE_LEVEL);
    let Some(file) = open_file(handle) else { return STATUS_INVALID_HANDLE };
    if class == DISPOSITION {
        files().remove(&file.path);
        return finish(block, STATUS_SUCCESS, 0);
    }
    if !matches!(class, POSITION | END) {
        return finish(block, STATUS_INVALID_INFO_CLASS, 0);
    }
    if (len as usize) < size_of::<i64>() {
        return finish(block, INFO_LENGTH_MISMATCH, 0);
    }
    // SAFETY: the DDI demands a number of that length.
    let Some(value) = usize::try_from(unsafe { from.cast::<i64>().read() }).ok().filter(|value| *value <= MAX_FILE)
    else {
        return finish(block, STATUS_INVALID_PARAMETER, 0);
    };
    if class == POSITION {
        move_to(&file, value);
    } else {
        lock(&file.contents).resize(value, 0);
    }
    finish(block, STATUS_SUCCESS, 0)
}
