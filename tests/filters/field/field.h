/* What the filters of this folder share. Each is a design of its own, sound, and lists its ways to break a rule:
 *
 *     enum {
 *         SOUND,
 *         WAY, // V12: how
 *     };
 *
 * with the comment between slashes and stars, a way a line. `cargo xtask field` compiles it once for each, with FAULT as that
 * name, and the source asks `FAULT == WAY` where it goes wrong. Beside this header are those that they start from: for the
 * data path, for a WDM device, for a device by KMDF. */
#pragma once
#include "ntddk_ndis_abi.h"

#define TAG 0x646c6966 /* "fild", as its bytes lie in memory */
#define MILLISECONDS(n) (-10000ll * (n))

__declspec(dllimport) void *memcpy(void *, const void *, size_t);
__declspec(dllimport) void *memset(void *, int, size_t);
