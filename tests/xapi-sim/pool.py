# SPDX-License-Identifier: BSD-2-Clause
"""A state file as XAPI's records, and the memory behind them: pages per host and node."""
import json
import subprocess
import time

from codec import Failure
from database import NULL, Database, reference, stable_uuid
from rules import Rules

PAGE = 4096
MIB = 1 << 20
OVERHEAD_PAGES = 8192
FEATURES = "1fcbfbff-f7fa3223-2d93fbff-00000423-00000001-00003fbf-00000000-00000000"


def _default_versions(host):
    xen = host.get("xen", "4.17.5-4")
    return {"product_version": "8.4.0", "platform_name": "XCP", "platform_version": host.get("platform", "3.4.0"),
            "xapi": "26.1", "xapi_build": host.get("xapi", "26.1.3"), "xen": xen, "linux": "4.19.0+1", "dbv": "0.0.1"}


class Pool:
    def __init__(self, state, hook=None, plugin=None):
        self.db = Database()
        self.rules = Rules(self.db)
        self.state = state
        self.hook = hook      # command for a migration: VM uuid, source, destination
        self.plugin = plugin  # command for a host's part of the snapshot: host name
        self.free = {}        # host ref → pages free on each node
        self.where = {}       # VM ref → pages on each node of its host
        self.incoming = {}    # VM ref → (host ref, pages there)
        self.noter = None     # command for a note: host, VM uuid, nodes, seconds
        self.notes = {}       # (host ref, VM uuid) → source node: node
        self.checks = {}      # host ref → what its plugin's check says, None: ready
        self.plugins = {}     # host ref → True if its plugin is there
        self.vcpus = {}
        self._hosts()
        self._things()
        self._gpus()
        for vm in state.get("vms", []):
            self._vm(vm)
        for ref in self.free:
            self.measure(ref)

    # --- records ---

    def _ref(self, kind, name):
        return reference(self.state.get("name", ""), kind, name)

    def _uuid(self, kind, name):
        return stable_uuid(self.state.get("name", ""), kind, name)

    def _hosts(self):
        hosts = self.state["hosts"]
        self.db.add("pool", self._ref("pool", ""), {
            "uuid": self._uuid("pool", ""), "name_label": self.state.get("name", "pool"), "name_description": "",
            "master": self._ref("host", hosts[0]["name"]), "other_config": {}, "default_SR": NULL, "tags": [],
            "restrictions": {}, "ha_enabled": self.state.get("ha", False), "allowed_operations": [], "current_operations": {}})
        for host in hosts:
            name, ref = host["name"], self._ref("host", host["name"])
            metrics = self._ref("host_metrics", name)
            total = sum(host["nodes"])
            self.free[ref] = list(host["nodes"])
            self.plugins[ref] = host.get("plugin", True)
            self.checks[ref] = host.get("check")
            self.db.add("host_metrics", metrics, {
                "uuid": self._uuid("host_metrics", name), "memory_total": str(total * PAGE), "memory_free": "0",
                "live": host.get("live", True), "last_updated": "19700101T00:00:00Z", "other_config": {}})
            self.db.add("host", ref, {
                "uuid": host.get("uuid", self._uuid("host", name)), "name_label": name, "name_description": "",
                "hostname": name, "address": host.get("address", "192.0.2.1"), "enabled": host.get("enabled", True),
                "metrics": metrics, "memory_overhead": str(72 * MIB), "software_version": _default_versions(host),
                "cpu_info": {"vendor": host.get("vendor", "GenuineIntel"), "features_hvm": host.get("features", FEATURES),
                             "features_pv": host.get("features_pv", host.get("features", FEATURES)), "cpu_count": str(host.get("cpus", 64))},
                "capabilities": ["xen-3.0-x86_64"] + (["hvm-3.0-x86_64"] if host.get("hvm", True) else []),
                "virtual_hardware_platform_versions": ["0", "1", "2"], "chipset_info": {"iommu": str(host.get("iommu", True)).lower()},
                "resident_VMs": [], "PBDs": [], "PIFs": [], "PCIs": [], "PGPUs": [], "other_config": {}, "tags": [],
                "allowed_operations": ["evacuate", "provision"], "current_operations": dict(host.get("operations", {})), "API_version_major": "2",
                "API_version_minor": "21", "numa_affinity_policy": "default_policy", "editions": [], "license_params": {}})

    def _things(self):
        for sr in self.state.get("storage", []):
            ref = self._ref("SR", sr["name"])
            self.db.add("SR", ref, {"uuid": self._uuid("SR", sr["name"]), "name_label": sr["name"], "type": "nfs",
                                    "shared": len(sr["hosts"]) > 1, "PBDs": [], "VDIs": [], "other_config": {}})
            for host in sr["hosts"]:
                pbd = self._ref("PBD", sr["name"] + "/" + host)
                self.db.add("PBD", pbd, {"uuid": self._uuid("PBD", sr["name"] + "/" + host), "SR": ref,
                                         "host": self._ref("host", host), "currently_attached": True, "device_config": {}})
                self.db.record("SR", ref)["PBDs"].append(pbd)
        for net in self.state.get("networks", []):
            ref = self._ref("network", net["name"])
            self.db.add("network", ref, {"uuid": self._uuid("network", net["name"]), "name_label": net["name"], "PIFs": [],
                                         "VIFs": [], "bridge": "xenbr0", "managed": net.get("managed", True),
                                         "other_config": {"assume_network_is_shared": "true"} if net.get("assumed") else {}})
            for host in [] if net.get("internal") else net["hosts"]:
                pif = self._ref("PIF", net["name"] + "/" + host)
                self.db.add("PIF", pif, {"uuid": self._uuid("PIF", net["name"] + "/" + host), "network": ref,
                                         "host": self._ref("host", host), "device": "eth0", "currently_attached": True,
                                         "bond_slave_of": reference("Bond", host) if host in net.get("slaves", []) else NULL})
                self.db.record("network", ref)["PIFs"].append(pif)
        for group in self.state.get("groups", []):
            self.db.add("VM_group", self._ref("VM_group", group["name"]), {
                "uuid": self._uuid("VM_group", group["name"]), "name_label": group["name"], "name_description": "",
                "placement": group.get("placement", "anti_affinity"), "VMs": []})

    def _gpus(self):
        """Each of state["gpus"]: {"name", "host", "size", "moves"}; one group, types by their size."""
        for gpu in self.state.get("gpus", []):
            ref = self._ref("PGPU", gpu["name"])
            types = [self._gpu_type(size, gpu.get("sriov", False)) for size in (1, 2, 4)]
            self.db.add("PGPU", ref, {"uuid": self._uuid("PGPU", gpu["name"]), "host": self._ref("host", gpu["host"]),
                                      "GPU_group": self._ref("GPU_group", "gpus"), "enabled_VGPU_types": types,
                                      "supported_VGPU_types": types, "supported_VGPU_max_capacities": {},
                                      "size": str(gpu["size"]), "compatibility_metadata": {"nvidia": "x"} if gpu.get("moves", True) else {}})

    def _gpu_type(self, size, sriov):
        ref = self._ref("VGPU_type", f"{size} {sriov}")
        if ref not in self.db.tables["VGPU_type"]:
            self.db.add("VGPU_type", ref, {"uuid": self._uuid("VGPU_type", f"{size} {sriov}"), "model_name": f"size {size}", "size": str(size),
                                           "implementation": "nvidia_sriov" if sriov else "nvidia", "compatible_types_on_pgpu": [ref]})
        return ref

    def _vgpus(self, vm):
        """vm["vgpu"]: [size, name of the GPU where it is]"""
        if "vgpu" not in vm:
            return []
        size, gpu = vm["vgpu"]
        sriov = next(g for g in self.state["gpus"] if g["name"] == gpu).get("sriov", False)
        return [self.db.add("VGPU", self._ref("VGPU", vm["name"]), {
            "uuid": self._uuid("VGPU", vm["name"]), "VM": self._ref("VM", vm["name"]), "GPU_group": self._ref("GPU_group", "gpus"),
            "type": self._gpu_type(size, sriov), "PCI": reference("PCI", gpu + "/" + vm["name"]) if sriov else NULL, "resident_on": self._ref("PGPU", gpu), "scheduled_to_be_resident_on": NULL, "device": "0"})]

    def _gpu_functions(self, vm):
        functions = [self.db.record("VGPU", ref)["PCI"] for ref in self._vgpus(vm)]
        return [pci for pci in functions if pci != NULL]

    def _disk(self, vm, sr):
        key = vm["name"] + "/" + sr
        vdi, vbd = self._ref("VDI", key), self._ref("VBD", key)
        self.db.add("VDI", vdi, {"uuid": self._uuid("VDI", key), "name_label": key, "SR": self._ref("SR", sr), "VBDs": [vbd],
                                 "virtual_size": str(8 << 30), "managed": True, "type": "user",
                                 "sm_config": {"on_boot": "reset", "caching": "true"} if vm.get("cached") else {}})
        return self.db.add("VBD", vbd, {"uuid": self._uuid("VBD", key), "VM": self._ref("VM", vm["name"]), "VDI": vdi,
                                        "type": "Disk", "empty": False, "currently_attached": True, "userdevice": "0"})

    def _card(self, vm, net):
        key = vm["name"] + "/" + net
        return self.db.add("VIF", self._ref("VIF", key), {
            "uuid": self._uuid("VIF", key), "VM": self._ref("VM", vm["name"]), "network": self._ref("network", net),
            "device": "0", "MAC": "02:00:00:00:00:01", "currently_attached": True, "reserved_pci": NULL})

    def _vm(self, vm):
        name, ref = vm["name"], self._ref("VM", vm["name"])
        pages, host = sum(vm["nodes"]), self._ref("host", vm["host"])
        running = vm.get("state", "Running") in ("Running", "Paused")
        metrics = self._ref("VM_metrics", name)
        drivers = vm.get("drivers", True)
        moves = running and (drivers or vm.get("runs_as", vm.get("type", "hvm")) != "hvm")
        size = str(pages * PAGE)
        self.vcpus[ref] = vm.get("vcpus", 2)
        self.db.add("VM_metrics", metrics, {
            "uuid": self._uuid("VM_metrics", name), "memory_actual": size if running else "0", "numa_optimised": False,
            "numa_nodes": str(sum(1 for p in vm["nodes"] if p)),
            "numa_node_memory": {str(n): str(p * PAGE) for n, p in enumerate(vm["nodes"]) if p > 4096},
            "VCPUs_number": str(self.vcpus[ref]), "current_domain_type": vm.get("runs_as", vm.get("type", "hvm")) if running else "unspecified", "nomigrate": vm.get("nomigrate", False), "nested_virt": vm.get("nested", False)})
        self.db.add("VM", ref, {
            "uuid": vm.get("uuid", self._uuid("VM", name)), "name_label": name, "name_description": "",
            "power_state": vm.get("state", "Running"), "resident_on": host if running else NULL,
            "scheduled_to_be_resident_on": NULL, "affinity": NULL, "is_a_template": False, "is_a_snapshot": False,
            "is_control_domain": False, "metrics": metrics, "guest_metrics": reference("VM_guest_metrics", name) if drivers else NULL, "domain_type": vm.get("type", "hvm"),
            "memory_static_max": str(-(-pages // 256) * MIB), "memory_static_min": "0", "memory_dynamic_max": size,
            "memory_dynamic_min": str(vm.get("min", pages) * PAGE), "memory_target": size, "memory_overhead": str(OVERHEAD_PAGES * PAGE),
            "VCPUs_max": str(self.vcpus[ref]), "VCPUs_at_startup": str(self.vcpus[ref]),
            "VCPUs_params": {"mask": vm["mask"]} if "mask" in vm else {}, "HVM_shadow_multiplier": 1.0,
            "VBDs": [self._disk(vm, sr) for sr in vm.get("storage", [])],
            "VIFs": [self._card(vm, net) for net in vm.get("networks", [])], "VGPUs": self._vgpus(vm),
            "VUSBs": [reference("VUSB", name)] if vm.get("usb") else [],
            "attached_PCIs": ([reference("PCI", name)] if vm.get("pci") else []) + self._gpu_functions(vm),
            "groups": [self._ref("VM_group", vm["group"])] if "group" in vm else [], "blocked_operations": {"pool_migrate": vm["blocked"]} if "blocked" in vm else {},
            "allowed_operations": (["pool_migrate"] if moves else []) + ["clean_shutdown"] if running else ["start"], "current_operations": dict(vm.get("operations", {})),
            "hardware_platform_version": str(vm.get("platform_version", 0)),
            "last_boot_CPU_flags": {"vendor": vm.get("vendor", "GenuineIntel"), "features": vm["features"]} if "features" in vm else {},
            "other_config": {}, "xenstore_data": {}, "platform": {"vcpu-unrestricted": "true"} if vm.get("unrestricted") else {}, "tags": [], "ha_restart_priority": "", "consoles": []})
        if running:
            self.where[ref] = vm["nodes"] + [0] * (len(self.free[host]) - len(vm["nodes"]))
            self.free[host] = [f - p for f, p in zip(self.free[host], self.where[ref])]

    def measure(self, host):
        """host_metrics.memory_free, as XAPI's monitoring writes it."""
        self.db.set("host_metrics", self.db.record("host", host)["metrics"], memory_free=str(sum(self.free[host]) * PAGE))

    # --- the plugin `exclaim` ---

    def check(self, host):
        """host.call_plugin(host, "exclaim", "check", {}): the state's own words, or a host that is ready."""
        if not self.plugins[host]:
            raise Failure("XENAPI_MISSING_PLUGIN", "exclaim")
        return self.checks.get(host) or json.dumps({"schema": "exclaim.check/1", "state": "ok", "checks": []})

    def snapshot(self, host):
        """host.call_plugin(host, "exclaim", "snapshot", {})"""
        name = self.db.copy("host", host)["name_label"]
        if not self.plugins[host]:
            raise Failure("XENAPI_MISSING_PLUGIN", "exclaim")
        if self.plugin:
            run = subprocess.run([self.plugin, name], capture_output=True, text=True, check=False)
            if run.returncode:
                raise Failure("XENAPI_PLUGIN_FAILURE", f"exit {run.returncode}", run.stdout, run.stderr)
            return run.stdout
        with self.db.lock:
            free = self.free[host]
            record = self.db.record("host", host)
            part = {
                "schema": "exclaim.snapshot/1", "uuid": record["uuid"], "name": name,
                "xen_version": record["software_version"]["xen"], "time_unix_ms": int(time.time() * 1000),
                "nodes": [{"node": n, "free_pages": f, "claimed_pages": 0,
                           "distances": [10 if n == m else 21 for m in range(len(free))]} for n, f in enumerate(free)],
                "free_pages": sum(free), "claimed_pages": 0, "headroom_pages": 16384, "slack_pages": 64,
                "one_node": "host", "several_nodes": "host",
                "domains": [self._domain(vm) for vm, at in self.where.items() if self.resident(vm) == host]}
        return json.dumps(part)

    def _domain(self, vm):
        record, pages = self.db.record("VM", vm), self.where[vm]
        return {"uuid": record["uuid"], "name": record["name_label"],
                "nodes": [{"node": n, "pages": p} for n, p in enumerate(pages) if p], "total_pages": sum(pages),
                "source": "console", "exact": True, "max_pages": sum(pages) + 256, "vcpus": self.vcpus[vm],
                "paging_pool_bytes": self.vcpus[vm] * MIB, "pinned": False}

    def note(self, host, args):
        """host.call_plugin(host, "exclaim", "note", {"vm", "nodes", "seconds"}): the destination's hook takes it if it fits"""
        if self.noter:
            run = subprocess.run([self.noter, self.db.copy("host", host)["name_label"], args["vm"], args["nodes"], args["seconds"]],
                                 capture_output=True, text=True, check=False)
            if run.returncode:
                raise Failure("XENAPI_PLUGIN_FAILURE", f"exit {run.returncode}", run.stdout, run.stderr)
            return run.stdout
        pairs = dict(map(int, part.split("=")) for part in args["nodes"].split(","))
        if len(set(pairs.values())) != len(pairs) or not 0 < int(args["seconds"]) <= 3600:
            raise Failure("XENAPI_PLUGIN_FAILURE", "note", "EXCLAIM_USAGE", str(args))
        self.notes[host, args["vm"]] = pairs
        return "{}"

    def _planned(self, vm, host):
        """What a note says of its pages per node of the host; None if there is none that fits."""
        pairs = self.notes.pop((host, self.db.record("VM", vm)["uuid"]), None)
        got = [0] * len(self.free[host])
        for n, pages in enumerate(self.where[vm]):
            if pages and (pairs is None or pairs.get(n, len(got)) >= len(got)):
                return None
            if pages:
                got[pairs[n]] += pages
        return got if all(g <= f for g, f in zip(got, self.free[host])) else None

    def resident(self, vm):
        return self.db.record("VM", vm)["resident_on"]

    # --- moves ---

    def reserve(self, vm, host):
        """The checks before a migration, and its memory on the destination: the same nodes, or where there is room."""
        with self.db.lock:
            self.rules.check(vm, host)
            if vm in self.incoming:
                raise Failure("OTHER_OPERATION_IN_PROGRESS", "VM", vm)
            need, free = list(self.where[vm]), self.free[host]
            if sum(need) + OVERHEAD_PAGES > sum(free):
                raise Failure("HOST_NOT_ENOUGH_FREE_MEMORY", (sum(need) + OVERHEAD_PAGES) * PAGE, sum(free) * PAGE)
            need += [0] * (len(free) - len(need))
            got, rest = [0] * len(free), 0
            for n, pages in enumerate(need):
                here = min(pages, free[n]) if n < len(free) else 0
                rest += pages - here
                if n < len(free):
                    got[n] = here
            for n in range(len(free)):
                more = min(rest, free[n] - got[n])
                got[n] += more
                rest -= more
            got = self._planned(vm, host) or got
            self.free[host] = [f - g for f, g in zip(free, got)]
            self.incoming[vm] = (host, got)
            self.db.set("VM", vm, scheduled_to_be_resident_on=host)
            for vgpu, pgpu in self.rules.gpus(vm, host).items():
                self.db.set("VGPU", vgpu, scheduled_to_be_resident_on=pgpu)
            self.measure(host)

    def arrive(self, vm, source):
        """A guest that ended on the way, whoever says so, leaves its memory on both hosts and is resident on none."""
        with self.db.lock:
            host, pages = self.incoming.pop(vm)
            self.free[source] = [f + p for f, p in zip(self.free[source], self.where[vm])]
            if vm not in self.db.tables["VM"] or self.db.record("VM", vm)["power_state"] != "Running":
                self.incoming[vm] = (host, pages)
                self.abandon(vm)
                return
            self.where[vm] = pages
            self.db.set("VM", vm, resident_on=host, scheduled_to_be_resident_on=NULL)
            self._release_gpus(vm, True)
            for ref in (source, host):
                self.db.touch("host", ref)
                self.measure(ref)

    def _release_gpus(self, vm, arrived):
        for ref in self.db.record("VM", vm)["VGPUs"]:
            there = self.db.record("VGPU", ref)["scheduled_to_be_resident_on"]
            if arrived or self.db.record("VM", vm)["power_state"] != "Running":
                self.db.set("VGPU", ref, resident_on=there if arrived else NULL)
            self.db.set("VGPU", ref, scheduled_to_be_resident_on=NULL)

    def abandon(self, vm):
        with self.db.lock:
            host, pages = self.incoming.pop(vm)
            self.free[host] = [f + p for f, p in zip(self.free[host], pages)]
            if vm in self.db.tables["VM"]:
                self.db.set("VM", vm, scheduled_to_be_resident_on=NULL)
                self._release_gpus(vm, False)
            self.measure(host)
