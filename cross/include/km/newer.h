/* Functions that Debian's DDK headers have not, or inline, as the ABI facts have them: written by cross/headers.py. */
#pragma once

typedef volatile LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
typedef ULONG64 POOL_FLAGS;

KIRQL ExAcquireSpinLockExclusive(PEX_SPIN_LOCK);
void ExAcquireSpinLockExclusiveAtDpcLevel(PEX_SPIN_LOCK);
KIRQL ExAcquireSpinLockShared(PEX_SPIN_LOCK);
void ExAcquireSpinLockSharedAtDpcLevel(PEX_SPIN_LOCK);
void ExReleaseSpinLockExclusive(PEX_SPIN_LOCK, KIRQL);
void ExReleaseSpinLockExclusiveFromDpcLevel(PEX_SPIN_LOCK);
void ExReleaseSpinLockShared(PEX_SPIN_LOCK, KIRQL);
void ExReleaseSpinLockSharedFromDpcLevel(PEX_SPIN_LOCK);
PVOID ExAllocatePool2(POOL_FLAGS, SIZE_T, ULONG);
ULONG64 KeQueryInterruptTimePrecise(PULONG64);
void KeQuerySystemTimePrecise(PLARGE_INTEGER);
ULONG64 KeQueryUnbiasedInterruptTimePrecise(PULONG64);
KIRQL KeGetCurrentIrql(void);
void KeInitializeSpinLock(PKSPIN_LOCK);
void KeLowerIrql(KIRQL);
KIRQL KfRaiseIrql(KIRQL);
#ifdef __aarch64__
void KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK);
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK);
void KeReleaseSpinLock(PKSPIN_LOCK, KIRQL);
void KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK);
#endif
