# SPDX-License-Identifier: BSD-2-Clause
"""dom0 for a Xen flavour: the hypervisor, a kernel, a base initramfs, and the project's own files as an overlay on it."""
import dataclasses
import gzip
import lzma
import pathlib
import re
import subprocess

import cache
import cpio
import elf
import packages
from cache import RigError

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")
MODULES = "xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs virtio_pci virtio_console virtio_net".split()
TOOLS = """xl xenstored xenconsoled xen-init-dom0 libxl-save-helper xenstore xenstore-ls xenstore-read xenstore-write xenstore-list
    xenstore-exists xenstore-rm xenstore-watch xenstore-chmod xen-diag xen-lowmemd xenconsole test-claim-memory test-mem-claim""".split()
NEEDED_TOOLS = ["xl", "xenstored", "xenconsoled", "xen-init-dom0", "libxl-save-helper"]
# What a dom0 of any flavour has itself: never brought in with the project's files.
HOST_LIBRARIES = re.compile(r"(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util|xen\w+)\.so\..*)$")


@dataclasses.dataclass(frozen=True)
class Flavour:
    name: str                 # "4.17", "4.20" or the folder's name
    hypervisor: pathlib.Path  # as QEMU loads it: ELF, not compressed
    kernel: pathlib.Path
    base: pathlib.Path        # cpio
    helper: str               # where dom0 has the real libxl-save-helper


def _program(root, name):
    """Path under root of an installed Xen tool, or None."""
    for folder in ["usr/lib/xen-*/bin", "usr/lib/xen/bin", "usr/libexec/xen/bin", "usr/local/lib/xen/bin", "usr/local/libexec/xen/bin",
                   "usr/sbin", "usr/bin", "usr/local/sbin", "usr/local/bin", "usr/libexec/xen/tests", "usr/lib/xen/tests"]:
        for path in sorted(root.glob(f"{folder}/{name}")):
            if elf.dynamic(path.resolve()) is not None:
                return path.relative_to(root)
    return None


def merged(path):
    """Images have a merged /usr."""
    path = str(path).lstrip("/")
    return "usr/" + path if re.match(r"(s?bin|lib|lib64)/", path) else path


def _skeleton(archive):
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.folder(f"usr/{name}")
        archive.link(name, f"usr/{name}")
    archive.file("usr/bin/busybox", BUSYBOX)
    applets = subprocess.run([BUSYBOX, "--list"], check=True, text=True, capture_output=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            archive.link(f"usr/bin/{applet}", "busybox")


def _add_libraries(archive, hits):
    for root, path in hits:
        real = (root / path).resolve()
        name = merged(path)
        if name not in archive:
            archive.file(name, real, 0o755)


def _modules(kernel):
    """{name: file} of MODULES and what they need, each after what it needs."""
    files = {p.stem.replace("-", "_"): p for p in (kernel / "lib/modules").rglob("*.ko")}
    ordered = {}

    def add(name):
        if name not in files:
            raise RigError(f"{kernel}: no kernel module {name}")
        depends = re.search(rb"\0depends=([^\0]*)\0", files[name].read_bytes()).group(1).decode()
        for other in filter(None, depends.replace("-", "_").split(",")):
            add(other)
        ordered[name] = files[name]
    for name in MODULES:
        add(name.replace("-", "_"))
    return ordered


def guest_initrd():
    archive = cpio.Archive()
    _skeleton(archive)
    archive.file("init", HERE / "dom0" / "guest-init", 0o755)
    archive.file("usr/bin/walk", compiled("walk.c", "-static"), 0o755)
    for name in ("proc", "sys", "dev"):
        archive.folder(name)
    return archive.dump()


def compiled(source, *flags):
    """A C file of the rig, with others if it is of several, compiled into the cache."""
    paths = [HERE / "dom0" / name for name in source.split()]
    headers = sorted((HERE / "dom0").glob("*.h"))
    out = cache.root() / "built" / f"{paths[0].stem}-{cache.digest(*[p.read_bytes() for p in paths + headers], *flags)}"

    def build(tmp):
        done = subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-o", tmp, *paths, *flags], text=True, capture_output=True, timeout=300)
        if done.returncode:
            raise RigError(f"cc {source}: {done.stderr.strip().splitlines()[0]}")
    return cache.make_file(out, build)


def decompressed(path):
    """Xen and Linux as plain ELF: unpacking them again at every boot is slow under emulation."""
    def write(tmp):
        data = path.read_bytes()
        start = data.find(b"\xfd7zXZ\0")
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:4] != b"\x7fELF" and start >= 0:
            data = lzma.LZMADecompressor().decompress(data[start:])
        tmp.write_bytes(data)
    return cache.make_file(cache.root() / "built" / f"{path.name}-{cache.digest(path.read_bytes())}.elf", write)


def _xen_tree(flavour):
    """(folder with the installed Xen, folders to take further libraries from)."""
    if flavour in packages.XEN:
        root = packages.xen(flavour)
        return root, [root]
    root = pathlib.Path(flavour).resolve()
    if not (root / "boot").is_dir():
        raise RigError(f"{flavour}: no boot/ in it; a flavour is {', '.join(packages.XEN)} or a folder with an installed Xen")
    return root, [root, pathlib.Path("/")]


def _hypervisor(root):
    found = [p.resolve() for p in sorted(root.glob("boot/xen*")) if re.fullmatch(r"xen[-.\w]*?(\.gz)?", p.name)
             and not re.search(r"\.(config|efi|map)|syms", p.name)]
    if not found:
        raise RigError(f"{root}/boot: no hypervisor named xen* in it")
    return found[0]


LIBC = ("libresolv.so.2", "libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1")


def _base(root, trees, kernel):
    archive = cpio.Archive()
    _skeleton(archive)
    programs = {name: _program(root, name) for name in TOOLS}
    absent = [name for name in NEEDED_TOOLS if not programs[name]]
    if absent:
        raise RigError(f"{root}: no {', '.join(absent)} in it")
    have = [p for p in programs.values() if p]
    folders = []
    for path in have:
        archive.file(merged(path), (root / path).resolve(), 0o755)
        if f"/{merged(path.parent)}" not in folders:
            folders.append(f"/{merged(path.parent)}")
    # Without libgcc_s, which no program names, xl aborts in pthread_cancel. The others are libc's own, and in every dom0: libcurl
    # wants libresolv, programs that were built for an older libc the rest.
    libraries = elf.Libraries(trees)
    hits, missing = libraries.closure([root / p for p in have], ["libgcc_s.so.1", *LIBC])
    if missing:
        raise RigError(f"{root}: no tree has {', '.join(missing)}")
    _add_libraries(archive, sorted(hits))
    libxenctrl = next("/" + merged(p) for _, p in hits if "/libxenctrl.so." in p)
    loader = next(merged(p) for _, p in hits if "/ld-linux" in p)
    if loader != "usr/lib64/ld-linux-x86-64.so.2":
        archive.link("usr/lib64/ld-linux-x86-64.so.2", f"/{loader}")
    archive.file("usr/sbin/ldconfig", pathlib.Path("/sbin/ldconfig"), 0o755)
    archive.text("etc/ld.so.conf", "".join(f"{d}\n" for d in dict.fromkeys(
        "/" + merged(f) for f in elf.LIBRARY_DIRS if any(merged(p).startswith(merged(f) + "/") for _, p in hits))) + "/usr/local/lib\n")
    modules = _modules(kernel)
    for name, path in modules.items():
        archive.file(f"rig/modules/{name}.ko", path)
    archive.file("init", HERE / "dom0" / "init", 0o755)
    for name in ("agent", "wire"):
        archive.file(f"rig/bin/{name}", compiled(f"{name}.c", "-static"), 0o755)
    for name in ("pages", "bare", "regions", "emu-manager", "xenguest"):
        archive.file(f"rig/bin/{name}", compiled(f"{name}.c"), 0o755)
    archive.file("rig/bin/frames", compiled("frames.c", "-pthread"), 0o755)
    archive.file("rig/bin/xenops", compiled("xenops.c xenops_manager.c xenops_stream.c domain.c"), 0o755)
    # Programs that are started with nothing but PATH find the libraries there, and emu-manager its xenguest where real ones look.
    for name in ("libxenctrl", "libxenguest"):
        archive.link(f"rig/lib/{name}.so", next("/" + merged(p) for _, p in hits if f"/{name}.so." in p))
    archive.link("usr/libexec/xen/bin/xenguest", "/rig/bin/xenguest")
    archive.file("rig/lib/spread.so", compiled("spread.c", "-shared", "-fPIC"), 0o755)
    archive.text("rig/env", f'PATH={":".join(["/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/rig/bin", *folders])}\n'
                 f'MODULES="{" ".join(modules)}"\nLIBXENCTRL={libxenctrl}\n')
    archive.text("etc/xen/xl.conf", 'autoballoon="off"\n')
    archive.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    archive.text("etc/group", "root:x:0:\n")
    archive.text("rig/guest/initrd", guest_initrd())
    archive.file("rig/guest/kernel", next(iter(packages.guest_kernel().glob("boot/vmlinuz-*"))))
    return archive.dump()


def _content_key(root):
    """What decides an image's content; for a folder of the user's the files' sizes and times stand for their content."""
    stamps = [f"{p.relative_to(root)} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in sorted(root.rglob("*")) if p.is_file()]
    sources = [p.read_bytes() for p in sorted((HERE / "dom0").iterdir()) + [HERE / "image.py", HERE / "elf.py", HERE / "cpio.py"]]
    return cache.digest(*stamps, *sources, packages.kernel().name, packages.guest_kernel().name, BUSYBOX.read_bytes())


def flavour(name):
    """Everything needed to boot a host of this flavour, from the cache where it is there."""
    root, trees = _xen_tree(name)
    kernel = packages.kernel()
    base = cache.make_file(cache.root() / "built" / f"dom0-{_content_key(root)}.cpio", lambda tmp: tmp.write_bytes(_base(root, trees, kernel)))
    helper = str(_program(root, "libxl-save-helper"))
    return Flavour(name=name if name in packages.XEN else root.name, hypervisor=decompressed(_hypervisor(root)),
                   kernel=decompressed(next(iter(kernel.glob("boot/vmlinuz-*")))), base=base, helper="/" + merged(helper))


def overlay(stage):
    """cpio with an install tree of the project and the libraries its programs need that no dom0 has."""
    archive = cpio.Archive()
    stage = pathlib.Path(stage)
    if not stage.is_dir():
        raise RigError(f"{stage}: no such folder; --stage wants what DESTDIR was at install")
    for path in sorted(stage.rglob("*")):
        name = merged(path.relative_to(stage))
        if path.is_symlink():
            archive.link(name, str(path.readlink()))
        elif path.is_file():
            archive.file(name, path)
    files = [p for p in stage.rglob("*") if p.is_file() and not p.is_symlink()]
    hits, missing = elf.Libraries([stage, "/"]).closure(files, skip=HOST_LIBRARIES.match)
    missing = [m for m in missing if not HOST_LIBRARIES.match(m)]
    if missing:
        raise RigError(f"{stage}: nothing has {', '.join(missing)}")
    for root, path in sorted(h for h in hits if h[0] != stage):
        # dom0's init links them into place where the flavour has none of its own: trixie's must not be replaced.
        archive.file(f"rig/extra/{pathlib.Path(path).name}", (root / path).resolve(), 0o755)
    return archive.dump()
