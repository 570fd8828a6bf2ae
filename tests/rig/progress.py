# SPDX-License-Identifier: BSD-2-Clause
"""One line per scenario; on a terminal also a last line that says what is being done now and for how long."""
import shutil
import sys
import threading
import time


class Progress:
    def __init__(self, total):
        self.total, self.number = total, 0
        self.tty = sys.stdout.isatty()
        self.name, self.words, self.started = "", "", time.monotonic()
        self.lock = threading.Lock()
        self.over = threading.Event()
        if self.tty:
            threading.Thread(target=self._refresh, daemon=True).start()

    def _refresh(self):
        while not self.over.wait(0.5):
            with self.lock:
                if self.words:
                    line = f"[{self.number}/{self.total}] {self.name}{self.words} ({time.monotonic() - self.started:.0f} s)"
                    sys.stdout.write("\r\033[K" + line[:shutil.get_terminal_size().columns - 1])
                    sys.stdout.flush()

    def begin(self, name):
        """The next of total."""
        with self.lock:
            self.number += 1
            self.name = f"{name}: "

    def step(self, words):
        with self.lock:
            self.words, self.started = words, time.monotonic()

    def line(self, text):
        with self.lock:
            if self.tty:
                sys.stdout.write("\r\033[K")
            print(text, flush=True)
            self.words = ""

    def close(self):
        self.over.set()
        if self.tty:
            with self.lock:
                sys.stdout.write("\r\033[K")
                sys.stdout.flush()
