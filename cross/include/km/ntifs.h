/* Debian's ntifs.h, less what it inlines that Windows exports, and with what it lacks. */
#pragma once
#define KeGetCurrentIrql InlineKeGetCurrentIrql
#define KeInitializeSpinLock InlineKeInitializeSpinLock
#define KeLowerIrql InlineKeLowerIrql
#define KfRaiseIrql InlineKfRaiseIrql
#ifdef __aarch64__
/* Debian's headers do not know ARM64. As an ARM it takes the machine's part from armddk.h, as an Itanium its
   structs are laid out for 64 bits. */
#define _M_ARM
#define _IA64_
#endif
#include_next <ntifs.h>
#undef KeGetCurrentIrql
#undef KeInitializeSpinLock
#undef KeLowerIrql
#undef KfRaiseIrql
#include "newer.h"
