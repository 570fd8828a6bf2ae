#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A migration that ends as the file `ends` beside the socket says for its VM: {"name": [state, "fails" or a code of XAPI, ...]}, one per try.

usage: hook.py VM-UUID SOURCE DESTINATION, with EXCLAIM_TEST_SOCKET set.
"""
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True

from pools import call

NULL = "OpaqueRef:NULL"


def main():
    path = os.environ["EXCLAIM_TEST_SOCKET"]
    file = pathlib.Path(path).parent / "ends"
    session = call(path, "session.login_with_password", "root", "")
    vm = call(path, "VM.get_by_uuid", session, sys.argv[1])
    ends = json.loads(file.read_text())
    name = call(path, "VM.get_record", session, vm)["name_label"]
    end = ends.get(name, [])[:1]
    if not end:
        return 0
    ends[name].pop(0)
    file.write_text(json.dumps(ends))
    if end[0].isupper():
        print("XAPI " + end[0])
        return 1
    if end == ["fails"]:
        print("a reason of its own")
        return 1
    call(path, "VM.set_power_state", session, vm, end[0])
    if end[0] != "Paused":
        call(path, "VM.set_resident_on", session, vm, NULL)
    return 1


sys.exit(main())
