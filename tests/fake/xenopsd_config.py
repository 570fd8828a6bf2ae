# SPDX-License-Identifier: BSD-2-Clause
"""What a xenopsd makes of its command line and configuration, as xen-api ocaml/xapi-idl/lib/xcp_service.ml and
ocaml/xenopsd/xc/xc_resources.ml have it: where it looks, and which emu-manager it ends up with. Written against that text, not
against ours; exclaim-hooks finds the same out with awk and sed."""
import os
import re


class DoesNotStart(Exception):
    """As xenopsd ends by an exception while it reads its configuration."""


def options(argv):
    """The configuration file, its directory and emu-manager after Cmdliner (Arg before it) has read the arguments."""
    name = os.path.basename(argv[0])
    known = {"config": "/etc/%s.conf" % name, "config-dir": "/etc/%s.conf.d" % name, "emu-manager": "emu-manager", "log": "", "loglevel": ""}
    words = list(argv[1:])
    while words:
        word = words.pop(0)
        if word == "--" or not word.startswith("-"):
            raise DoesNotStart("too many arguments, don't know what to do with %s" % word)
        key, _, value = word.lstrip("-").partition("=")
        fits = [key] if key in known else [k for k in known if k.startswith(key)]
        if len(fits) != 1:
            raise DoesNotStart("option %s" % word)
        if "=" not in word:
            if not words:
                raise DoesNotStart("option %s needs an argument" % word)
            value = words.pop(0)
        known[fits[0]] = value
    return known


def pairs(text):
    """parse_line of each line."""
    for line in text.split("\n"):
        line = re.sub(r"[ \t]+$", "", line.split("#")[0])
        found = re.search(r"([^=\\ \t]+)[\\ \t]*=[\\ \t]*(.*)", line)
        if found:
            key, value = found.groups()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            yield key, value


def emu_manager(argv, root, path=("/usr/bin", "/bin")):
    """The program that it starts; every file below root."""
    read = options(argv)
    for key in ("config", "config-dir"):
        read[key] = os.path.join("/", read[key])  # systemd starts it in /
    sources = []
    if os.path.exists(root + read["config"]):
        sources.append(root + read["config"])
    try:
        names = sorted(os.listdir(root + read["config-dir"]), key=os.fsencode)
    except OSError:
        names = []
    sources += [os.path.join(root + read["config-dir"], name) for name in names]
    value = read["emu-manager"]
    search = []
    for source in sources:
        try:
            with open(source, encoding="utf-8", errors="surrogateescape", newline="\n") as f:
                text = f.read()
        except OSError as e:
            raise DoesNotStart(str(e))
        for key, said in pairs(text):
            if key == "emu-manager":
                value = said
            elif key == "search-path":
                search = said.split(":") + search
    if not value.startswith("/"):
        value = next((d + "/" + value for d in list(path) + search if os.path.exists(root + d + "/" + value)), value)
    here = value if value.startswith(root) else root + value
    if not os.access(here, os.X_OK):
        raise DoesNotStart("Cannot access " + value)  # an essential resource
    return value
