# SPDX-License-Identifier: BSD-2-Clause
"""A newc cpio archive in memory: the kernel unpacks several of them one after the other as its initramfs."""
import os
import pathlib
import stat


class Archive:
    def __init__(self):
        self.entries = {}  # name -> (mode, bytes)

    def folder(self, name):
        name = name.strip("/")
        if name and name not in self.entries:
            self.folder(os.path.dirname(name))
            self.entries[name] = (stat.S_IFDIR | 0o755, b"")

    def _add(self, name, mode, data):
        name = name.strip("/")
        self.folder(os.path.dirname(name))
        self.entries[name] = (mode, data)

    def text(self, name, content, mode=0o644):
        self._add(name, stat.S_IFREG | mode, content if isinstance(content, bytes) else content.encode())

    def link(self, name, target):
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name, source, mode=None):
        source = pathlib.Path(source)
        self._add(name, stat.S_IFREG | (mode or stat.S_IMODE(source.stat().st_mode)), source.read_bytes())

    def tree(self, root, under=""):
        """Everything below root, symlinks as they are."""
        for folder, dirs, files in os.walk(root):
            rel = os.path.normpath(os.path.join(under, os.path.relpath(folder, root)))
            for name in sorted(dirs + files):
                path, inside = os.path.join(folder, name), os.path.normpath(os.path.join(rel, name))
                if os.path.islink(path):
                    self.link(inside, os.readlink(path))
                elif name in dirs:
                    self.folder(inside)
                else:
                    self.file(inside, path)

    def __contains__(self, name):
        return name.strip("/") in self.entries

    def dump(self):
        out = bytearray()
        for ino, (name, (mode, data)) in enumerate([*self.entries.items(), ("TRAILER!!!", (0, b""))], 1):
            raw = name.encode() + b"\0"
            head = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
            out += b"070701" + "".join(f"{v:08x}" for v in head).encode() + raw
            out += bytes(-len(out) % 4) + data
            out += bytes(-len(out) % 4)
        return bytes(out)
