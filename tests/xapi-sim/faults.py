# SPDX-License-Identifier: BSD-2-Clause
"""What goes wrong, as a control file says; it is read again for every call.

A list of rules {"method": name or "*", "param": text that one of the parameters must be, "times": N (default: always),
"action": ..., and its value}. Actions:
  error     "description": [code, params]: XAPI's error in place of the result
  result    "value": in place of the result
  field     "name", "value": in every record of a result
  status    "status": an HTTP status without a body
  half      the body ends after half its bytes, and so does the connection
  cut       half the body, as if it were all of it
  close     no answer; with "after": the call is carried out all the same
  hang      no answer and no end, for "seconds" (default 3600)
  slow      a byte every "seconds"
  endless   a body that does not end
  end       the program exits: the host is gone
"""
import json


class Faults:
    def __init__(self, path):
        self.path = path
        self.text = None
        self.rules = []

    def _load(self):
        try:
            with open(self.path) as f:
                text = f.read()
        except (TypeError, FileNotFoundError):
            text = "[]"
        if text != self.text:
            try:
                self.rules = json.loads(text)
                self.text = text
            except ValueError:
                pass  # half written: the old ones hold until it is whole

    def find(self, method, params):
        """The rule for this call, None if nothing is wrong with it."""
        self._load()
        for rule in self.rules:
            if rule.get("method", "*") not in ("*", method) or ("param" in rule and rule["param"] not in params):
                continue
            if "times" in rule:
                if rule["times"] <= 0:
                    continue
                rule["times"] -= 1
            return rule
        return None
