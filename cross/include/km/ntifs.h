/* Debian's ntifs.h, less what it inlines that Windows exports, and with what it lacks. */
#pragma once
#define KeGetCurrentIrql InlineKeGetCurrentIrql
#define KeInitializeSpinLock InlineKeInitializeSpinLock
#define KeLowerIrql InlineKeLowerIrql
#define KfRaiseIrql InlineKfRaiseIrql
#include_next <ntifs.h>
#undef KeGetCurrentIrql
#undef KeInitializeSpinLock
#undef KeLowerIrql
#undef KfRaiseIrql
#include "newer.h"
