# SPDX-License-Identifier: BSD-2-Clause
"""xl migrate between two hosts of the rig (over TCP), or within one (through xl's own pipe)."""
import dataclasses
import itertools
import shlex
import time

from cache import RigError

_ports = itertools.count(5000)  # a fresh one each time: nothing to wait for in TIME_WAIT


@dataclasses.dataclass(frozen=True)
class Migration:
    src_rc: int   # of xl migrate
    dst_rc: int   # of xl migrate-receive; the source's within one host
    src_out: str  # what they said
    dst_out: str
    seconds: float

    @property
    def ok(self):
        return self.src_rc == 0 and self.dst_rc == 0


def _environment(helper, env):
    env = dict(env or {}, **({"LIBXL_SAVE_HELPER": helper} if helper else {}))
    return "".join(f"{k}={shlex.quote(str(v))} " for k, v in env.items())


def migrate(src, dst, guest, src_helper=None, dst_helper=None, env_src=None, env_dst=None, timeout=120):
    """Move the guest; a helper stands in for libxl-save-helper on its side. Raises only if it is not over after timeout seconds."""
    sender, receiver = _environment(src_helper, env_src), _environment(dst_helper, env_dst)
    port, started = next(_ports), time.monotonic()
    if src is dst:
        said = f"/var/log/xen/migrate-receive-{port}"
        remote = None
        rune = f"exec env {receiver}xl migrate-receive 2>{said}"
    else:
        remote = dst.spawn(f"exec env {receiver}wire receive {port} xl migrate-receive")
        rune = f"exec wire send {dst.address} {port}"
    local = src.spawn(f'exec env {sender}xl migrate -s "" {guest.name} {shlex.quote(rune)}')
    jobs = [job for job in (local, remote) if job]
    try:
        for job in jobs:
            # A side that failed may leave the other waiting for a connection that never comes.
            bound = started + timeout - time.monotonic() if job is local or local.rc == 0 else 5
            job.wait(max(bound, 0.1))
        if local.poll() is None or (local.poll() == 0 and remote and remote.poll() is None):
            raise RigError(f"{src.name} to {dst.name}: migration of {guest.name} not over after {timeout} s: "
                           f"{(local.err.strip() or 'xl said nothing').splitlines()[-1]}")
    finally:
        for job in jobs:
            job.kill()
    if remote:
        dst_rc, dst_out = remote.wait(5), remote.out + remote.err
    else:
        dst_rc, dst_out = local.rc, src.get(said).decode(errors="replace")
    return Migration(local.rc, dst_rc, local.out + local.err, dst_out, time.monotonic() - started)
