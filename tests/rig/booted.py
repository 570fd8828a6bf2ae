# SPDX-License-Identifier: BSD-2-Clause
"""HVM guests with QEMU. Firmware, boot loader and kernel take longer to reach the first tick than everything that a scenario then does, so one guest
is booted, saved and kept in the cache; a scenario's guest is restored from that, with its pages on the nodes that the scenario wants."""
import cache
from cache import RigError
from guest import Guest

import device_model

MIB = 128
BOOT_SECONDS = 400
SAVED = "/tmp/booted.gz"


def _boot_and_save(host, guest):
    """bytes of a saved stream, packed, of a guest that has ticked for a while."""
    guest.create(host)
    try:
        first = guest.wait_tick(host, timeout=BOOT_SECONDS)[0]
        guest.wait_tick(host, after=first + 20)
        # A pipe, because the stream does not fit into dom0's memory beside the guests' files.
        host.run(f"mkfifo /tmp/saving; gzip -1 </tmp/saving >{SAVED} & xl save {guest.name} /tmp/saving; rc=$?; wait; rm /tmp/saving; exit $rc", timeout=200)
    except RigError as e:
        raise RigError(f"{e}; its QEMU says: {host.get(f'/var/log/xen/qemu-dm-{guest.name}.log').decode(errors='replace')[-300:]}") from e
    finally:
        guest.destroy(host)
    return host.get(SAVED)


def _first():
    return Guest(name="booted", mib=MIB, type="hvm", uuid="0e7c1a1e-0000-4000-8000-000000000001")


def _path(host):
    key = cache.digest(host.flavour.hypervisor.name, device_model.overlay(host.flavour).name, _first().config())
    return cache.root() / "built" / f"booted-{key}.gz"


def is_saved(host):
    return _path(host).exists()


def _saved(pair, host):
    """A saved guest's file on that host, put there once."""
    if getattr(host, "has_saved", None):
        return SAVED

    def boot(tmp):
        pair.step("booting an HVM guest, once for all later runs")
        tmp.write_bytes(_boot_and_save(host, _first()))
    host.put(cache.make_file(_path(host), boot), SAVED)
    host.has_saved = True
    return SAVED


def hvm_guest(pair, host=None, fresh=False, **options):
    """A guest of that kind on pair.src, or another host, past a tick; fresh: booted, not restored. options: Guest's."""
    host = host or pair.src
    guest = Guest(**{"name": "hvm", "mib": MIB, "type": "hvm", **options})
    saved = None if fresh else _saved(pair, host)
    pair.step(f"{'booting' if fresh else 'restoring'} {guest.name}")
    pair.guests.append(guest)
    guest.create(host, saved)
    guest.since = guest.wait_tick(host, timeout=BOOT_SECONDS)[0]
    return guest


def device_models(host):
    """How many QEMUs run there."""
    return int(host.run("ps | grep -c '[x]en-qemu-system'", check=False).out)
