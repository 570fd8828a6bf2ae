#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: arrows.py SOURCE BUILD

A room calls only rooms below it, files of one room do not call each other in a circle, and verbs
and hooks include nothing but include/exclaim, base and report: read from the includes, and from
what the built objects define and want (nm).  What is not so yet stands in `exceptions` with its
reason; one that is no longer needed fails as well, so that the list can only shrink."""
import os
import re
import subprocess
import sys

ROOMS = ["base", "xen", "model", "stream", "reserve", "session", "toolstack", "place", "pool",
         "xapi", "plan", "evacuate", "report", "cli"]
# Built once into each of these: the installed program and library, and the model for the tests.
TARGETS = ["CMakeFiles/libexclaim.dir/src", "CMakeFiles/exclaim_xapi.dir/src", "CMakeFiles/exclaim.dir/src",
           "tests/CMakeFiles/exclaim_model.dir/__/src"]


def room(name):
    return ROOMS.index(name.split("/")[0])


def objects(source, build):
    for target in TARGETS:
        for folder, _, names in os.walk(os.path.join(build, target)):
            for name in names:
                path = os.path.join(folder, name)
                file = os.path.relpath(path, os.path.join(build, target))[:-2]
                # The build keeps objects of files that are gone.
                if name.endswith(".c.o") and os.path.exists(os.path.join(source, "src", file)):
                    yield file, path


def symbols(path):
    defined, wanted = set(), set()
    for line in subprocess.run(["nm", "-g", path], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        kind, name = line.split()[-2:]
        (wanted if kind == "U" else defined).add(name)
    return defined, wanted


def calls(source, build):
    """{(caller, callee): {symbols}} between files."""
    table = {name: symbols(path) for name, path in objects(source, build)}
    home = {symbol: name for name, (defined, _) in table.items() for symbol in defined}
    arrows = {}
    for name, (_, wanted) in table.items():
        for symbol in wanted:
            if home.get(symbol, name) != name:
                arrows.setdefault((name, home[symbol]), set()).add(symbol)
    return table, arrows


def includes(source):
    for folder, _, names in os.walk(os.path.join(source, "src")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), os.path.join(source, "src"))
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                for target in re.findall(r'^#include "\.\./([a-z]+/[a-z0-9_]+\.h)"', file.read(),
                                         re.M):
                    yield path, target


def reaches(source):
    """What verbs and hooks include beside include/exclaim, base and report."""
    for folder, allowed in (("src/cli", r"\.\./(?:base|report)/|[a-z_]+\.h"),
                            ("emu-hooks", r"\.\./src/base/")):
        for name in sorted(os.listdir(os.path.join(source, folder))):
            if name.endswith((".c", ".h")):
                with open(os.path.join(source, folder, name), encoding="utf-8") as file:
                    for target in re.findall(r'^#include "([^"]+)"', file.read(), re.M):
                        if not re.match(allowed, target):
                            yield f"{folder}/{name}", target


def circles(nodes, arrows):
    """Files that reach each other (Tarjan), each as a sorted list."""
    index, low, stack, found = {}, {}, [], []
    after = {}
    for caller, callee in arrows:
        after.setdefault(caller, []).append(callee)

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for follower in after.get(node, []):
            if follower not in index:
                visit(follower)
            if follower in stack:
                low[node] = min(low[node], low[follower])
        if low[node] == index[node]:
            group = stack[stack.index(node):]
            del stack[stack.index(node):]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return found


def exceptions(path):
    """Lines: `what: reason`; what is `caller -> callee` or `circle first`."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                what, reason = line.split(": ", 1)
                assert reason.strip(), line
                yield what


def main(source, build):
    table, arrows = calls(source, build)
    assert len(table) > 100, "no objects: is this the build?"
    wrong = {}
    for (caller, callee), names in arrows.items():
        if room(caller) < room(callee):
            wrong[f"{caller} -> {callee}"] = "calls " + ", ".join(sorted(names))
    for caller, header in includes(source):
        if room(caller) < room(header):
            wrong[f"{caller} -> {header}"] = "includes it"
    for caller, header in reaches(source):
        wrong[f"{caller} -> {header}"] = "is neither in include/exclaim, base nor report"
    for group in circles(table, [a for a in arrows if room(a[0]) == room(a[1])]):
        wrong[f"circle {group[0]}"] = ", ".join(group)

    allowed = set(exceptions(os.path.join(os.path.dirname(__file__), "exceptions")))
    for what in sorted(set(wrong) - allowed):
        print(f"{what}: {wrong[what]}")
    for what in sorted(allowed - set(wrong)):
        print(f"{what}: no longer so, take it out of tests/arrows/exceptions")
    print(f"{len(table)} files, {len(arrows)} arrows, {len(wrong)} of them wrong, "
          f"{len(allowed)} allowed")
    return set(wrong) != allowed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
