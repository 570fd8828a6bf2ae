# SPDX-License-Identifier: BSD-2-Clause
"""XAPI's methods: the few that do something, and the getters and setters that every class has."""
import re
import uuid

from codec import Failure
from database import CLASSES, NULL

GETTERS = ("get_all", "get_all_records", "get_record", "get_by_uuid", "get_by_name_label")


class Calls:
    def __init__(self, pool, tasks, password):
        self.pool = pool
        self.db = pool.db
        self.tasks = tasks
        self.password = password
        self.methods = {
            "session.logout": self.logout, "session.get_this_host": lambda s, _ref=None: self.master(),
            "session.get_this_user": lambda s, _ref=None: NULL, "session.get_is_local_superuser": lambda s, _ref=None: True,
            "system.listMethods": lambda s=None: self.list_methods(), "host.call_plugin": self.call_plugin,
            "host.enable": lambda s, host: self.switch(host, True), "host.disable": lambda s, host, _auto=True: self.switch(host, False),
            "host.get_resident_VMs": lambda s, host: self.residents(self._host(host)),
            "sim.refusal": self.refusal, "sim.sessions": lambda s: list(self.db.tables["session"]),
            "host.compute_free_memory": lambda s, host: str(sum(self.pool.free[self._host(host)]) * 4096),
            "VM.pool_migrate": self.pool_migrate, "VM.assert_can_boot_here": self.assert_can_boot_here,
            "task.cancel": lambda s, task: self.tasks.cancel(task) or "",
            "task.destroy": lambda s, task: self.db.remove("task", task) or "",
            "event.from": self.event_from, "event.inject": self.event_inject,
        }

    def _host(self, ref):
        self.db.record("host", ref)
        return ref

    def master(self):
        return next(iter(self.db.tables["pool"].values()))["master"]

    def list_methods(self):
        generic = [f"{cls}.{name}" for cls in CLASSES if cls != "session" for name in GETTERS]
        return sorted(set(self.methods) | set(generic) | {"Async.VM.pool_migrate", "session.login_with_password"})

    # --- sessions ---

    def login(self, trusted, user, password, *_version_originator):
        if not trusted and (user != "root" or password != self.password):
            raise Failure("SESSION_AUTHENTICATION_FAILED", user, "Authentication failure")
        ref = "OpaqueRef:" + str(uuid.uuid4())
        return self.db.add("session", ref, {"uuid": str(uuid.uuid4()), "this_host": self.master(), "is_local_superuser": True,
                                            "pool": True, "other_config": {}})

    def logout(self, session):
        self.db.remove("session", session)
        return ""

    def call(self, method, params, trusted):
        """The result of a call; Failure with XAPI's error."""
        if method in ("session.login_with_password", "session.slave_login"):
            if len(params) < 2:
                raise Failure("MESSAGE_PARAMETER_COUNT_MISMATCH", method, "4", str(len(params)))
            return self.login(trusted, *params)
        if method == "system.listMethods":
            return self.list_methods()
        if not params or params[0] not in self.db.tables["session"]:
            raise Failure("SESSION_INVALID", params[0] if params else "")
        asynchronous = method.startswith("Async.")
        plain = method.removeprefix("Async.")
        function = self.methods.get(plain) or self._generic(plain)
        if not function:
            raise Failure("MESSAGE_METHOD_UNKNOWN", method)
        try:
            if asynchronous and plain == "VM.pool_migrate":
                return self._async_migrate(*params)
            if asynchronous:
                return self.tasks.start(method, lambda _task: function(*params), params[0])
            return function(*params)
        except TypeError:
            raise Failure("MESSAGE_PARAMETER_COUNT_MISMATCH", method, "?", str(len(params))) from None

    # --- what every class has ---

    def _generic(self, method):
        match = re.fullmatch(r"(\w+)\.(get|set|add_to|remove_from)_(\w+)", method)
        cls = match and next((c for c in CLASSES if c == match[1]), None)
        if not cls:
            return None
        verb, field = match[2], match[3]
        table = self.db.tables[cls]
        if verb == "get":
            return self._getter(cls, field, table)
        if verb == "set":
            return lambda s, ref, value: self.db.set(cls, ref, **{field: value}) or ""
        if verb == "add_to":
            return lambda s, ref, key, value: self._map(cls, ref, field, lambda m: m.__setitem__(key, value))
        return lambda s, ref, key: self._map(cls, ref, field, lambda m: m.pop(key, None))

    def _getter(self, cls, field, table):
        if field == "all":
            return lambda s: list(table)
        if field == "all_records":
            return lambda s: {ref: self.db.copy(cls, ref) for ref in list(table)}
        if field == "record":
            return lambda s, ref: self.db.copy(cls, ref)
        if field == "by_uuid":
            return lambda s, value: self._by(cls, "uuid", value)
        if field == "by_name_label":
            return lambda s, value: [ref for ref, r in table.items() if r.get("name_label") == value]
        if table and not any(field in r for r in table.values()):
            return None
        return lambda s, ref: self.db.copy(cls, ref)[field]

    def _by(self, cls, field, value):
        for ref, record in self.db.tables[cls].items():
            if record[field] == value:
                return ref
        raise Failure("UUID_INVALID", cls, value)

    def _map(self, cls, ref, field, change):
        with self.db.lock:
            change(self.db.record(cls, ref)[field])
            self.db.touch(cls, ref)
        return ""

    # --- the few ---

    def call_plugin(self, _session, host, plugin, fn, args):
        self._host(host)
        if plugin != "exclaim" or not self.pool.plugins[host]:
            raise Failure("XENAPI_MISSING_PLUGIN", plugin)
        if fn == "note":
            return self.pool.note(host, args)
        if fn == "check":
            return self.pool.check(host)
        if fn != "snapshot":
            raise Failure("XENAPI_PLUGIN_FAILURE", fn, "UnknownFunction", fn)
        return self.pool.snapshot(host)

    def switch(self, host, enabled):
        """xapi_host.ml, enable and disable, which message_forwarding.ml sends to the host itself if it is live."""
        if not self.db.record("host_metrics", self.db.record("host", host)["metrics"])["live"]:
            raise Failure("HOST_OFFLINE", host)
        self.db.set("host", host, enabled=enabled)
        return ""

    def assert_can_boot_here(self, _session, vm, host):
        self.db.record("VM", vm)
        self.pool.rules.boot_here(vm, self._host(host))
        return ""

    def residents(self, host):
        """host.resident_VMs is the other side of VM.resident_on."""
        return [ref for ref, record in self.db.tables["VM"].items() if record["resident_on"] == host]

    def refusal(self, _session, vm, host):
        """XAPI's error to a migration of the VM to the host, [] if there is none; memory left out."""
        try:
            self.pool.rules.check(vm, self._host(host))
        except Failure as e:
            return e.description
        return []

    def _async_migrate(self, session, vm, host, _options):
        self.db.record("VM", vm)
        self._host(host)
        return self.tasks.start("Async.VM.pool_migrate", self.tasks.migrate(vm, host), session)

    def pool_migrate(self, session, vm, host, options):
        task = self._async_migrate(session, vm, host, options)
        with self.db.lock:
            while self.db.record("task", task)["status"] in ("pending", "cancelling"):
                self.db.changed.wait(1)
            record = self.db.copy("task", task)
            self.db.remove("task", task)
        if record["status"] != "success":
            raise Failure(*record["error_info"])
        return ""

    def event_from(self, _session, classes, token, timeout):
        return self.db.events_since(classes, token, min(float(timeout), 3600))

    def event_inject(self, _session, cls, ref):
        name = next((c for c in CLASSES if c.lower() == cls.lower()), None)
        if not name:
            raise Failure("MESSAGE_METHOD_UNKNOWN", "event.inject")
        self.db.record(name, ref)
        self.db.touch(name, ref)
        return f"{self.db.generation},{self.db.generation}"
