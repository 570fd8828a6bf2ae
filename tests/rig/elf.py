# SPDX-License-Identifier: BSD-2-Clause
"""Which shared libraries a program needs, read from its ELF headers.

Not ldd: it would run the other release's loader and answer for this machine's libraries, not for the image's.
"""
import os
import pathlib
import struct

LIBRARY_DIRS = ["usr/local/lib", "usr/local/lib64", "usr/local/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu",
                "lib/x86_64-linux-gnu", "usr/lib64", "lib64", "usr/lib", "lib"]
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 1, 5, 15, 29


def _string(data, offset):
    return data[offset:data.index(b"\0", offset)].decode()


def dynamic(path):
    """(needed sonames, run path folders, interpreter or None) of an ELF64 file; None if it is not one."""
    data = pathlib.Path(path).read_bytes()
    if data[:5] != b"\x7fELF\x02":
        return None
    phoff, = struct.unpack_from("<Q", data, 32)
    phentsize, phnum = struct.unpack_from("<HH", data, 54)
    loads, dyn, interp = [], None, None
    for i in range(phnum):
        kind, _, offset, vaddr, _, filesz = struct.unpack_from("<IIQQQQ", data, phoff + i * phentsize)
        if kind == PT_LOAD:
            loads.append((vaddr, offset, filesz))
        elif kind == PT_DYNAMIC:
            dyn = (offset, filesz)
        elif kind == PT_INTERP:
            interp = _string(data, offset)
    entries = list(struct.iter_unpack("<QQ", data[dyn[0]:dyn[0] + dyn[1]])) if dyn else []
    strtab = next((v for tag, v in entries if tag == DT_STRTAB), 0)
    base = next((o + strtab - v for v, o, size in loads if v <= strtab < v + size), 0)
    needed = [_string(data, base + v) for tag, v in entries if tag == DT_NEEDED]
    paths = [p for tag, v in entries if tag in (DT_RPATH, DT_RUNPATH) for p in _string(data, base + v).split(":")]
    return needed, paths, interp


class Libraries:
    """Looks sonames up in several installed trees, the first that has one wins."""

    def __init__(self, roots):
        self.roots = [pathlib.Path(r) for r in roots]

    def find(self, soname, extra=()):
        """(root, path under it) of a soname, or None."""
        for root in self.roots:
            for folder in [p.lstrip("/") for p in extra if p.startswith("/")] + LIBRARY_DIRS:
                if os.path.lexists(root / folder / soname):
                    return root, f"{folder}/{soname}"
        return None

    def closure(self, files, also=(), skip=lambda soname: False):
        """({(root, path)} of everything the files need, transitively, and of the sonames in also; [what no tree has])."""
        found, missing, seen = set(), [], set()
        todo = [(soname, ()) for soname in also]

        def needs(path):
            info = dynamic(path)
            if info:
                needed, paths, interp = info
                todo.extend((soname, paths) for soname in needed + ([os.path.basename(interp)] if interp else []))
        for path in files:
            needs(path)
        while todo:
            soname, paths = todo.pop()
            if soname in seen or skip(soname):
                continue
            seen.add(soname)
            hit = self.find(soname, paths)
            if hit is None:
                missing.append(soname)
            else:
                found.add(hit)
                needs(hit[0] / hit[1])
        return found, missing
