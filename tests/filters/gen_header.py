#!/usr/bin/env python3
"""Generates include/*_abi.h from the ABI facts (crates/ndis/abi/*.tsv).

The headers declare enough of wdm.h and ndis.h (ntddk_ndis_abi.h) and of wdf.h (kmdf_abi.h) to compile an NDIS light
filter with a control device in C, with nothing but clang:

    clang-19 --target=x86_64-pc-windows-msvc -ffreestanding -Iinclude -c passthru.c

They come from the facts alone, so a filter built on them shares no declaration with the bindings in crates/ndis: where the
two disagree, one of them is wrong. The layout of each struct is asserted when a header is compiled.

    gen_header.py            writes the headers
    gen_header.py --check    fails if a header is not what would be written
"""

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
FACTS = HERE.parents[1] / "crates" / "ndis" / "abi"
INCLUDE = HERE / "include"

# The scalars of the facts' types: C type, size.
SCALARS = {
    "void": ("void", 0),
    "BOOLEAN": ("unsigned char", 1),
    "UCHAR": ("unsigned char", 1),
    "CHAR": ("char", 1),
    "CCHAR": ("char", 1),
    "USHORT": ("unsigned short", 2),
    "CSHORT": ("short", 2),
    "WCHAR": ("unsigned short", 2),
    "ULONG": ("unsigned long", 4),
    "LONG": ("long", 4),
    "UINT": ("unsigned int", 4),
    "UINT32": ("unsigned int", 4),
    "ULONGLONG": ("unsigned long long", 8),
    "LONGLONG": ("long long", 8),
    "ULONG64": ("unsigned long long", 8),
    "LONG64": ("long long", 8),
    "SIZE_T": ("unsigned long long", 8),
    "size_t": ("unsigned long long", 8),
    "ULONG_PTR": ("unsigned long long", 8),
    "LONG_PTR": ("long long", 8),
    "PVOID": ("void *", 8),
    "HANDLE": ("void *", 8),
    "NDIS_HANDLE": ("void *", 8),
    "NTSTATUS": ("long", 4),
    "NDIS_STATUS": ("int", 4),
    "NDIS_OID": ("unsigned long", 4),
    "NDIS_PORT_NUMBER": ("unsigned long", 4),
    "NDIS_NIC_SWITCH_ID": ("unsigned long", 4),
    "NDIS_NIC_SWITCH_VPORT_ID": ("unsigned long", 4),
    "NDIS_RSS_CAPS_FLAGS": ("unsigned long", 4),
    "NET_IFINDEX": ("unsigned long", 4),
    "NET_IFTYPE": ("unsigned short", 2),
    "ACCESS_MASK": ("unsigned long", 4),
    "SECURITY_INFORMATION": ("unsigned long", 4),
    "LCID": ("unsigned long", 4),
    "KIRQL": ("unsigned char", 1),
    "KPRIORITY": ("long", 4),
    "KPROCESSOR_MODE": ("char", 1),
    "KSPIN_LOCK": ("unsigned long long", 8),
    "EX_SPIN_LOCK": ("long", 4),
    "KAFFINITY": ("unsigned long long", 8),
    "POOL_FLAGS": ("unsigned long long", 8),
    "unsigned char": ("unsigned char", 1),
    "unsigned short": ("unsigned short", 2),
    "unsigned long": ("unsigned long", 4),
}

# Enumerations that the facts name but do not list.
OTHER_ENUMS = [
    "BUS_QUERY_ID_TYPE",
    "DEVICE_RELATION_TYPE",
    "DEVICE_TEXT_TYPE",
    "DEVICE_USAGE_NOTIFICATION_TYPE",
    "DIRECTORY_NOTIFY_INFORMATION_CLASS",
    "EX_POOL_PRIORITY",
    "FILE_INFORMATION_CLASS",
    "FS_INFORMATION_CLASS",
    "LOCK_OPERATION",
    "NDIS_MEDIA_CONNECT_STATE",
    "NDIS_MEDIA_DUPLEX_STATE",
    "NDIS_PARAMETER_TYPE",
    "NDIS_PHYSICAL_MEDIUM",
    "NDIS_RFC6877_464XLAT_OFFLOAD_OPTIONS",
    "NDIS_SUPPORTED_PAUSE_FUNCTIONS",
    "POWER_ACTION",
    "POWER_STATE_TYPE",
    "WORK_QUEUE_TYPE",
]

# Typedefs that are another name of a type in the facts.
ALIASES = {
    "NDIS_STRING": "UNICODE_STRING",
    "NET_LUID_LH": "NET_LUID",
    "PHYSICAL_ADDRESS": "LARGE_INTEGER",
    "NDIS_PHYSICAL_ADDRESS": "LARGE_INTEGER",
}

# Pointer typedefs that do not follow the rule `PX` is `X *`.
POINTERS = {
    "PWCH": "WCHAR *",
    "PCSTR": "const CHAR *",
    "LPCSTR": "const CHAR *",
    "PCWSTR": "const WCHAR *",
    "LPCGUID": "const GUID *",
    "LPGUID": "GUID *",
    "PRKEVENT": "KEVENT *",
    "PRKDPC": "KDPC *",
    "PCUNICODE_STRING": "const UNICODE_STRING *",
    # void (*)(PVOID, NDIS_HANDLE), which the facts do not describe.
    "NDIS_IO_WORKITEM_ROUTINE": "void *",
}

# Structs without rows of their own that are embedded by value.
SMALL_STRUCTS = {
    "GUID": ("ULONG Data1; USHORT Data2; USHORT Data3; UCHAR Data4[8];", 16, 4),
    "SINGLE_LIST_ENTRY": ("struct _SINGLE_LIST_ENTRY *Next;", 8, 8),
    "PROCESSOR_NUMBER": ("USHORT Group; UCHAR Number; UCHAR Reserved;", 4, 2),
}


def rows(name):
    for line in (FACTS / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def is_kmdf(name):
    return name.startswith(("WDF", "EVT_WDF", "PFN_", "EVT_"))


def plain(name):
    """`struct _FOO` and `FOO` are the same."""
    name = re.sub(r"\b(struct|union)\s+_", "", name.strip())
    return ALIASES.get(name, name)


@dataclass
class Node:
    """A field, or the struct itself, with the fields inside it."""

    offset: int = 0
    c_type: str = ""
    bits: tuple | None = None
    children: dict = field(default_factory=dict)


class Facts:
    def __init__(self):
        self.layouts, self.trees = {}, {}
        for name, path, offset, size, align, c_type in rows("structs.tsv"):
            if not path:
                self.layouts[name] = (int(size), int(align))
                self.trees[name] = Node()
                continue
            node = self.trees[name]
            for part in path.split("."):
                node = node.children.setdefault(part, Node())
            node.offset, node.c_type = int(offset), c_type
            if size.startswith(":"):
                low, high = size[1:].split("-")
                node.bits = (int(offset) * 8 + int(low), int(offset) * 8 + int(high))
        self.enums = {}
        for enum, name, value in rows("enums.tsv"):
            self.enums.setdefault(enum, []).append((name, int(value)))
        self.callbacks = {
            name: re.sub(r"\s*__attribute__.*", "", prototype)
            for name, prototype in rows("callbacks.tsv")
        }
        self.functions = {
            name: re.sub(r"\s*__attribute__.*", "", prototype)
            for name, kind, prototype in rows("functions.tsv")
            if kind == "export" and not is_kmdf(name)
        }
        self.constants = [(name, int(value, 16)) for name, value in rows("constants.tsv")]
        self.opaque_pointers, self.opaque_structs, self.handles = set(), set(), set()

    def resolve(self, c_type):
        """A type of the facts as this header's (type, array suffix, size, alignment); None if it is not described."""
        c_type = c_type.replace("volatile", "").strip()
        if match := re.fullmatch(r"(.*?)\[(\d*)\]", c_type):
            base = self.resolve(match[1])
            count = int(match[2] or 0)
            return base and (base[0], f"[{count}]", base[2] * count, base[3])
        if c_type.endswith("*"):
            const = "const " if c_type.startswith("const ") else ""
            target = plain(re.sub(r"^const\s+", "", c_type[:-1].strip()))
            if target.endswith("*") or self.resolve(target) is None and target not in self.callbacks:
                self.opaque_structs.add(target)
            return f"{const}{target} *", "", 8, 8
        name = plain(c_type)
        if name in SCALARS:
            size = SCALARS[name][1]
            return name, "", size, size
        if name in self.layouts:
            return name, "", *self.layouts[name]
        if name in SMALL_STRUCTS:
            return name, "", *SMALL_STRUCTS[name][1:]
        if name in self.enums or name in OTHER_ENUMS:
            return name, "", 4, 4
        if name in POINTERS or name.endswith("_HANDLER") and name in self.callbacks:
            return name, "", 8, 8
        if name.startswith("PFN_") and name in self.callbacks:
            return name, "", 8, 8
        if re.fullmatch(r"WDF[A-Z]+", name):
            self.handles.add(name)
            return name, "", 8, 8
        if re.match(r"P[A-Z]", name):
            if name[1:] not in SCALARS and name[1:] not in self.layouts and name[1:] not in SMALL_STRUCTS:
                if name[1:] not in self.callbacks and name[1:] not in self.enums and name[1:] not in ALIASES:
                    self.opaque_pointers.add(name)
            return name, "", 8, 8
        return None

    def embedded(self, node):
        """The structs that a struct's fields embed by value."""
        for child in node.children.values():
            name = plain(child.c_type.split("[")[0])
            if name in self.layouts or name in SMALL_STRUCTS:
                yield name
            else:
                yield from self.embedded(child)


@dataclass
class Piece:
    """What goes at one place of a struct: lines of C, from where to where in bytes, and its alignment."""

    start: int
    end: int
    align: int
    lines: list
    asserted: list


def indent(lines):
    return ["    " + line for line in lines]


def bit_pieces(fields, base):
    """Bit-fields, as runs that lie in the same storage unit's sequence."""
    runs = []
    for name, node, size in sorted(fields, key=lambda entry: entry[1].bits):
        low = node.bits[0]
        if not runs or runs[-1][2] != size or runs[-1][3] > low or low // (size * 8) > (runs[-1][3] - 1) // (size * 8) + 1:
            start = low // (size * 8) * size
            runs.append([start, [], size, start * 8])
        run = runs[-1]
        if low > run[3]:
            run[1].append(f"{node.c_type} : {low - run[3]};")
        run[1].append(f"{node.c_type} {name} : {node.bits[1] - low + 1};")
        run[3] = node.bits[1] + 1
    return [Piece(start, -(-end // (size * 8)) * size, size, lines, []) for start, lines, size, end in runs]


def pieces(facts, node):
    """The fields of a struct or union, each at its offset."""
    result, bits = [], []
    for name, child in node.children.items():
        if child.bits:
            bits.append((name, child, SCALARS[plain(child.c_type)][1]))
            continue
        known = facts.resolve(child.c_type)
        if known:
            c_type, suffix, size, align = known
            space = "" if c_type.endswith("*") else " "
            line = f"{c_type}{space}{name}{suffix};"
            result.append(Piece(child.offset, child.offset + size, max(align, 1), [line], [name]))
        elif child.children:
            inner, size, align = body(facts, child, child.offset)
            lines = ["struct {", *indent(inner[0]), f"}} {name};"]
            asserted = [name] + [f"{name}.{path}" for path in inner[1]]
            result.append(Piece(child.offset, child.offset + size, align, lines, asserted))
        # What is left is a view without fields in the facts: its bytes are padding here.
    return result + bit_pieces(bits, node.offset)


def body(facts, node, base):
    """The members of a struct that starts at `base`: ((lines, paths to assert), size, alignment)."""
    lines, asserted, at, align = [], [], base, 1
    todo = sorted(pieces(facts, node), key=lambda piece: piece.start)
    while todo:
        group = [todo.pop(0)]
        end = group[0].end
        while todo and todo[0].start < end:
            end = max(end, todo[0].end)
            group.append(todo.pop(0))
        start = group[0].start
        # What alignment alone leaves free the compiler leaves free too.
        group_align = max(piece.align for piece in group)
        if start != -(-at // group_align) * group_align:
            lines.append(f"UCHAR Padding{at - base}[{start - at}];")
        if len(group) == 1:
            lines += group[0].lines
        else:
            lines += ["union {", *indent(union_members(group, start)), "};"]
        asserted += [path for piece in group for path in piece.asserted]
        align = max(align, group_align)
        at = end
    size = -(-(at - base) // align) * align
    return (lines, asserted), size, align


def union_members(group, start):
    """Pieces that share bytes from `start` on, as members of one union."""
    for index, piece in enumerate(group):
        # Bit-fields have no offset to assert; they, and what starts later, need a struct of their own.
        if piece.start == start and piece.asserted:
            yield from piece.lines
            continue
        before = piece.start - start
        padding = [f"UCHAR Before{piece.start}_{index}[{before}];"] if before else []
        yield from ["struct {", *indent(padding + piece.lines), "};"]


def struct(facts, name):
    size, align = facts.layouts[name]
    (lines, asserted), natural, _ = body(facts, facts.trees[name], 0)
    if natural > size:
        sys.exit(f"{name}: {natural} bytes of fields, {size} in the facts")
    if natural < size - (size % align):
        lines.append(f"UCHAR PaddingEnd[{size - natural}];")
    # An alignment attribute only raises: where the fields need more than the facts say, the assertion below fails.
    yield f"struct __attribute__((aligned({align}))) _{name} {{"
    yield from indent(lines)
    yield "};"
    yield f"_Static_assert(sizeof({name}) == {size} && _Alignof({name}) == {align}, \"{name}\");"
    for path in asserted:
        node = facts.trees[name]
        for part in path.split("."):
            node = node.children[part]
        yield f"_Static_assert(__builtin_offsetof({name}, {path}) == {node.offset}, \"{name}.{path}\");"


def ordered(facts):
    """The structs, each after those that it embeds."""
    done = []

    def visit(name):
        if name in facts.layouts and name not in done:
            for inner in facts.embedded(facts.trees[name]):
                visit(inner)
            done.append(name)

    for name in facts.layouts:
        visit(name)
    return done


def split(prototype):
    result, parameters = re.fullmatch(r"(.*?)\s*\((.*)\)", prototype).groups()
    return result, [parameter.strip() for parameter in parameters.split(",")]


def declaration(facts, prototype):
    """(result, parameters) as this header's types; None where a type is not described."""
    result, parameters = split(prototype)
    types = []
    for parameter in [result, *parameters]:
        if parameter == "...":
            types.append("...")
            continue
        known = facts.resolve(parameter)
        if known is None:
            return None
        types.append(known[0] + known[1])
    return types[0], ", ".join(types[1:])


def number(name, value):
    if name.startswith(("STATUS_", "NDIS_STATUS_")) or value >> 32 == 0xFFFFFFFF:
        return f"((NTSTATUS)0x{value & 0xFFFFFFFF:08x})"
    return f"0x{value:x}" if value >> 32 == 0 else f"0x{value:x}ULL"


def function_types(facts, kmdf=False):
    prototypes, aliases, pointers, functions = [], [], [], []
    unknown = set()
    for name, prototype in facts.callbacks.items():
        if is_kmdf(name) != kmdf:
            continue
        if match := re.fullmatch(r"(.*?) \(\*\)(\(.*\))", prototype):
            if declared := declaration(facts, match[1] + match[2]):
                functions.append(f"typedef {declared[0]} (*{name})({declared[1]});")
        elif prototype.endswith(("(*)", "*")):
            target = prototype.removesuffix("(*)").removesuffix("*").strip()
            pointers.append(f"typedef {'void' if target in unknown else target} *{name};")
            continue
        if prototype.endswith(")"):
            if not (declared := declaration(facts, prototype)):
                unknown.add(name)
                continue
            prototypes.append(f"typedef {declared[0]} {name}({declared[1]});")
        else:
            aliases.append(f"typedef {prototype} {name};")
        if not kmdf:
            pointers.append(f"typedef {name} *P{name};")
    return prototypes + aliases + pointers + functions


def enumerations(facts, kmdf):
    for enum, values in facts.enums.items():
        if is_kmdf(enum) == kmdf:
            yield f"typedef enum _{enum} {{"
            yield from indent(f"{name} = {value}," for name, value in values)
            yield f"}} {enum};"


def structs_of(facts, kmdf):
    names = [name for name in ordered(facts) if is_kmdf(name) == kmdf]
    return [line for name in names for line in [*struct(facts, name), ""]]


def generate():
    facts = Facts()
    structs = structs_of(facts, kmdf=False)
    callbacks = function_types(facts)
    functions = []
    for name, prototype in facts.functions.items():
        if declared := declaration(facts, prototype):
            result, parameters = declared
            functions.append(f"__declspec(dllimport) {result} {name}({parameters});")
    out = [
        "/* Generated by gen_header.py from crates/ndis/abi: do not edit.",
        " *",
        " * wdm.h and ndis.h as far as the ABI facts describe them, for NDIS 6.87 on x86-64. A function with a type by value",
        " * that the facts do not describe is left out, and so is what the headers define inline. */",
        "#pragma once",
        "",
        "/* Scalars. */",
    ]
    out += [f"typedef {c} {name};" for name, (c, _) in SCALARS.items() if name != "void" and not name.startswith("unsigned")]
    out += ["", "/* Enumerations. */"]
    out += enumerations(facts, kmdf=False)
    out += [f"typedef int {enum};" for enum in OTHER_ENUMS]
    out += ["", "/* Structs by name, and pointers. */"]
    for name in [*SMALL_STRUCTS, *(name for name in facts.layouts if not is_kmdf(name))]:
        out.append(f"typedef struct _{name} {name}, *P{name};")
    out += [f"typedef {name} {alias}, *P{alias};" for alias, name in ALIASES.items()]
    out += [f"typedef {target}{name};" for name, target in POINTERS.items()]
    out += [f"typedef {name} *P{name};" for name in SCALARS if not name.startswith(("unsigned", "void", "PVOID"))]
    out += [f"typedef struct _{name} {name};" for name in sorted(facts.opaque_structs) if not re.match(r"P[A-Z]", name)]
    out += [f"typedef void *{name};" for name in sorted(facts.opaque_pointers)]
    out += ["", "/* Function types. */", *callbacks]
    out += ["", "/* Structs. */"]
    for name, (members, size, align) in SMALL_STRUCTS.items():
        out += [f"struct _{name} {{ {members} }};", f'_Static_assert(sizeof({name}) == {size}, "{name}");']
    out += ["", *structs, "/* Functions. */", *functions, "", "/* Constants. */"]
    out += [f"#define {name} {number(name, value)}" for name, value in facts.constants]
    return "\n".join(out) + "\n"


def generate_kmdf():
    facts = Facts()
    # What the other header has is not declared anew.
    structs_of(facts, kmdf=False)
    function_types(facts)
    known = facts.opaque_pointers | facts.opaque_structs
    structs = structs_of(facts, kmdf=True)
    types = function_types(facts, kmdf=True)
    functions = []
    for index_name, index in facts.enums["WDFFUNCENUM"]:
        name = index_name.removesuffix("TableIndex")
        pointer = f"PFN_{name.upper()}"
        if any(f" (*{pointer})(" in line for line in types):
            call = f"(({pointer})WdfFunctions[{index}])(WdfDriverGlobals, ##__VA_ARGS__)"
            functions.append(f"#define {name}(...) {call}")
    out = [
        "/* Generated by gen_header.py from crates/ndis/abi: do not edit.",
        " *",
        " * wdf.h as far as the ABI facts describe it, for KMDF 1.33 on x86-64. Functions go through the table that binding",
        " * hands out; `WdfFunctions` and `WdfDriverGlobals` are the including file's. */",
        "#pragma once",
        '#include "ntddk_ndis_abi.h"',
        "",
        "/* Enumerations. */",
        *enumerations(facts, kmdf=True),
        "",
        "/* Handles, structs by name, and pointers. */",
        # A WDFOBJECT is a handle of any kind.
        "typedef HANDLE WDFOBJECT;",
        *(f"typedef struct {name}__ *{name};" for name in sorted(facts.handles) if name != "WDFOBJECT"),
        *(f"typedef struct _{name} {name}, *P{name};" for name in facts.layouts if is_kmdf(name)),
        *(f"typedef struct _{name} {name};" for name in sorted(facts.opaque_structs - known)),
        *(f"typedef void *{name};" for name in sorted(facts.opaque_pointers - known)),
        "",
        "/* Function types. */",
        *types,
        "",
        "/* Structs. */",
        *structs,
        "/* Functions. */",
        *functions,
    ]
    return "\n".join(out) + "\n"


def main():
    headers = {"ntddk_ndis_abi.h": generate(), "kmdf_abi.h": generate_kmdf()}
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    for name, text in headers.items():
        path = INCLUDE / name
        if not sys.argv[1:]:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"{path} is not what {Path(__file__).name} generates: run it")


if __name__ == "__main__":
    main()
