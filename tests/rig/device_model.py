# SPDX-License-Identifier: BSD-2-Clause
"""What HVM guests need of a dom0 and what they boot from: QEMU with its libraries, firmware, and a disk. An overlay on the base initramfs,
for hosts that have such guests alone: it is twice as large as all the rest."""
import os
import pathlib
import subprocess
import tempfile

import cache
import cpio
import elf
import image
import packages
from cache import RigError
from guest import KERNEL_OPTIONS

QEMU = "usr/libexec/xen-qemu-system-i386"  # where Debian's libxl looks for it
FIRMWARE = ["usr/share/seabios/bios-256k.bin", "usr/share/seabios/vgabios-stdvga.bin"]
# QEMU reads it even where nobody is to press a key.
KEYMAP = "usr/share/qemu/keymaps/en-us"
DISK = "rig/guest/disk"
SECTORS = 20 * 2048


def _run(*command):
    done = subprocess.run(command, text=True, capture_output=True, timeout=60, env={**os.environ, "MTOOLS_SKIP_CHECK": "1"})
    if done.returncode:
        raise RigError(f"{command[0]}: {(done.stderr.strip() or done.stdout.strip() or 'no message').splitlines()[-1]}")


def disk():
    """The same kernel and initrd as the others' on a FAT file system that SeaBIOS boots. The kernel is not given to libxl: QEMU's option
    ROM would read it byte by byte, which takes minutes under emulation."""
    kernel = next(iter(packages.guest_kernel().glob("boot/vmlinuz-*")))
    initrd = image.guest_initrd()
    config = f"default linux\nprompt 0\nlabel linux\nkernel kernel\ninitrd initrd\nappend {KERNEL_OPTIONS}\n"

    def build(tmp):
        with tempfile.TemporaryDirectory(prefix="exclaim-disk-") as folder:
            folder = pathlib.Path(folder)
            with open(tmp, "wb") as f:
                f.truncate(SECTORS * 512)
            _run("mformat", "-i", tmp, "-h", "16", "-s", "63", "-T", str(SECTORS), "::")
            for name, data in (("kernel", kernel.read_bytes()), ("initrd", initrd), ("syslinux.cfg", config.encode())):
                (folder / name).write_bytes(data)
                _run("mcopy", "-i", tmp, folder / name, f"::{name}")
            _run("syslinux", "--install", tmp)
    key = cache.digest(kernel.name, initrd, config, SECTORS)
    return cache.make_file(cache.root() / "built" / f"disk-{key}.img", build)


def overlay(flavour):
    """cpio for a dom0 of this image.Flavour; its name must be one of packages.XEN: QEMU is bound to its Xen's libxenctrl."""
    if flavour.name not in packages.XEN:
        raise RigError(f"{flavour.name}: no QEMU for HVM guests there; Debian's Xens have one")
    xen, model, boot = packages.xen(flavour.name), packages.device_model(flavour.name), disk()

    def build(tmp):
        archive = cpio.Archive()
        hits, missing = elf.Libraries([xen, model]).closure([model / QEMU])
        if missing:
            raise RigError(f"{model}: no {', '.join(missing)} for QEMU in it")
        archive.file(QEMU, model / QEMU, 0o755)
        for root, path in sorted(hits):
            archive.file(image.merged(path), (root / path).resolve(), 0o755)
        loader = next(xen.glob("usr/lib/xen-*/boot/hvmloader"))
        archive.file(str(loader.relative_to(xen)), loader)
        for path in [*FIRMWARE, KEYMAP]:
            archive.file(path, model / path)
        archive.file(DISK, boot)
        tmp.write_bytes(archive.dump())
    key = cache.digest(xen.name, model.name, boot.name, pathlib.Path(__file__).read_bytes())
    return cache.make_file(cache.root() / "built" / f"device-model-{key}.cpio", build)
