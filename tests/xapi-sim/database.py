# SPDX-License-Identifier: BSD-2-Clause
"""Records by class and reference, and the changes of them as XAPI's events."""
import copy
import threading
import time
import uuid

from codec import Failure

NULL = "OpaqueRef:NULL"
_NAMES = uuid.UUID("5a3c6a52-6f1e-4d0e-9b1f-2c8d1f0c7a11")

CLASSES = ("pool", "host", "host_metrics", "VM", "VM_metrics", "VBD", "VDI", "SR", "PBD", "VIF", "network", "PIF", "PCI",
           "VGPU", "VGPU_type", "PGPU", "GPU_group", "VM_group", "VUSB", "task", "session", "host_patch", "message")


def stable_uuid(*parts):
    """The same parts give the same uuid in every run."""
    return str(uuid.uuid5(_NAMES, "/".join(str(p) for p in parts)))


def reference(*parts):
    return "OpaqueRef:" + stable_uuid("ref", *parts)


class Database:
    """One lock for everything: what is simulated is the interface, not its speed."""

    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.tables = {name: {} for name in CLASSES}
        self.generation = 1
        self.modified = {}  # (class, ref) → generation of its last change
        self.deleted = []   # (generation, class, ref)

    def add(self, cls, ref, record):
        with self.lock:
            self.tables[cls][ref] = record
            self.touch(cls, ref)
        return ref

    def touch(self, cls, ref):
        with self.lock:
            self.generation += 1
            self.modified[cls, ref] = self.generation
            self.changed.notify_all()

    def set(self, cls, ref, **fields):
        with self.lock:
            self.record(cls, ref).update(fields)
            self.touch(cls, ref)

    def remove(self, cls, ref):
        with self.lock:
            self.record(cls, ref)
            del self.tables[cls][ref]
            self.modified.pop((cls, ref), None)
            self.generation += 1
            self.deleted.append((self.generation, cls, ref))
            self.changed.notify_all()

    def record(self, cls, ref):
        try:
            return self.tables[cls][ref]
        except KeyError:
            raise Failure("HANDLE_INVALID", cls, ref) from None

    def copy(self, cls, ref):
        with self.lock:
            return copy.deepcopy(self.record(cls, ref))

    @staticmethod
    def _wanted(classes):
        """["*"], ["task"], ["task/OpaqueRef:..."] as a test of (class, ref)."""
        names = set()
        for name in classes:
            cls, _, ref = name.partition("/")
            if cls != "*" and cls.lower() not in (c.lower() for c in CLASSES):
                raise Failure("EVENT_SUBSCRIPTION_PARSE_FAILURE", name)
            names.add((cls.lower(), ref))
        return lambda cls, ref: ("*", "") in names or (cls.lower(), "") in names or (cls.lower(), ref) in names

    def events_since(self, classes, token, timeout):
        """event.from: what has changed since token, waiting for up to timeout seconds for something to."""
        try:
            since = int(token.split(",")[0]) if token else 0
        except ValueError:
            raise Failure("EVENT_FROM_TOKEN_PARSE_FAILURE", token) from None
        wanted = self._wanted(classes)
        end = time.monotonic() + timeout
        with self.lock:
            while True:
                events = self._collect(wanted, since)
                left = end - time.monotonic()
                if events or left <= 0:
                    break
                self.changed.wait(left)
            counts = {name.lower(): len(table) for name, table in self.tables.items()}
            return {"events": events, "valid_ref_counts": counts, "token": f"{self.generation},{self.generation}"}

    def _collect(self, wanted, since):
        events = []
        for (cls, ref), generation in self.modified.items():
            if generation > since and wanted(cls, ref):
                events.append({"id": str(generation), "timestamp": str(time.time()), "class": cls.lower(),
                               "operation": "mod" if since else "add", "ref": ref,
                               "snapshot": copy.deepcopy(self.tables[cls][ref])})
        for generation, cls, ref in self.deleted:
            if generation > since > 0 and wanted(cls, ref):
                events.append({"id": str(generation), "timestamp": str(time.time()), "class": cls.lower(),
                               "operation": "del", "ref": ref})
        return events
