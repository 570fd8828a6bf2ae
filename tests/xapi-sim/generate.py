# SPDX-License-Identifier: BSD-2-Clause
"""A pool as a state file. usage: generate.py [--hosts N] [--vms N] [--nodes N] [--seed N] [--fill PERCENT]

The state file is JSON; everything but names may be left out (pool.py has the defaults):
  {"name", "password", "pages_per_second", "ha",
   "hosts": [{"name", "address", "nodes": [pages of each], "xen", "platform", "xapi", "enabled", "live", "plugin",
              "cpus", "vendor", "features": as XAPI writes them, "features_pv", "hvm", "iommu", "operations": {task: name}}],
   "storage": [{"name", "hosts": [names]}],
   "networks": [{"name", "hosts": [names], "internal", "managed", "assumed": assume_network_is_shared, "slaves": [names of hosts]}],
   "gpus": [{"name", "host", "size", "moves": its vGPUs may be migrated, "sriov": they are PCI functions}], "groups": [{"name", "placement"}],
   "vms": [{"name", "host", "nodes": [pages on each], "vcpus", "type", "runs_as": its type now, "drivers": that can suspend, "storage": [names], "networks": [names], "group",
            "mask", "pci", "usb", "vgpu": [size, name of a GPU], "cached": disks reset on boot, "nomigrate", "nested", "blocked": why,
            "features", "vendor", "platform_version", "unrestricted", "min": pages of its dynamic minimum, "operations": {task: name}, "state"}]}
Pages are of 4 KiB.
"""
import argparse
import json
import random

SIZES = (1, 2, 4, 4, 8, 8, 16, 32, 64)  # GiB, as in estates that people describe
GIB = 1 << 18


def pool(hosts=4, vms=20, nodes=2, seed=1, fill=70):
    """fill: percent of each host's memory that VMs may take."""
    rng = random.Random(seed)
    share = max(1, vms // hosts)
    per_node = max(64, share * 16 * 2 // nodes) * GIB
    names = [f"host{i:02}" for i in range(hosts)]
    left = {name: [per_node * fill // 100] * nodes for name in names}
    state = {
        "name": "generated",
        "hosts": [{"name": name, "address": f"192.0.2.{i + 1}", "nodes": [per_node] * nodes} for i, name in enumerate(names)],
        "storage": [{"name": "shared", "hosts": names}],
        "networks": [{"name": "lan", "hosts": names}],
        "groups": [{"name": f"apart{i}", "placement": "anti_affinity"} for i in range(vms // 50)],
        "vms": [],
    }
    for i in range(vms):
        name = names[i % hosts]
        pages = rng.choice(SIZES) * GIB - rng.randrange(4096)
        at = max(range(nodes), key=lambda n: left[name][n])
        parts = [0] * nodes
        if rng.random() < 0.15 and nodes > 1:
            parts = [pages // nodes] * nodes
            parts[at] += pages - sum(parts)
        else:
            parts[at] = pages
        if any(p > l for p, l in zip(parts, left[name])):
            parts = [0] * nodes
            parts[at] = min(GIB, max(left[name][at], 1))
        left[name] = [l - p for l, p in zip(left[name], parts)]
        vm = {"name": f"vm{i:05}", "host": name, "nodes": parts, "vcpus": rng.choice((1, 2, 4, 8)), "storage": ["shared"],
              "networks": ["lan"]}
        if state["groups"] and rng.random() < 0.1:
            vm["group"] = rng.choice(state["groups"])["name"]
        state["vms"].append(vm)
    return state


def main():
    parser = argparse.ArgumentParser(description="writes a state file to stdout")
    for name, value in (("hosts", 4), ("vms", 20), ("nodes", 2), ("seed", 1), ("fill", 70)):
        parser.add_argument("--" + name, type=int, default=value)
    print(json.dumps(pool(**vars(parser.parse_args())), indent=1))


if __name__ == "__main__":
    main()
