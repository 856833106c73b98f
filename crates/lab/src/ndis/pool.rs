//! NBLs and NBs of the drivers' own: pools and allocation.
//!
//! Each NBL, NB and MDL allocated here lies in a span of its own, so that a touch after its freeing or its hand-off
//! faults. After `NdisAllocateNetBufferListPool`, `NET_BUFFER_LIST_POOL_PARAMETERS`, `NdisAllocateNetBufferList`,
//! `NdisAllocateNetBufferAndNetBufferList`. IRQL: up to DISPATCH_LEVEL.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use nblease_ndis::sys::{
    MDL, NDIS_HANDLE, NDIS_OBJECT_HEADER, NDIS_OBJECT_TYPE_DEFAULT,
    NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1, NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_2,
    NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1, NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_2, NET_BUFFER,
    NET_BUFFER_LIST, NET_BUFFER_LIST_CONTEXT, NET_BUFFER_LIST_POOL_PARAMETERS, NET_BUFFER_POOL_PARAMETERS,
};

use super::{
    LAB,
    build::{set_context, set_data},
    check_header,
    raw::{self, Nb, Nbl},
};
use crate::{
    faults::FaultKind,
    judge::rule,
    kernel::kernel,
    memory::{
        Access, Kind, Span,
        mdl::{MdlKind, size_of_mdl},
    },
    pe::exports::Export,
    thread::{self, DISPATCH_LEVEL},
};

/// What a driver can import of this part.
pub const EXPORTS: &[Export] = crate::exports! {
    NdisAllocateNetBufferListPool => allocate_nbl_pool,
    NdisFreeNetBufferListPool => free_nbl_pool,
    NdisAllocateNetBufferList => allocate_nbl,
    NdisAllocateNetBufferAndNetBufferList => allocate_nb_and_nbl,
    NdisFreeNetBufferList => free_nbl,
    NdisAllocateNetBufferPool => allocate_nb_pool,
    NdisFreeNetBufferPool => free_nb_pool,
    NdisAllocateNetBuffer => allocate_nb,
    NdisAllocateNetBufferMdlAndData => allocate_nb_mdl_and_data,
    NdisFreeNetBuffer => free_nb,
    NdisGetPoolFromNetBufferList => pool_of_nbl,
    NdisGetPoolFromNetBuffer => pool_of_nb,
    NdisGetNetBufferListProtocolId => protocol_id,
};

/// `MEMORY_ALLOCATION_ALIGNMENT`.
pub(super) const ALIGNMENT: usize = 16;

/// A pool of NBLs or of NBs.
pub(super) struct Pool {
    /// For NBLs: whether each comes with an NB.
    pub(super) with_nb: bool,
    context_size: usize,
    /// Bytes of data that each NB comes with.
    pub(super) data_size: usize,
    protocol_id: u8,
    /// NBLs or NBs that are allocated from it.
    pub(super) out: AtomicUsize,
}

/// A structure of its own that a driver allocated here.
struct Piece {
    _span: Span,
    /// The MDL in it, if any.
    mdl: Option<usize>,
    pool: usize,
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(mdl) = self.mdl {
            kernel().memory.mdls.forget(std::ptr::with_exposed_provenance_mut(mdl));
        }
    }
}

pub(super) fn enter(function: &'static str) {
    thread::enter(function, DISPATCH_LEVEL, rule::V09);
}

pub(super) fn fails() -> bool {
    kernel().faults.should_fail(FaultKind::NetBuffer)
}

/// Checks a pool's parameters (V10): header, tag, sizes.
fn check_pool(what: &str, header: NDIS_OBJECT_HEADER, sizes: [u16; 2], tag: u32, more: bool) -> bool {
    let revisions = [(1, sizes[0]), (2, sizes[1])];
    let good = check_header(what, header, NDIS_OBJECT_TYPE_DEFAULT as u8, &revisions);
    kernel().judge.check(rule::V10, tag != 0 && more, || {
        format!("{what}: the tag is 0, or ProtocolId, ContextSize, DataSize and fAllocateNetBuffer do not agree")
    });
    good && tag != 0 && more
}

pub(super) unsafe extern "efiapi" fn allocate_nbl_pool(
    _handle: NDIS_HANDLE,
    parameters: *const NET_BUFFER_LIST_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    enter("NdisAllocateNetBufferListPool");
    let p: NET_BUFFER_LIST_POOL_PARAMETERS = raw::read(parameters);
    let sizes = [
        NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1,
        NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_2,
    ];
    let more = p.ProtocolId == 0
        && usize::from(p.ContextSize) % ALIGNMENT == 0
        && (p.DataSize == 0 || p.fAllocateNetBuffer != 0);
    let good = check_pool("NET_BUFFER_LIST_POOL_PARAMETERS", p.Header, sizes, p.PoolTag, more);
    if !good || fails() {
        return std::ptr::null_mut();
    }
    kernel().ndis.objects.add(
        "NBL pool",
        Arc::new(Pool {
            with_nb: p.fAllocateNetBuffer != 0,
            context_size: usize::from(p.ContextSize),
            data_size: p.DataSize as usize,
            protocol_id: p.ProtocolId,
            out: AtomicUsize::new(0),
        }),
    )
}

pub(super) unsafe extern "efiapi" fn free_nbl_pool(handle: NDIS_HANDLE) {
    free_pool("NdisFreeNetBufferListPool", handle);
}

fn free_pool(function: &'static str, handle: NDIS_HANDLE) {
    enter(function);
    if let Some(pool) = kernel().ndis.objects.remove::<Pool>(function, handle) {
        let out = pool.out.load(Ordering::SeqCst);
        kernel().judge.check(rule::V27, out == 0, || {
            format!("{function} of {handle:p}, of which {out} NBLs or NBs are not freed yet")
        });
    }
}

/// Hands out the parts of a span one after the other, by the driver's addresses.
pub(super) struct Parts {
    /// Where they lie.
    pub(super) span: Span,
    used: usize,
}

impl Parts {
    pub(super) fn new(bytes: usize) -> Self {
        let span = kernel().memory.alloc(Kind::Descriptor, bytes);
        Self { span, used: 0 }
    }

    /// The next part, aligned for anything.
    pub(super) fn take<T>(&mut self, bytes: usize) -> *mut T {
        let at = self.used.next_multiple_of(ALIGNMENT);
        self.used = at + bytes;
        self.span.driver().wrapping_add(at).cast()
    }
}

/// Bytes that hold a data buffer and the MDL for it.
pub(super) fn mdl_and_data_size(data: usize) -> usize {
    if data == 0 { 0 } else { size_of_mdl(crate::memory::PAGE - 1, data) + data + 2 * ALIGNMENT }
}

/// A data buffer and an MDL for it.
pub(super) fn mdl_and_data(parts: &mut Parts, data: usize) -> *mut MDL {
    if data == 0 {
        return std::ptr::null_mut();
    }
    let buffer: *mut u8 = parts.take(data);
    let mdl: *mut MDL = parts.take(size_of_mdl(buffer.addr(), data));
    kernel().memory.mdls.write(mdl, buffer, data, MdlKind::NonPaged);
    mdl
}

/// What an NBL is allocated with.
struct Wanted {
    context: usize,
    backfill: usize,
    chain: *mut MDL,
    data_offset: u32,
    data_length: u32,
}

fn allocate_from(function: &'static str, handle: NDIS_HANDLE, pool: &Pool, wanted: &Wanted) -> *mut NET_BUFFER_LIST {
    let aligned = wanted.context.is_multiple_of(ALIGNMENT) && wanted.backfill.is_multiple_of(ALIGNMENT);
    kernel().judge.check(rule::V10, aligned, || {
        format!("{function}: ContextSize and ContextBackFill have to be multiples of {ALIGNMENT}")
    });
    if fails() {
        return std::ptr::null_mut();
    }
    let context = wanted.context + wanted.backfill.max(pool.context_size);
    let mut parts = Parts::new(
        size_of::<NET_BUFFER_LIST>()
            + size_of::<NET_BUFFER_LIST_CONTEXT>()
            + context
            + size_of::<NET_BUFFER>()
            + mdl_and_data_size(pool.data_size)
            + 3 * ALIGNMENT,
    );
    let nbl: *mut NET_BUFFER_LIST = parts.take(size_of::<NET_BUFFER_LIST>());
    if context > 0 {
        let at: *mut NET_BUFFER_LIST_CONTEXT = parts.take(size_of::<NET_BUFFER_LIST_CONTEXT>() + context);
        set_context(nbl, at, context as u16);
        if let Some(view) = raw::Context::at(at) {
            view.set_offset((context - wanted.context) as u16);
        }
    }
    let Some(view) = Nbl::at(nbl) else { return std::ptr::null_mut() };
    view.set_pool(handle);
    if pool.with_nb {
        let nb: *mut NET_BUFFER = parts.take(size_of::<NET_BUFFER>());
        let own = mdl_and_data(&mut parts, pool.data_size);
        if let Some(nb) = Nb::at(nb) {
            nb.set_pool(handle);
            let chain = if own.is_null() { wanted.chain } else { own };
            set_data(nb, chain, wanted.data_offset, wanted.data_length);
        }
        view.set_first_nb(nb);
    }
    let driver = thread::current_driver().unwrap_or(LAB);
    kernel().ndis.ledger.enter_allocated(nbl, parts.span, driver, function);
    pool.out.fetch_add(1, Ordering::SeqCst);
    nbl
}

pub(super) unsafe extern "efiapi" fn allocate_nbl(
    handle: NDIS_HANDLE,
    context: u16,
    backfill: u16,
) -> *mut NET_BUFFER_LIST {
    const FUNCTION: &str = "NdisAllocateNetBufferList";
    enter(FUNCTION);
    let Some(pool) = kernel().ndis.objects.get::<Pool>(FUNCTION, handle) else {
        return std::ptr::null_mut();
    };
    allocate_from(
        FUNCTION,
        handle,
        &pool,
        &Wanted {
            context: usize::from(context),
            backfill: usize::from(backfill),
            chain: std::ptr::null_mut(),
            data_offset: 0,
            data_length: 0,
        },
    )
}

pub(super) unsafe extern "efiapi" fn allocate_nb_and_nbl(
    handle: NDIS_HANDLE,
    context: u16,
    backfill: u16,
    chain: *mut MDL,
    data_offset: u32,
    data_length: usize,
) -> *mut NET_BUFFER_LIST {
    const FUNCTION: &str = "NdisAllocateNetBufferAndNetBufferList";
    enter(FUNCTION);
    let Some(pool) = kernel().ndis.objects.get::<Pool>(FUNCTION, handle) else {
        return std::ptr::null_mut();
    };
    kernel().judge.check(rule::V10, pool.with_nb && pool.data_size == 0, || {
        format!("{FUNCTION} needs a pool with fAllocateNetBuffer TRUE and DataSize 0")
    });
    let agrees = !chain.is_null() || data_offset == 0 && data_length == 0;
    kernel().judge.check(rule::V10, agrees, || {
        format!("{FUNCTION}: without an MDL chain DataOffset and DataLength have to be 0")
    });
    if !pool.with_nb || pool.data_size != 0 {
        return std::ptr::null_mut();
    }
    allocate_from(
        FUNCTION,
        handle,
        &pool,
        &Wanted {
            context: usize::from(context),
            backfill: usize::from(backfill),
            chain,
            data_offset,
            data_length: data_length as u32,
        },
    )
}

pub(super) unsafe extern "efiapi" fn free_nbl(nbl: *mut NET_BUFFER_LIST) {
    super::derived::judge_free("NdisFreeNetBufferList", nbl, 0);
    free_allocated("NdisFreeNetBufferList", nbl);
}

pub(super) fn free_allocated(function: &'static str, nbl: *mut NET_BUFFER_LIST) {
    enter(function);
    let driver = thread::current_driver().unwrap_or(LAB);
    let pool = Nbl::at(nbl).map(Nbl::pool);
    let freed = kernel().ndis.ledger.free(function, nbl, driver);
    if let (Some(_), Some(pool)) = (freed, pool.filter(|pool| !pool.is_null()))
        && let Some(pool) = kernel().ndis.objects.get::<Pool>(function, pool)
    {
        pool.out.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) unsafe extern "efiapi" fn allocate_nb_pool(
    _handle: NDIS_HANDLE,
    parameters: *const NET_BUFFER_POOL_PARAMETERS,
) -> NDIS_HANDLE {
    enter("NdisAllocateNetBufferPool");
    let p: NET_BUFFER_POOL_PARAMETERS = raw::read(parameters);
    let sizes = [NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_1, NDIS_SIZEOF_NET_BUFFER_POOL_PARAMETERS_REVISION_2];
    let good = check_pool("NET_BUFFER_POOL_PARAMETERS", p.Header, sizes, p.PoolTag, true);
    if !good || fails() {
        return std::ptr::null_mut();
    }
    kernel().ndis.objects.add(
        "NB pool",
        Arc::new(Pool {
            with_nb: true,
            context_size: 0,
            data_size: p.DataSize as usize,
            protocol_id: 0,
            out: AtomicUsize::new(0),
        }),
    )
}

pub(super) unsafe extern "efiapi" fn free_nb_pool(handle: NDIS_HANDLE) {
    free_pool("NdisFreeNetBufferPool", handle);
}

pub(super) unsafe extern "efiapi" fn allocate_nb(
    handle: NDIS_HANDLE,
    chain: *mut MDL,
    data_offset: u32,
    data_length: usize,
) -> *mut NET_BUFFER {
    enter("NdisAllocateNetBuffer");
    make_nb("NdisAllocateNetBuffer", handle, chain, data_offset, data_length as u32)
}

pub(super) unsafe extern "efiapi" fn allocate_nb_mdl_and_data(handle: NDIS_HANDLE) -> *mut NET_BUFFER {
    enter("NdisAllocateNetBufferMdlAndData");
    make_nb("NdisAllocateNetBufferMdlAndData", handle, std::ptr::null_mut(), 0, 0)
}

fn make_nb(
    function: &'static str,
    handle: NDIS_HANDLE,
    chain: *mut MDL,
    data_offset: u32,
    data_length: u32,
) -> *mut NET_BUFFER {
    let Some(pool) = kernel().ndis.objects.get::<Pool>(function, handle) else {
        return std::ptr::null_mut();
    };
    if fails() {
        return std::ptr::null_mut();
    }
    let size = size_of::<NET_BUFFER>() + mdl_and_data_size(pool.data_size) + ALIGNMENT;
    let mut parts = Parts::new(size);
    let nb: *mut NET_BUFFER = parts.take(size_of::<NET_BUFFER>());
    let own = mdl_and_data(&mut parts, pool.data_size);
    if let Some(view) = Nb::at(nb) {
        view.set_pool(handle);
        set_data(view, if own.is_null() { chain } else { own }, data_offset, data_length);
    }
    parts.span.open(Access::ReadWrite);
    pool.out.fetch_add(1, Ordering::SeqCst);
    let mdl = (!own.is_null()).then(|| own.expose_provenance());
    let piece = Piece { _span: parts.span, mdl, pool: handle.addr() };
    kernel().ndis.objects.add_at("NB", nb.addr(), Arc::new(piece));
    nb
}

pub(super) unsafe extern "efiapi" fn free_nb(nb: *mut NET_BUFFER) {
    const FUNCTION: &str = "NdisFreeNetBuffer";
    enter(FUNCTION);
    raw::touch(nb);
    let objects = &kernel().ndis.objects;
    if let Some(piece) = objects.remove::<Piece>(FUNCTION, nb.cast()) {
        let pool = std::ptr::without_provenance_mut(piece.pool);
        if let Some(pool) = objects.get::<Pool>(FUNCTION, pool) {
            pool.out.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

pub(super) unsafe extern "efiapi" fn pool_of_nbl(nbl: *const NET_BUFFER_LIST) -> NDIS_HANDLE {
    enter("NdisGetPoolFromNetBufferList");
    raw::touch(nbl);
    Nbl::at(nbl.cast_mut()).map_or(std::ptr::null_mut(), Nbl::pool)
}

pub(super) unsafe extern "efiapi" fn pool_of_nb(nb: *const NET_BUFFER) -> NDIS_HANDLE {
    enter("NdisGetPoolFromNetBuffer");
    raw::touch(nb);
    Nb::at(nb.cast_mut()).map_or(std::ptr::null_mut(), Nb::pool)
}

pub(super) unsafe extern "efiapi" fn protocol_id(nbl: *const NET_BUFFER_LIST) -> u8 {
    const FUNCTION: &str = "NdisGetNetBufferListProtocolId";
    enter(FUNCTION);
    raw::touch(nbl);
    let pool = Nbl::at(nbl.cast_mut()).map(Nbl::pool).unwrap_or_default();
    let is_drivers = kernel().ndis.ledger.find(nbl.cast_mut()).is_some_and(|p| p.is_drivers());
    if !is_drivers || pool.is_null() {
        return 0;
    }
    kernel().ndis.objects.get::<Pool>(FUNCTION, pool).map_or(0, |pool| pool.protocol_id)
}
