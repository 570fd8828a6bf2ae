# SPDX-License-Identifier: BSD-2-Clause
"""Why XAPI refuses VM.pool_migrate, as xen-api decides it: each function names the one that it stands for.

message_forwarding.ml pool_migrate: CPU features, the operation, versions, then assert_can_boot_here and the host's operation.
Left out: memory (pool.py has it, as Xen counts), HA's failover plan, licences, PV drivers' features.
"""
from codec import Failure
from database import NULL

UNKNOWN_CPUS = 1 << 20  # a host whose record has no cpu_count: real ones have
VERSIONS = ("platform_version", "xapi_build", "xen")  # helpers.ml, Migration.version_keys


def truth(text):
    return str(text).lower() in ("true", "t", "1", "yes", "y")


def words(features):
    return [int(word, 16) for word in features.split("-")]


def numbers(version):
    """helpers.ml version_numbers_of_string: what stands before the second dash."""
    return [int(n) for part in version.split("-")[:2] for n in part.split(".") if n.isdigit()]


class Rules:
    def __init__(self, db):
        self.db = db

    def check(self, vm, host):
        """Failure with XAPI's error, if it would refuse."""
        self.cpu(vm, host)
        self.operation(vm, host)
        self.versions(vm, host)
        self.boot_here(vm, host)
        self.host_operation(host)
        self.source(vm)

    def source(self, vm):
        """message_forwarding.ml, forward_vm_op: the source carries the call out"""
        host = self.db.record("VM", vm)["resident_on"]
        if not self.db.record("host_metrics", self.db.record("host", host)["metrics"])["live"]:
            raise Failure("HOST_OFFLINE", host)

    # --- cpuid_helpers.ml, assert_vm_is_compatible ---

    def cpu(self, vm, host):
        record, info = self.db.record("VM", vm), self.db.record("host", host)["cpu_info"]
        flags = record["last_boot_CPU_flags"]
        has = info.get("features_pv" if self.domain_type(vm) == "pv" else "features_hvm")
        if "vendor" in flags and "vendor" in info and flags["vendor"] != info["vendor"]:
            raise Failure("VM_INCOMPATIBLE_WITH_THIS_HOST", vm, host, "VM last booted on a host which had a CPU from a different vendor.")
        if "features" in flags and has:
            need, offered = words(flags["features"]), words(has)
            offered += [0] * (len(need) - len(offered))
            if any(n & ~o for n, o in zip(need, offered)):
                raise Failure("VM_INCOMPATIBLE_WITH_THIS_HOST", vm, host,
                              "VM last booted on a CPU with features this host's CPU does not have.")

    def domain_type(self, vm):
        """helpers.ml: of a VM that runs, as what it does"""
        record = self.db.record("VM", vm)
        return record["domain_type"] if record["power_state"] == "Halted" else self.db.record("VM_metrics", record["metrics"])["current_domain_type"]

    # --- xapi_vm_lifecycle.ml, check_operation_error for pool_migrate ---

    def operation(self, vm, _host):
        record = self.db.record("VM", vm)
        metrics = self.db.record("VM_metrics", record["metrics"])
        if "pool_migrate" in record["blocked_operations"]:
            raise Failure("OPERATION_BLOCKED", vm, record["blocked_operations"]["pool_migrate"])
        if record["power_state"] != "Running":
            raise Failure("VM_BAD_POWER_STATE", vm, "running", record["power_state"].lower())
        if record["current_operations"]:
            raise Failure("OTHER_OPERATION_IN_PROGRESS", "VM", vm, *record["current_operations"].values())
        if metrics.get("nomigrate") or metrics.get("nested_virt"):
            raise Failure("VM_IS_IMMOBILE", vm)
        if record["guest_metrics"] == NULL and self.domain_type(vm) == "hvm":  # check_op_for_feature: no drivers, no feature-suspend
            raise Failure("VM_LACKS_FEATURE", vm)
        for vbd in record["VBDs"]:
            config = self.db.record("VDI", self.db.record("VBD", vbd)["VDI"]).get("sm_config", {})
            if config.get("on_boot") == "reset" and truth(config.get("caching")):
                raise Failure("VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION")
        if [pci for pci in record["attached_PCIs"] if pci not in [self.db.record("VGPU", v)["PCI"] for v in record["VGPUs"] if self.function(v)]]:
            raise Failure("VM_HAS_PCI_ATTACHED", vm)
        if record["VGPUs"] and not all(self.suspendable(vgpu) for vgpu in record["VGPUs"]):
            raise Failure("VM_HAS_VGPU", vm)
        if record["VUSBs"]:
            raise Failure("VM_HAS_VUSBS", vm)

    def function(self, vgpu):
        return self.db.record("VGPU_type", self.db.record("VGPU", vgpu)["type"])["implementation"] == "nvidia_sriov"

    def suspendable(self, vgpu):
        record = self.db.record("VGPU", vgpu)
        kind = self.db.record("VGPU_type", record["type"])["implementation"]
        return kind in ("nvidia", "nvidia_sriov") and bool(self.db.record("PGPU", record["resident_on"])["compatibility_metadata"])

    # --- message_forwarding.ml: versions, while the pool is upgraded ---

    def software(self, host):
        return [numbers(self.db.record("host", host)["software_version"].get(key, "0.0.0")) for key in VERSIONS]

    def upgrading(self):
        master = next(iter(self.db.tables["pool"].values()))["master"]
        return any(self.software(host)[:2] != self.software(master)[:2] for host in self.db.tables["host"])

    def versions(self, vm, host):
        source = self.db.record("VM", vm)["resident_on"]
        if any(to < of for to, of in zip(self.software(host), self.software(source))) and self.upgrading():
            raise Failure("NOT_SUPPORTED_DURING_UPGRADE")

    # --- xapi_vm_helpers.ml, assert_can_boot_here ---

    def boot_here(self, vm, host):
        record, target = self.db.record("VM", vm), self.db.record("host", host)
        if not self.db.record("host_metrics", target["metrics"])["live"]:
            raise Failure("HOST_NOT_LIVE")
        if not target["enabled"] and host != record["resident_on"]:
            raise Failure("HOST_DISABLED", host)
        if record["hardware_platform_version"] not in target["virtual_hardware_platform_versions"]:
            raise Failure("VM_HOST_INCOMPATIBLE_VIRTUAL_HARDWARE_PLATFORM_VERSION", host,
                          "[" + "; ".join(target["virtual_hardware_platform_versions"]) + "]", vm, record["hardware_platform_version"])
        self.storage(vm, host)
        self.networks(vm, host)
        if target["chipset_info"]["iommu"] != "true" and any(self.function(vgpu) for vgpu in record["VGPUs"]):
            raise Failure("VM_REQUIRES_IOMMU", host)
        self.gpus(vm, host)
        if self.domain_type(vm) != "pv" and not any(c.startswith("hvm") for c in target["capabilities"]):
            raise Failure("VM_HVM_REQUIRED", vm)
        vcpus, cpus = int(record["VCPUs_max"]), int(target["cpu_info"].get("cpu_count", UNKNOWN_CPUS))
        if vcpus > cpus and not truth(record["platform"].get("vcpu-unrestricted")):
            raise Failure("HOST_NOT_ENOUGH_PCPUS", str(vcpus), str(cpus))

    def storage(self, vm, host):
        plugged = {p["SR"] for p in self.db.tables["PBD"].values() if p["host"] == host and p["currently_attached"]}
        for vbd in self.db.record("VM", vm)["VBDs"]:
            record = self.db.record("VBD", vbd)
            if not record["empty"] and self.db.record("VDI", record["VDI"])["SR"] not in plugged:
                raise Failure("VM_REQUIRES_SR", vm, self.db.record("VDI", record["VDI"])["SR"])

    def networks(self, vm, host):
        """xapi_network_attach_helpers.ml, assert_can_see_named_networks"""
        nets = [self.db.record("VIF", vif)["network"] for vif in self.db.record("VM", vm)["VIFs"]]
        for net in nets:
            if not self._network_there(net, host):
                raise Failure("VM_REQUIRES_NETWORK", vm, net)
        for net in nets:
            for pif in self.db.tables["PIF"].values():
                if pif["network"] == net and pif["host"] == host and pif["bond_slave_of"] != NULL:
                    raise Failure("HOST_CANNOT_ATTACH_NETWORK", host, net)

    def _network_there(self, net, host):
        record = self.db.record("network", net)
        if record["PIFs"]:
            return any(self.db.record("PIF", pif)["host"] == host for pif in record["PIFs"])
        if record["other_config"].get("assume_network_is_shared") == "true" or not record["managed"]:
            return True
        users = [self.db.record("VM", vif["VM"]) for vif in self.db.tables["VIF"].values() if vif["network"] == net]
        hosts = [vm["resident_on"] for vm in users if vm["power_state"] == "Running"]
        return not hosts or host in hosts

    def gpus(self, vm, host):
        """vgpuops.ml, allocate_vgpu_to_gpu, one virtual GPU after the other, depth first: where least is left; by VGPU"""
        taken, where = [], {}
        for ref in self.db.record("VM", vm)["VGPUs"]:
            vgpu = self.db.record("VGPU", ref)
            left = {p: self._capacity(p, vgpu["type"], taken) for p, record in self.db.tables["PGPU"].items()
                    if record["host"] == host and record["GPU_group"] == vgpu["GPU_group"]}
            where[ref] = min((p for p in left if left[p]), key=lambda p: left[p], default=None)
            if not where[ref]:
                raise Failure("VM_REQUIRES_VGPU", vm, vgpu["GPU_group"], vgpu["type"])
            taken.append((where[ref], vgpu["type"]))
        return where

    def _capacity(self, pgpu, kind, taken):
        """xapi_pgpu_helpers.ml, get_remaining_capacity"""
        record = self.db.record("PGPU", pgpu)
        there = [v["type"] for v in self.db.tables["VGPU"].values() if pgpu in (v["resident_on"], v["scheduled_to_be_resident_on"])]
        if kind not in record["enabled_VGPU_types"] or any(
                kind not in self.db.record("VGPU_type", other)["compatible_types_on_pgpu"] for other in there):
            return 0
        used = sum(int(self.db.record("VGPU_type", other)["size"]) for other in there + [k for p, k in taken if p == pgpu])
        return max(0, (int(record["size"]) - used) // int(self.db.record("VGPU_type", kind)["size"]))

    # --- xapi_host_helpers.ml, valid_operations for vm_migrate ---

    def host_operation(self, host):
        for task, name in self.db.record("host", host)["current_operations"].items():
            if name in ("evacuate", "reboot", "shutdown"):
                raise Failure("OTHER_OPERATION_IN_PROGRESS", "host", host, name, task)
