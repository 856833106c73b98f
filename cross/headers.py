#!/usr/bin/env python3
"""Writes the headers that Debian's DDK has not, from the ABI facts, for bindgen.

usage (from the root): cross/headers.py crates/ndis/abi

include/kmdf/wdf.h    KMDF: handles, structs, enums, callbacks, functions and their indices
include/km/newer.h    functions that Debian's headers do not declare, or define inline

The facts are tables of names, types, offsets and values. The header repeats sizes and offsets as static
assertions, so that it cannot disagree with its source.
"""

import re
import sys
from pathlib import Path

FACTS = Path(sys.argv[1])

INCLUDE = Path(__file__).parent / "include"

NEWER = """\
ExAcquireSpinLockExclusive ExAcquireSpinLockExclusiveAtDpcLevel
ExAcquireSpinLockShared ExAcquireSpinLockSharedAtDpcLevel
ExReleaseSpinLockExclusive ExReleaseSpinLockExclusiveFromDpcLevel
ExReleaseSpinLockShared ExReleaseSpinLockSharedFromDpcLevel
ExAllocatePool2
KeQueryInterruptTimePrecise KeQuerySystemTimePrecise KeQueryUnbiasedInterruptTimePrecise
KeGetCurrentIrql KeInitializeSpinLock KeLowerIrql KfRaiseIrql
""".split()

# Declared for each machine anew, so for ARM64 not at all.
MACHINE = """\
KeAcquireSpinLockAtDpcLevel KeAcquireSpinLockRaiseToDpc KeReleaseSpinLock KeReleaseSpinLockFromDpcLevel
""".split()

NEWER_HEAD = """\
/* Functions that Debian's DDK headers have not, or inline, as the ABI facts have them: written by cross/headers.py. */
#pragma once

typedef volatile LONG EX_SPIN_LOCK, *PEX_SPIN_LOCK;
typedef ULONG64 POOL_FLAGS;
"""

WDF_HEAD = """\
/* KMDF 1.33 as the ABI facts have it: written by cross/headers.py, not by hand. */
#pragma once

typedef void (*WDFFUNC)(void);
#define WdfFunctions WdfFunctions_01033
extern const WDFFUNC *WdfFunctions;
extern struct _WDF_DRIVER_GLOBALS *WdfDriverGlobals;
extern ULONG WdfFunctionCount;
extern ULONG WdfStructureCount;
extern BOOLEAN WdfClientVersionHigherThanFramework;
#ifndef WDF_STUB
__declspec(selectany) ULONG WdfMinimumVersionRequired = KMDF_MINIMUM_VERSION_REQUIRED;
#endif

typedef HANDLE WDFOBJECT, *PWDFOBJECT;
typedef PVOID WDFCONTEXT;
typedef struct WDFDEVICE_INIT *PWDFDEVICE_INIT;
typedef struct WDFCXDEVICE_INIT *PWDFCXDEVICE_INIT;
"""


def rows(name):
    """The rows of a table, without its comments, each padded to six fields."""
    for line in (FACTS / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield (line.split("\t") + [""] * 6)[:6]


def is_kmdf(name):
    return re.match(r"P?C?(EVT_|PFN_)?WDF", name) is not None


def function_types():
    """(name, type) of each KMDF function, callback and pointer to one, in C without attributes."""
    for name, kind, *_ in rows("callbacks.tsv"):
        if is_kmdf(name) or "_WDF" in name:
            yield name, re.sub(r"\s*__attribute__\(\(\w+\)\)", "", kind)


def declare(name, kind):
    """`typedef` of a type that is spelled without its name."""
    if "(*)" in kind:
        return "typedef " + kind.replace("(*)", f"(*{name})", 1) + ";"
    if "(" in kind:
        head, tail = kind.split("(", 1)
        return f"typedef {head.strip()} {name}({tail};"
    return f"typedef {kind} {name};"


# Fields that the headers align beyond what their type needs (the facts give offsets, not the reason for them).
ALIGNED = {
    (32, "UseHighResolutionTimer"),
    (24, "FileAttributes"),
    (32, "EaLength"),
}


class Field:
    """A struct or one field of it, with the fields inside it."""

    def __init__(self, name, offset, kind):
        self.name, self.offset, self.kind, self.fields = name, offset, kind, []

    def is_union(self):
        starts = {field.offset for field in self.fields}
        return len(starts) == 1 and (len(self.fields) > 1 or self.fields[0].kind == "struct/union")

    def declaration(self, indent):
        pad = "    " * indent
        if self.fields:
            tag = self.kind.removeprefix("struct ") if self.kind.startswith("struct _WDF") else ""
            return f"{pad}{self.body(indent, tag)} {self.name};"
        if (self.offset, self.name) in ALIGNED:
            pad += "__declspec(align(8)) "
        array = re.match(r"(.*?)(\[.*\])$", self.kind)
        kind, suffix = array.groups() if array else (self.kind, "")
        return f"{pad}{kind} {self.name}{suffix};"

    def body(self, indent, tag=""):
        pad = "    " * indent
        lines = [field.declaration(indent + 1) for field in self.fields]
        keyword = "union" if self.is_union() else "struct"
        return f"{keyword} {tag}{' ' if tag else ''}{{\n" + "\n".join(lines) + f"\n{pad}}}"


def structs():
    """(struct, size, [(path, offset)]) of each KMDF struct."""
    result, whole, paths = [], None, {}
    for name, path, offset, size, _, kind in rows("structs.tsv"):
        if not name.startswith("WDF_"):
            continue
        if not path:
            whole, paths = Field(name, 0, "struct/union"), {}
            paths[""] = whole
            result.append((whole, int(size), []))
            continue
        outer, _, last = path.rpartition(".")
        if outer not in paths or not re.match(r"struct/union|struct _WDF", paths[outer].kind):
            continue  # a field of a struct that another header declares
        field = Field(last, int(offset), kind)
        paths[outer].fields.append(field)
        paths[path] = field
        result[-1][2].append((path, int(offset)))
    return result


def newer():
    """The text of newer.h."""
    prototypes = {name: kind for name, _, kind, *_ in rows("functions.tsv")}

    def prototype(name):
        return prototypes[name].replace(" (", f" {name}(", 1) + ";"

    lines = [prototype(name) for name in NEWER]
    machine = [prototype(name) for name in MACHINE]
    return "\n".join([NEWER_HEAD, *lines, "#ifdef __aarch64__", *machine, "#endif"])


def wdf():
    """The text of wdf.h."""
    functions = list(function_types())
    records = structs()
    enums = {}
    for enum, name, value, *_ in rows("enums.tsv"):
        if enum.startswith("WDF"):
            enums.setdefault(enum, []).append((name, value))

    out = [WDF_HEAD]

    # Every other KMDF type named anywhere is a handle, or a struct that is only pointed to.
    named = set()
    for _, kind in functions:
        named |= set(re.findall(r"\w+", kind))
    for whole, _, _ in records:
        named |= set(re.findall(r"\b(?<!struct )\w+", whole.body(0)))
    known = {name for name, _ in functions} | set(enums) | {"WDFCONTEXT", "WDFOBJECT", "PWDFDEVICE_INIT"}
    known |= {whole.name for whole, _, _ in records} | {"PWDFCXDEVICE_INIT"}
    for name in sorted(named - known):
        if re.fullmatch(r"WDF[A-Z]+", name):
            out.append(f"typedef struct {name}__ {{ int unused; }} *{name};")
        elif match := re.fullmatch(r"P(C?)(WDF\w+)", name):
            const = "const " if match[1] else ""
            out.append(f"typedef {const}struct _{match[2]} *{name};")

    out.append("")
    for enum, values in enums.items():
        lines = "".join(f"    {name} = {value},\n" for name, value in values)
        # An enum is an int to MSVC; other compilers choose by its values.
        out.append(f"typedef enum _{enum} : int {{\n{lines}}} {enum}, *P{enum};")

    out.append("")
    events = [(name, kind) for name, kind in functions if name.startswith("EVT_")]
    events.sort(key=lambda event: "(" not in event[1])  # other names for an event come after it
    out += [declare(name, kind) for name, kind in events]
    out += [declare(name, kind) for name, kind in functions if re.match(r"PFN_WDF(DEVICE_WDM)?_", name)]
    out.append("typedef PCWDF_OBJECT_CONTEXT_TYPE_INFO (*PFN_GET_UNIQUE_CONTEXT_TYPE)(void);")

    for whole, size, paths in records:
        out.append(f"typedef {whole.body(0, '_' + whole.name)} {whole.name};")
        out.append(f"_Static_assert(sizeof({whole.name}) == {size}, \"{whole.name}\");")
        for path, offset in paths:
            out.append(f"_Static_assert(__builtin_offsetof({whole.name}, {path}) == {offset}, \"{whole.name}.{path}\");")

    out += [declare(name, kind) for name, kind in functions
            if name.startswith("PFN_WDF") and not re.match(r"PFN_WDF(DEVICE_WDM)?_", name)]

    for name, value, *_ in rows("constants.tsv"):
        if re.match(r"WDF_", name) and not name.startswith("WDF_NO_") and name != "WDF_NULL_POINTER":
            out.append(f"#define {name} {value}")
    return "\n".join(out)


(INCLUDE / "kmdf/wdf.h").write_text(wdf() + "\n")
(INCLUDE / "km/newer.h").write_text(newer() + "\n")
