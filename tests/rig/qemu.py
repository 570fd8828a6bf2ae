# SPDX-License-Identifier: BSD-2-Clause
"""One QEMU process: its command line, its life and its end."""
import ctypes
import dataclasses
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


@dataclasses.dataclass(frozen=True)
class Node:
    """A NUMA node of a host."""
    mib: int


@dataclasses.dataclass(frozen=True)
class Shape:
    """A host's NUMA nodes; distances between any two different ones are equal."""
    nodes: tuple = (Node(1536), Node(1536))
    distance: int = 21

    @property
    def mib(self):
        return sum(n.mib for n in self.nodes)


# smap=0: dom0 dies of a page fault at once under -cpu max. The rest of the second line is speed: no mitigations to emulate.
XEN_OPTIONS = ("console=com1 com1=115200,8n1 dom0_mem=512M,max:512M loglvl=all guest_loglvl=all noreboot=1 smap=0 conring_size=1M "
               "xpti=off spec-ctrl=off bootscrub=0")
KERNEL_OPTIONS = "console=hvc0 earlyprintk=xen mitigations=off panic=1 loglevel=4 nokaslr"


def arguments(name, shape, flavour, initrd, agent_socket, network, mac):
    """QEMU's command line: Xen by multiboot, the kernel and the initramfs as its modules."""
    args = ["qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", "max,-xsave,-avx,-avx2,-fma,-f16c", "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-serial", "stdio", "-name", f"exclaim-rig-{name}",
            "-smp", f"{len(shape.nodes)},sockets={len(shape.nodes)}", "-m", str(shape.mib)]
    for i, node in enumerate(shape.nodes):
        args += ["-object", f"memory-backend-ram,id=m{i},size={node.mib}M", "-numa", f"node,nodeid={i},cpus={i},memdev=m{i}"]
    for i in range(len(shape.nodes)):
        for j in range(i + 1, len(shape.nodes)):
            args += ["-numa", f"dist,src={i},dst={j},val={shape.distance}"]
    args += ["-device", "virtio-serial-pci,id=vs", "-chardev", f"socket,id=agent,path={agent_socket},server=on,wait=off",
             "-device", "virtserialport,bus=vs.0,chardev=agent,name=agent"]
    if network:
        args += ["-netdev", f"{network},id=n0",
                 "-device", f"virtio-net-pci,netdev=n0,mac={mac},romfile=,host_mtu=65500,guest_tso4=off,host_tso4=off"]
    args += ["-kernel", str(flavour.hypervisor), "-append", XEN_OPTIONS,
             "-initrd", f"{flavour.kernel} {KERNEL_OPTIONS} rig.name={name},{initrd}"]
    return args


def _die_with_parent():
    """In the child: QEMU must not outlive the runner, whatever ends it."""
    os.setpgid(0, 0)  # ^C is the runner's to handle
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(args, console):
    """The QEMU process with its serial console going to a file."""
    with open(console, "wb") as out:
        return subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, preexec_fn=_die_with_parent)


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
