# SPDX-License-Identifier: BSD-2-Clause
"""Async.* calls: a task, a thread, progress, cancelling. A migration takes time, or runs a real one."""
import subprocess
import threading
import time
import uuid

from codec import Failure
from database import NULL

STEPS = 10


class Cancelled(Exception):
    pass


class Tasks:
    def __init__(self, pool, pages_per_second):
        self.pool = pool
        self.db = pool.db
        self.pages_per_second = pages_per_second

    def start(self, name, work, session):
        ref = "OpaqueRef:" + str(uuid.uuid4())
        self.db.add("task", ref, {
            "uuid": str(uuid.uuid4()), "name_label": name, "name_description": "", "status": "pending", "progress": 0.0,
            "result": "", "error_info": [], "type": "<none/>", "session": session, "allowed_operations": ["cancel"],
            "current_operations": {}, "created": time.strftime("%Y%m%dT%H:%M:%SZ", time.gmtime()),
            "finished": "19700101T00:00:00Z", "resident_on": NULL, "subtask_of": NULL, "subtasks": [], "other_config": {},
            "backtrace": ""})
        threading.Thread(target=self._run, args=(ref, work), daemon=True).start()
        return ref

    def _finish(self, ref, **fields):
        try:
            self.db.set("task", ref, finished=time.strftime("%Y%m%dT%H:%M:%SZ", time.gmtime()), allowed_operations=[],
                        current_operations={}, **fields)
        except Failure:
            pass  # it was destroyed meanwhile

    def _run(self, ref, work):
        try:
            result = work(ref)
            self._finish(ref, status="success", progress=1.0, result=f"<value>{result}</value>" if result else "")
        except Cancelled:
            self._finish(ref, status="cancelled", error_info=["TASK_CANCELLED", ref])
        except Failure as e:
            self._finish(ref, status="failure", error_info=e.description)

    def progress(self, ref, fraction):
        with self.db.lock:
            if ref in self.db.tables["task"]:
                if self.db.record("task", ref)["status"] == "cancelling":
                    raise Cancelled
                self.db.set("task", ref, progress=fraction)

    def cancel(self, ref):
        with self.db.lock:
            record = self.db.record("task", ref)
            if "cancel" not in record["allowed_operations"]:
                raise Failure("OPERATION_NOT_ALLOWED", f"task {ref} cannot be cancelled")
            self.db.set("task", ref, status="cancelling", current_operations={ref: "cancel"})

    def migrate(self, vm, host):
        """The work of VM.pool_migrate."""
        def work(task):
            db, pool = self.db, self.pool
            source = pool.resident(vm)
            pool.reserve(vm, host)
            with db.lock:
                db.record("VM", vm)["current_operations"][task] = "pool_migrate"
                db.touch("VM", vm)
            try:
                if pool.hook:
                    self._real(vm, source, host, task)
                else:
                    seconds = sum(pool.where[vm]) / self.pages_per_second
                    for step in range(1, STEPS):
                        time.sleep(seconds / STEPS)
                        self.progress(task, step / STEPS)
                pool.arrive(vm, source)
            except BaseException:
                pool.abandon(vm)
                raise
            finally:
                with db.lock:
                    if vm in db.tables["VM"]:
                        db.record("VM", vm)["current_operations"].pop(task, None)
                        db.touch("VM", vm)
        return work

    def _real(self, vm, source, host, task):
        """The hook: VM uuid, source, destination. Exit 0 means that it has arrived; a last line "XAPI CODE" is the error."""
        db = self.db
        child = subprocess.Popen([self.pool.hook, db.copy("VM", vm)["uuid"], db.copy("host", source)["name_label"],
                                  db.copy("host", host)["name_label"]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            while True:
                try:
                    out, _ = child.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    self.progress(task, 0.5)
        except Cancelled:
            child.terminate()
            child.communicate()
            raise
        if child.returncode:
            lines = out.strip().splitlines() or [f"exit {child.returncode}"]
            if lines[-1].startswith("XAPI "):
                raise Failure(*lines[-1].split()[1:])
            raise Failure("VM_MIGRATE_FAILED", vm, source, host, lines[-1])
