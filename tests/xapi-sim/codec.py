# SPDX-License-Identifier: BSD-2-Clause
"""What XAPI speaks on the wire: JSON-RPC 1.0 and 2.0, XML-RPC; errors in each one's shape."""
import json
import xmlrpc.client


class Failure(Exception):
    """XAPI's error description: a code and its parameters, all texts."""

    def __init__(self, code, *params):
        super().__init__(code, *params)
        self.description = [code, *(str(p) for p in params)]


class JsonRpc:
    content_type = "application/json"

    def __init__(self, body):
        call = json.loads(body)
        self.version = call.get("jsonrpc", "1.0")
        self.id = call.get("id")
        self.method = call["method"]
        self.params = call.get("params", [])

    def result(self, value):
        # Integers of 64 bits are texts here, as XAPI has them in either protocol.
        if self.version == "2.0":
            return json.dumps({"jsonrpc": "2.0", "result": value, "id": self.id}).encode()
        return json.dumps({"result": value, "error": None, "id": self.id}).encode()

    def failure(self, description):
        if self.version == "2.0":
            error = {"code": 1, "message": description[0], "data": description[1:]}
            return json.dumps({"jsonrpc": "2.0", "error": error, "id": self.id}).encode()
        return json.dumps({"result": None, "error": description, "id": self.id}).encode()


def _xml_value(value):
    """XML-RPC has no null, and XAPI's maps and sets hold texts."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return {str(k): _xml_value(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_xml_value(v) for v in value]
    return value


class XmlRpc:
    content_type = "text/xml"

    def __init__(self, body):
        params, self.method = xmlrpc.client.loads(body)
        self.params = list(params)

    def _answer(self, value):
        # XAPI's own form: no line ends between tags, texts without a tag of their own.
        xml = xmlrpc.client.dumps((value,), methodresponse=True)
        return xml.replace(">\n<", "><").replace("<string>", "").replace("</string>", "").strip().encode()

    def result(self, value):
        return self._answer({"Status": "Success", "Value": _xml_value(value)})

    def failure(self, description):
        return self._answer({"Status": "Failure", "ErrorDescription": description})


def decode(path, body):
    """The call in the body of a POST. XAPI's handlers match by prefix, so all that is not JSON-RPC's path is XML-RPC's."""
    return JsonRpc(body) if path.startswith("/jsonrpc") else XmlRpc(body)
