# SPDX-License-Identifier: BSD-2-Clause
"""The rig's cache folder: what is built once and used by every later run."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import tempfile
import time

UNUSED_SECONDS = 14 * 24 * 60 * 60


class RigError(Exception):
    """One line for a person: what failed, with which value."""


def root():
    base = os.environ.get("EXCLAIM_CACHE")
    if base:
        return pathlib.Path(base)
    xdg = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(xdg) / "exclaim"


def digest(*parts):
    """A short name for everything that decides what a cached thing contains."""
    h = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        h.update(len(data).to_bytes(8, "little") + data)
    return h.hexdigest()[:16]


@contextlib.contextmanager
def lock():
    """Where two runs at once would hinder each other: apt's state."""
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / "lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def make_dir(path, fill):
    """path, filled once by fill(tmp): it appears whole or not at all, so an interrupted run leaves no half entry."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp = pathlib.Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
        try:
            fill(tmp)
            tmp.chmod(0o755)
            try:
                tmp.rename(path)
            except OSError:
                if not path.exists():  # else another run was first
                    raise
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    return path


def make_file(path, write):
    """path, written once by write(tmp file's path). Files of that folder that no run has used for long go."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp = path.with_name(f".new-{os.getpid()}-{path.name}")
        try:
            write(tmp)
            tmp.rename(path)
        finally:
            tmp.unlink(missing_ok=True)
        for other in path.parent.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - other.stat().st_mtime > UNUSED_SECONDS:
                    other.unlink()
    os.utime(path)
    return path
