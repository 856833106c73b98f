/* NBLs derived from another: its fragments and what they make when they are put together again, without a copy. */
#include "wdm.h"

#define TAG 0x76726564 /* "derv" */

static UCHAR bytes[250];
static NDIS_HANDLE pool;
static PNET_BUFFER_LIST original;

/* The byte at a place in an NB's used data. */
static UCHAR *at(PNET_BUFFER nb, ULONG offset) {
    PMDL mdl = nb->CurrentMdl;
    offset += nb->CurrentMdlOffset;
    while (offset >= mdl->ByteCount) {
        offset -= mdl->ByteCount;
        mdl = mdl->Next;
    }
    return (UCHAR *)system_address(mdl) + offset;
}

static ULONG make_original(void) {
    NET_BUFFER_LIST_POOL_PARAMETERS parameters = {
        .Header = { NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NET_BUFFER_LIST_POOL_PARAMETERS_REVISION_1 },
        .fAllocateNetBuffer = 1,
        .PoolTag = TAG,
    };
    pool = NdisAllocateNetBufferListPool(registration, &parameters);
    CHECK(pool);
    PMDL mdl = NdisAllocateMdl(registration, bytes, sizeof(bytes));
    CHECK(mdl);
    for (ULONG i = 0; i < sizeof(bytes); i++)
        bytes[i] = (UCHAR)i;
    original = NdisAllocateNetBufferAndNetBufferList(pool, 0, 0, mdl, 10, 200);
    CHECK(original);
    return 0;
}

static ULONG fragments(void) {
    PNET_BUFFER_LIST cut = NdisAllocateFragmentNetBufferList(original, pool, 0, 20, 70, 14, 6, 0);
    CHECK(cut && cut->ParentNetBufferList == original && !cut->Context && cut->NdisPoolHandle == pool);
    ULONG lengths[] = { 84, 84, 54 }, count = 0, from = 30;
    for (PNET_BUFFER nb = cut->FirstNetBuffer; nb; nb = nb->Next, count++) {
        CHECK(count < 3 && nb->DataLength == lengths[count] && nb->DataOffset == 6);
        CHECK(at(nb, 14) == bytes + from && *at(nb, nb->DataLength - 1) == from + nb->DataLength - 15);
        *at(nb, 0) = 0xee; /* the room for a header is the fragment's own */
        from += nb->DataLength - 14;
    }
    CHECK(count == 3 && bytes[29] == 29);
    NdisFreeFragmentNetBufferList(cut, 14, 0);
    return 0;
}

static ULONG reassembled(void) {
    PNET_BUFFER_LIST cut = NdisAllocateFragmentNetBufferList(original, pool, 0, 0, 64, 0, 0, 0);
    CHECK(cut);
    PNET_BUFFER_LIST whole = NdisAllocateReassembledNetBufferList(cut, pool, 4, 8, 0, 0);
    CHECK(whole && whole->ParentNetBufferList == cut);
    PNET_BUFFER nb = whole->FirstNetBuffer;
    CHECK(!nb->Next && nb->DataLength == 8 + 200 - 4 * 4 && at(nb, 8) == bytes + 14);
    CHECK(*at(nb, 8 + 60) == 10 + 64 + 4 && *at(nb, nb->DataLength - 1) == 209);
    NdisFreeReassembledNetBufferList(whole, 8, 0);
    NdisFreeFragmentNetBufferList(cut, 0, 0);
    return 0;
}

static ULONG free_original(void) {
    PMDL mdl = original->FirstNetBuffer->MdlChain;
    NdisFreeNetBufferList(original);
    NdisFreeMdl(mdl);
    NdisFreeNetBufferListPool(pool);
    return 0;
}

static check *const checks[] = { make_original, fragments, reassembled, free_original };

CHECKING_DEVICE(L"derived")
