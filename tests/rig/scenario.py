# SPDX-License-Identifier: BSD-2-Clause
"""The register of scenarios. A file in scenarios/ holds functions of one argument, a Pair, that raise when they find something wrong."""
import dataclasses
import importlib.util
import pathlib
from typing import Callable

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"
ALL = {}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    run: Callable
    nodes: tuple    # of source and destination, or None: any
    xen: Callable   # xen(source's flavour, destination's) says whether it makes sense there
    stage: bool     # it needs the project's programs in dom0
    seconds: int
    dom0_vcpus: int
    hvm: bool       # it has HVM guests
    tries: int = 5  # where a guest died of the emulator, faults.py


def scenario(about, nodes=None, xen=lambda src, dst: True, stage=False, seconds=180, dom0_vcpus=None, hvm=False):
    """Register a function; its name with dashes is the scenario's. nodes: 2, 4 or (source's, destination's). dom0_vcpus: of both hosts; two
    where the project counts, which reads a guest's frames out of the tables of dom0's other vCPU, one where nobody does: it is cheaper. hvm: HVM guests run there, on hosts of their own."""
    def register(function):
        name = function.__name__.replace("_", "-")
        if name in ALL:
            raise ValueError(f"two scenarios are called {name}")
        pair = (nodes, nodes) if isinstance(nodes, int) else nodes
        ALL[name] = Scenario(name, about, function, pair, xen, stage, seconds, dom0_vcpus or (2 if stage else 1), hvm)
        return function
    return register


def alike(src, dst):
    """For xen=: two equal Xens are enough, what is looked at does not depend on a newer destination."""
    return src == dst


def load():
    for path in sorted(FOLDER.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"scenarios.{path.stem}", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return ALL
