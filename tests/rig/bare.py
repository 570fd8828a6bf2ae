# SPDX-License-Identifier: BSD-2-Clause
"""Domains without a toolstack (dom0/bare.c): ballast on a node, and something to claim for."""
import contextlib


class Bare:
    def __init__(self, host, max_pages):
        self.host = host
        self.domid = int(self._bare(f"create {max_pages}"))

    def _bare(self, words):
        return self.host.run(f'bare "$LIBXENCTRL" {words}').out

    def populate(self, pages, node="any"):
        """Allocate pages, exactly on a node, in extents as large as they go; how many Xen gave."""
        large, small = divmod(pages, 512)
        got = 512 * int(self._bare(f"populate {self.domid} {node} 9 {large}")) if large else 0
        return got + (int(self._bare(f"populate {self.domid} {node} 0 {pages - got}")) if pages > got else 0)

    def shatter(self, node, pages):
        """Take single pages on a node and give every other one back, so that what is free of them has no neighbour."""
        return int(self._bare(f"shatter {self.domid} {node} {pages}"))

    def destroy(self):
        self._bare(f"destroy {self.domid}")


@contextlib.contextmanager
def bare(host, max_pages):
    domain = Bare(host, max_pages)
    try:
        yield domain
    finally:
        domain.destroy()


@contextlib.contextmanager
def ballast(host, leave):
    """Fill nodes until only so many pages are free on each: leave = {node: pages}."""
    with contextlib.ExitStack() as stack:
        for node, pages in leave.items():
            over = host.node_free()[node] - pages
            if over > 0:
                stack.enter_context(bare(host, over + 1024)).populate(over, node)
        yield
