#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: sources.py FOLDER NAME...   Debian's source packages, unpacked as FOLDER/NAME, from the mirrors that this machine's apt uses."""
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "rig"))

from packages import Apt, machine_codename  # noqa: E402


def main():
    folder = pathlib.Path(sys.argv[1])
    missing = [name for name in sys.argv[2:] if not (folder / name).is_dir()]
    if not missing:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    apt = Apt(machine_codename())
    # A list of its own: nobody else asks for sources.
    lists = pathlib.Path(folder / "sources.list")
    text = (pathlib.Path(apt.options[1].split("=", 1)[1])).read_text()
    lists.write_text("".join(line.replace("deb ", "deb-src ", 1) + "\n" for line in text.splitlines()))
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    apt.options += ["-o", f"Dir::Etc::SourceList={lists}", "-o", f"Dir::State::Lists={folder / 'lists'}"]
    apt.update()
    done = apt.call("apt-get", "-q", "source", "--download-only", *missing, cwd=folder)
    if done.returncode:
        sys.exit(f"sources: {done.stderr.strip().splitlines()[-1]}")
    for name in missing:
        dsc = sorted(folder.glob(f"{name}_*.dsc"))[-1]
        half = folder / (name + ".new")
        shutil.rmtree(half, ignore_errors=True)
        subprocess.run(["dpkg-source", "--no-check", "-x", dsc, half], check=True, stdout=subprocess.DEVNULL)
        half.rename(folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
