# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages of a wanted release, downloaded and unpacked in the cache, never installed.

Each release has its own apt state in the cache, made from the mirrors the machine's own apt sources name,
so neither stale nor empty lists of the machine matter, and no other release reaches its apt.
"""
import os
import pathlib
import re
import subprocess
import urllib.parse

import cache
from cache import RigError

SOURCES = pathlib.Path("/etc/apt")
LIBRARIES = """libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4
    libxentoolcore1 libxentoollog1 libyajl2 libncurses6 libtinfo6 libc6 libgcc-s1 xenstore-utils zlib1g libbz2-1.0 liblzma5
    libzstd1 libuuid1""".split()
XEN = {
    "4.17": ("bookworm", ["xen-hypervisor-4.17-amd64", "xen-utils-4.17", "libxenmisc4.17", "libext2fs2"] + LIBRARIES),
    "4.20": ("trixie", ["xen-hypervisor-4.20-amd64", "xen-utils-4.20", "libxenmisc4.20", "libext2fs2t64"] + LIBRARIES),
}
DEVICE_MODEL = "qemu-system-xen"
# Of what it depends on: no data that nobody reads, 20 MB of languages' names among them.
DEVICE_MODEL_PARTS = re.compile(r"lib|qemu-system|seabios")
KERNEL_RELEASE = "bookworm"


def machine_codename():
    text = pathlib.Path("/etc/os-release").read_text()
    m = re.search(r'^VERSION_CODENAME="?(\w+)', text, re.M)
    if not m:
        raise RigError("/etc/os-release names no VERSION_CODENAME: the rig needs a Debian machine")
    return m.group(1)


def read_deb822(text):
    for block in re.split(r"\n\s*\n", re.sub(r"^#.*\n?", "", text, flags=re.M)):
        unfolded = re.sub(r"\n[ \t]+", " ", block)
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", unfolded, re.M))
        fields = {k.lower(): v.strip() for k, v in fields.items()}
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() not in ("no", "false"):
            options = f"signed-by={fields['signed-by']}" if fields.get("signed-by", "").startswith("/") else ""
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield uri, suite, fields.get("components", "").split(), options


def read_list(text):
    for line in text.splitlines():
        m = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if m:
            yield m.group(2), m.group(3), m.group(4).split(), m.group(1) or ""


def machine_sources():
    """(uri, suite, components, options) of every binary source of this machine's apt."""
    parts = sorted((SOURCES / "sources.list.d").glob("*"))
    for path in [SOURCES / "sources.list"] + parts:
        if path.is_file() and path.suffix in (".list", ".sources"):
            yield from (read_deb822 if path.suffix == ".sources" else read_list)(path.read_text())


def release_sources(release):
    """sources.list lines for another release on the same mirrors: the archive itself, its updates and its security fixes."""
    own = machine_codename()
    lines = []
    for uri, suite, components, options in machine_sources():
        base, _, rest = suite.partition("-")
        if base in (own, "stable") and rest in ("", "updates", "security") and "main" in components:
            option = f"[{options}] " if options else ""
            lines.append(f"deb {option}{uri} {release}{'-' + rest if rest else ''} main")
    if not lines:
        raise RigError(f"{SOURCES}: no source with suite {own} and component main, cannot tell where {release} is")
    return sorted(set(lines))


class Apt:
    """apt-get and apt-cache with a state of their own for one release."""

    def __init__(self, release):
        state = cache.root() / "apt" / release
        self.release = release
        for sub in ("lists/partial", "archives/partial", "empty"):
            (state / sub).mkdir(parents=True, exist_ok=True)
        (state / "sources.list").write_text("\n".join(release_sources(release)) + "\n")
        self.options = []
        for key, value in {
            "Dir::Etc::SourceList": state / "sources.list", "Dir::Etc::SourceParts": state / "empty",
            "Dir::Etc::Preferences": "/dev/null", "Dir::Etc::PreferencesParts": state / "empty",
            "Dir::State::Lists": state / "lists", "Dir::State::status": "/dev/null",
            "Dir::Cache": state, "APT::Architecture": "amd64", "APT::Architectures": "amd64",
            "APT::Sandbox::User": os.environ.get("USER", "root"), "Acquire::Languages": "none", "Acquire::Retries": "2",
        }.items():
            self.options += ["-o", f"{key}={value}"]

    def call(self, tool, *args, cwd=None):
        return subprocess.run([tool, *self.options, *args], cwd=cwd, text=True, capture_output=True, timeout=900,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})

    def update(self):
        self.call("apt-get", "-q", "update")

    def download(self, names, folder):
        done = self.call("apt-get", "-q", "download", *names, cwd=folder)
        if done.returncode:
            self.update()
            done = self.call("apt-get", "-q", "download", *names, cwd=folder)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise RigError(f"apt-get download for {self.release} failed: {last}")

    def closure(self, name):
        """The package and all it depends on, as a machine with nothing installed would get them."""
        for attempt in (1, 2):
            out = self.call("apt-get", "-q", "-y", "--no-install-recommends", "--print-uris", "install", name).stdout
            names = re.findall(r"^'\S*/([^/_']+)_[^']*' ", out, re.M)
            if names:
                return [urllib.parse.unquote(n) for n in names]
            if attempt == 1:
                self.update()
        raise RigError(f"{self.release}: nothing to be downloaded for {name}")

    def kernel_package(self, meta):
        """The package behind a metapackage such as linux-image-amd64."""
        for attempt in (1, 2):
            out = self.call("apt-cache", "depends", meta).stdout
            m = re.search(r"Depends: (linux-image-\d\S*)", out)
            if m:
                return m.group(1)
            if attempt == 1:
                self.update()
        raise RigError(f"{self.release}: {meta} depends on no kernel image")


def _unpack(apt, names, tmp):
    debs = tmp / ".debs"
    debs.mkdir()
    apt.download(names, debs)
    for deb in sorted(debs.iterdir()):
        subprocess.run(["dpkg-deb", "-x", deb, tmp], check=True, timeout=300)
        deb.unlink()
    debs.rmdir()


def unpacked(label, release, names):
    """Folder in the cache with these packages unpacked over each other; a metapackage's name stands for the kernel behind it."""
    def fill(tmp):
        apt = Apt(release)
        _unpack(apt, [apt.kernel_package(n) if n.startswith("linux-image") else n for n in names], tmp)
    path = cache.root() / "packages" / f"{label}-{cache.digest(release, *names)}"
    if path.exists():
        return path
    with cache.lock():
        return cache.make_dir(path, fill)


def xen(version):
    release, names = XEN[version]
    return unpacked(f"xen-{version}", release, names)


def device_model(version):
    """QEMU as that Xen's device model, with its firmware and libraries."""
    release = XEN[version][0]
    path = cache.root() / "packages" / f"device-model-{version}-{cache.digest(release, DEVICE_MODEL, DEVICE_MODEL_PARTS.pattern)}"

    def fill(tmp):
        apt = Apt(release)
        _unpack(apt, [n for n in apt.closure(DEVICE_MODEL) if DEVICE_MODEL_PARTS.match(n)], tmp)
    if path.exists():
        return path
    with cache.lock():
        return cache.make_dir(path, fill)


def kernel():
    """dom0's kernel, with its modules."""
    return unpacked("kernel", KERNEL_RELEASE, ["linux-image-amd64"])


def guest_kernel():
    """The guests' kernel: the cloud one is smaller, packed with lz4, and knows PVH; it cannot be dom0."""
    return unpacked("guest-kernel", KERNEL_RELEASE, ["linux-image-cloud-amd64"])
