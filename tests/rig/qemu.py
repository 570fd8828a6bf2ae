# SPDX-License-Identifier: BSD-2-Clause
"""One QEMU process: its command line, its life and its end."""
import dataclasses
import subprocess


@dataclasses.dataclass(frozen=True)
class Node:
    """A NUMA node of a host."""
    mib: int


@dataclasses.dataclass(frozen=True)
class Shape:
    """A host's NUMA nodes, distances between any two different ones are equal; its dom0's vCPUs; whether dom0 has what HVM guests need."""
    nodes: tuple = (Node(1536), Node(1536))
    distance: int = 21
    dom0_vcpus: int = 2
    hvm: bool = False

    @property
    def mib(self):
        return sum(n.mib for n in self.nodes)


# Under "max" Xen finds SVM with nested paging, so PVH guests run. Without XSAVE and AVX: now and then AVX state got lost across a nested
# world switch (QEMU 7.2), and a guest died of an invalid opcode. Without ERMS and FSRM: they make kernels copy by "rep movsb", which is
# emulated byte by byte; without, a migration takes a quarter less CPU.
CPU = "max,-xsave,-avx,-avx2,-fma,-f16c,-erms,-fsrm"
# A panic reboots, which ends QEMU (-no-reboot): the runner sees it at once. smap=0: dom0 dies of a page fault at once under "max".
# The last three: no work-arounds to emulate, no scrubbing in the background.
XEN_OPTIONS = ("console=com1 com1=115200,8n1 dom0_mem=512M,max:512M loglvl=all guest_loglvl=all "
               "conring_size=1M smap=0 xpti=off spec-ctrl=off bootscrub=0")
# QEMU offers the hosts neither checksum nor segmentation offload without a tap: large frames are what makes the link fast.
MTU = 65500
KERNEL_OPTIONS = "console=hvc0 earlyprintk=xen mitigations=off panic=1 loglevel=4"


def _fd(file):
    """A file as QEMU is told to open it: by descriptor, since a comma or blank in its path would split QEMU's arguments."""
    return f"/proc/self/fd/{file.fileno()}"


def arguments(name, shape, hypervisor, kernel, initrd, agent, link, number):
    """QEMU's command line: Xen by multiboot, the kernel and the initramfs as its modules; all but the name and the shape are open files.
    agent: the command channel's socket. link: None or a datagram socket; a frame on it stays a frame, and neither end must be there first."""
    args = ["qemu-system-x86_64", "-M", "q35,accel=tcg", "-cpu", CPU, "-nodefaults", "-no-user-config", "-no-reboot",
            "-display", "none", "-serial", "stdio", "-name", f"exclaim-rig-{name}",
            "-smp", f"{len(shape.nodes)},sockets={len(shape.nodes)}", "-m", str(shape.mib)]
    for i, node in enumerate(shape.nodes):
        args += ["-object", f"memory-backend-ram,id=m{i},size={node.mib}M", "-numa", f"node,nodeid={i},cpus={i},memdev=m{i}"]
    for i in range(len(shape.nodes)):
        for j in range(i + 1, len(shape.nodes)):
            args += ["-numa", f"dist,src={i},dst={j},val={shape.distance}"]
    args += ["-device", "virtio-serial-pci,id=vs", "-chardev", f"socket,id=agent,fd={agent.fileno()}",
             "-device", "virtserialport,bus=vs.0,chardev=agent,name=agent"]
    if link:
        args += ["-netdev", f"dgram,id=n0,local.type=fd,local.str={link.fileno()}",
                 "-device", f"virtio-net-pci,netdev=n0,mac=52:54:00:00:00:{number + 1:02x},romfile=,host_mtu={MTU}"]
    args += ["-kernel", _fd(hypervisor), "-append", f"{XEN_OPTIONS} dom0_max_vcpus={shape.dom0_vcpus}",
             "-initrd", f"{_fd(kernel)} {KERNEL_OPTIONS} rig.name={name},{_fd(initrd)}"]
    return args


def start(args, files, console):
    """The QEMU process, with these open files and its serial console going to a file. setpriv: it must not outlive the runner, whatever
    ends that. A process group of its own: ^C is the runner's to handle. To be called by a thread that lives as long as the runner."""
    with open(console, "wb") as out:
        return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *args], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                pass_fds=[f.fileno() for f in files if f], process_group=0)


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()
