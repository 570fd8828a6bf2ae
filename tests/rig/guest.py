# SPDX-License-Identifier: BSD-2-Clause
"""A guest that prints its own clock, with its pages on the nodes a scenario wants."""
import dataclasses
import re
import time
import uuid as uuids

from cache import RigError

TICK = re.compile(r"^tick (\d+) ([\d.]+)\s*$", re.M)
WALK = re.compile(r"^walk ([\d.]+) ([\d.]+)\s*$", re.M)
MIB = 80  # 72 does not boot: the kernel alone needs 62
# clearcpuid=tsc: the kernel would look for 2 s for a timer chip that a PVH guest lacks, to find the TSC's frequency; it does not need it, its
# clock is Xen's. lpj: then it need not measure that either. Together 6.5 s to the first tick become 4.
KERNEL_OPTIONS = "console=hvc0 quiet mitigations=off clearcpuid=tsc lpj=5000000 cryptomgr.notests"


@dataclasses.dataclass(eq=False)
class Guest:
    """spread: {node: pages}, or a list of such pairs, filled in this order; the last node takes all that is over, its number is not read;
    "NODE/NODE/PAGES": so many on one node, so many on the other, and so on, by their frames' numbers; None: as xl places it.
    type: "pvh", "pv" or "hvm"; extra: further lines of xl's configuration; options: of the guest's kernel, walk=MIB starts dom0/walk.c
    (an HVM guest's are on its disk); since: the first of its ticks that the hosts of today have seen; seen: {host's name: its counts() as they
    were looked at there last}, until it leaves."""
    name: str = "guest"
    mib: int = MIB
    type: str = "pvh"
    vcpus: int = 1
    spread: dict = None
    uuid: str = ""
    extra: str = ""
    options: str = ""
    since: int = 0
    seen: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.uuid = self.uuid or str(uuids.uuid4())

    def config(self):
        # tsc_mode: RDTSCP is not emulated under nested SVM, a PVH guest would crash. ahci: SeaBIOS reads an IDE disk word by word. No
        # serial port: a trap for each character.
        boot = ('disk=["format=raw,vdev=hda,access=rw,backendtype=qdisk,target=/rig/guest/disk"]\n'
                'hdtype="ahci"\nvga="stdvga"\nvnc=0\nserial="none"\n' if self.type == "hvm" else
                'kernel="/rig/guest/kernel"\nramdisk="/rig/guest/initrd"\n'
                f'extra="{KERNEL_OPTIONS} {self.options}"\n')
        return (f'name="{self.name}"\nuuid="{self.uuid}"\ntype="{self.type}"\nmemory={self.mib}\nvcpus={self.vcpus}\n{boot}'
                f'tsc_mode="native"\non_crash="preserve"\non_reboot="preserve"\n{self.extra}\n')

    def _quotas(self):
        if isinstance(self.spread, str):
            return self.spread
        quotas = [f"{node}:{pages}" for node, pages in (self.spread.items() if isinstance(self.spread, dict) else self.spread)]
        return ",".join(quotas[:-1] + [quotas[-1].split(":")[0] + ":*"])

    def create(self, host, saved=None, timeout=60):
        """Start it on a host; wait_tick() waits for it to run. saved: a file there with a guest's saved stream, packed, to be restored
        instead of booted."""
        host.put(self.config().encode(), f"/etc/xen/{self.name}.cfg")
        preload = ""
        if self.spread:
            preload = f"RIG_SPREAD={self._quotas()} LD_PRELOAD=/rig/lib/spread.so "
        if saved:
            host.run(f"zcat {saved} | {preload}xl restore /etc/xen/{self.name}.cfg /proc/self/fd/0", timeout)
        else:
            host.run(f"{preload}xl create /etc/xen/{self.name}.cfg", timeout)
        return self

    def domid(self, host):
        """Its domain number there, or None."""
        done = host.run(f"xl domid {self.name}", check=False)
        return int(done.out) if done.rc == 0 else None

    def counts(self, host):
        """Its pages per node there: {"total": n, "nodes": {node: pages}}, by key u. Where Xen's own counters do not add up to what it has
        (XenServer 9's keep pages that a guest gave back), by its frames."""
        self.seen[host.name] = self._counts(host)
        return self.seen[host.name]

    def _counts(self, host):
        domid, counts = self.domid(host), host.counts()
        if domid not in counts:
            raise RigError(f"{host.name}: no domain {self.name}")
        count = counts[domid]
        if sum(count["nodes"].values()) != count["total"] and self.type != "pv":
            nodes = {}
            for _, pages, node in self.frames(host):
                nodes[node] = nodes.get(node, 0) + pages
            return {"total": count["total"], "nodes": nodes}
        return count

    def frames(self, host):
        """[(first frame, frames, node)], ascending: where each of its frames lies, read by dom0/frames.c. host needs two vCPUs for dom0."""
        ranges = " ".join(f"{start}:{pages}:{node}" for node, (start, pages) in
                          sorted(host.node_ranges().items(), key=lambda item: -item[1][0]))
        out = host.run(f'frames "$LIBXENCTRL" {self.domid(host)} {ranges}', timeout=300).out
        return [tuple(map(int, line.split())) for line in out.splitlines()]

    def regions(self, host):
        """Of its memory there, by Xen's own p2m: regions of 2 MiB that are whole, that are in part, and pages."""
        whole, broken, pages = map(int, host.run(f'regions "$LIBXENCTRL" {self.domid(host)}').out.split())
        return whole, broken, pages

    def _console(self, host):
        # A guest that came by migration is still called --incoming when its console is opened.
        logs = " ".join(f"/var/log/xen/console/guest-{self.name}{suffix}.log" for suffix in ("", "--incoming"))
        return host.run(f"cat {logs} 2>/dev/null", check=False).out.replace("\r", "")

    def ticks(self, host):
        """[(number, uptime)] that its console showed on that host."""
        return [(int(n), float(up)) for n, up in TICK.findall(self._console(host))]

    def walks(self, host):
        """[(4 KiB, 2 MiB)]: nanoseconds per read that walk.c showed on that host, by size of the guest's own pages."""
        return [(float(small), float(large)) for small, large in WALK.findall(self._console(host))]

    def wait_tick(self, host, after=-1, timeout=60):
        """The first tick later than number after."""
        deadline = time.monotonic() + timeout
        while True:
            later = [t for t in self.ticks(host) if t[0] > after]
            if later:
                return later[0]
            if time.monotonic() > deadline:
                raise RigError(f"{host.name}: no tick of {self.name} after number {after} in {timeout} s")
            time.sleep(0.2)

    def destroy(self, host):
        host.run(f"xl destroy {self.name}", check=False)
