# SPDX-License-Identifier: GPL-2.0
"""The module's generic netlink family, spoken by hand: also what no program would send."""

import dataclasses
import errno
import os
import pathlib
import re
import socket
import struct

_HEADER = pathlib.Path(__file__).resolve().parents[3] / "module/uapi/http_filter_netlink.h"

NETLINK_GENERIC = 16
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_SOL_NETLINK, _NETLINK_CAP_ACK, _NETLINK_EXT_ACK = 270, 10, 11
NLM_F_REQUEST, NLM_F_ACK = 1, 4
_NLMSG_ERROR = 2
_NLMSGERR_ATTR_MSG = 1
NLA_F_NESTED = 1 << 15
_GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_ID, _CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2
_CTRL_ATTR_MCAST_GROUPS, _CTRL_ATTR_MCAST_GRP_NAME, _CTRL_ATTR_MCAST_GRP_ID = 7, 1, 2
_NETLINK_ADD_MEMBERSHIP = 1


def _constants():
    """The header's constants: defines, and enums, which count from 0 or from what is said."""
    text = _HEADER.read_text()
    found = {name: int(value) for name, value in re.findall(r"#define (\w+)\s+(\d+)$", text, re.MULTILINE)}
    for body in re.findall(r"enum \w+ \{(.*?)\}", text, re.DOTALL):
        value = 0
        for name, start in re.findall(r"^\t(HTTP_\w+)(?: = (\d+))?,$", body, re.MULTILINE):
            value = int(start or value)
            found[name] = value
            value += 1
    return {name.removeprefix("HTTP_FILTER_"): value for name, value in found.items()}


# Without their prefix: `CMD_RULES_GET`.
CONSTANTS = _constants()
CHUNK = CONSTANTS["CHUNK_MAX"]
TEXT_MAX = CONSTANTS["TEXT_MAX"]


class Refused(OSError):
    """An error in reply; `words` is its text, if it has one."""

    def __init__(self, number, words):
        super().__init__(number, os.strerror(number))
        self.words = words


def attribute(number, value):
    """An attribute: of bytes, an integer of 32 bits, or a string; its number or name, as `A_RULES_TEXT`."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    number = CONSTANTS.get(number, number)
    return struct.pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def parse(data):
    """The attributes in a message or a nest: pairs of number and value."""
    found = []
    while data:
        length, number = struct.unpack_from("=HH", data)
        found.append((number & ~NLA_F_NESTED, data[4:length]))
        data = data[length + 3 & ~3:]
    return found


def chunks(text, size=CHUNK):
    return b"".join(attribute("A_RULES_TEXT", text[at:at + size]) for at in range(0, len(text), size))


@dataclasses.dataclass
class RuleSet:
    generation: int
    text: bytes
    # A dictionary for each: `number`, `line`, `offset`, `length`, `hits`, and `expired`, if it is.
    rules: list


class Client:
    """A socket in the namespaces of who makes it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        for option in _NETLINK_CAP_ACK, _NETLINK_EXT_ACK:
            self.socket.setsockopt(_SOL_NETLINK, option, 1)
        self.socket.bind((0, 0))
        self.family = self.groups = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def enlarge_buffers(self):
        for option in _SO_SNDBUFFORCE, _SO_RCVBUFFORCE:
            self.socket.setsockopt(socket.SOL_SOCKET, option, 16 << 20)

    def find(self):
        """Finds the family; raises Refused with ENOENT if there is none."""
        name = attribute(_CTRL_ATTR_FAMILY_NAME, "http_filter")
        reply = dict(self._ask(_GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, name))
        self.family, = struct.unpack("=H", reply[_CTRL_ATTR_FAMILY_ID])
        groups = [dict(parse(group)) for _, group in parse(reply[_CTRL_ATTR_MCAST_GROUPS])]
        self.groups = {group[_CTRL_ATTR_MCAST_GRP_NAME].rstrip(b"\0").decode():
                       int.from_bytes(group[_CTRL_ATTR_MCAST_GRP_ID], "little") for group in groups}
        return self

    def join(self, group):
        """Listens to a multicast group."""
        self.socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, self.groups[group])

    @staticmethod
    def message(family, command, attributes=b"", flags=NLM_F_REQUEST):
        body = struct.pack("=BBH", CONSTANTS.get(command, command), 1, 0) + attributes
        return struct.pack("=IHHII", 16 + len(body), family, flags, 0, 0) + body

    def _ask(self, family, command, attributes):
        self.socket.send(self.message(family, command, attributes))
        data = self.socket.recv(8 << 20)
        length, kind = struct.unpack_from("=IH", data)
        assert length == len(data)
        if kind != _NLMSG_ERROR:
            return parse(data[20:])
        error, = struct.unpack_from("=i", data, 16)
        words = dict(parse(data[36:])).get(_NLMSGERR_ATTR_MSG)
        raise Refused(-error, words and words.rstrip(b"\0").decode())

    def ask(self, command, attributes=b""):
        """Sends a request, and returns the attributes of the reply to it; raises Refused."""
        return self._ask(self.family, command, attributes)

    def get(self):
        reply = self.ask("CMD_RULES_GET")
        (number, generation), *rest = reply
        assert number == CONSTANTS["A_RULES_GENERATION"]
        text = b"".join(value for number, value in rest if number == CONSTANTS["A_RULES_TEXT"])
        rules = [_rule(value) for number, value in rest if number == CONSTANTS["A_RULES_RULE"]]
        return RuleSet(struct.unpack("=I", generation)[0], text, rules)

    def replace(self, text, generation=None, size=CHUNK):
        """Replaces the rules, the text in pieces of this size; returns the new generation."""
        known = b"" if generation is None else attribute("A_RULES_GENERATION", generation)
        (_, new), = self.ask("CMD_RULES_REPLACE", known + chunks(text, size))
        return struct.unpack("=I", new)[0]

    def test(self, **conditions):
        """What would become of a connection: action and rule by kind."""
        attributes = b"".join(attribute(f"A_TEST_{name.upper()}", value) for name, value in conditions.items())
        outcomes = {}
        for number, value in self.ask("CMD_RULES_TEST", attributes):
            if number == CONSTANTS["A_TEST_OUTCOME"]:
                outcome = _named("A_OUTCOME_", value)
                outcomes[outcome["kind"]] = (outcome["action"], outcome.get("rule"), "detected" in outcome)
        return outcomes


def _named(prefix, nest):
    """The numbers in a nest, by name; flags are 0."""
    names = {value: name.removeprefix(prefix).lower() for name, value in CONSTANTS.items() if name.startswith(prefix)}
    return {names[number]: int.from_bytes(value, "little") for number, value in parse(nest)}


def _rule(nest):
    return _named("A_RULE_", nest)


def connect():
    """A client of the loaded module."""
    client = Client()
    client.enlarge_buffers()
    return client.find()


def is_there():
    with Client() as client:
        try:
            client.find()
        except Refused as refused:
            assert refused.errno == errno.ENOENT
            return False
        return True
