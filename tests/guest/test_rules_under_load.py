# SPDX-License-Identifier: GPL-2.0
"""Rules that are replaced and damaged again and again."""

import errno
import itertools
import random
import struct
import threading

import pytest

from support import genetlink, http_filter
from support.genetlink import Refused, attribute, chunks
from support.payloads import MINIMAL_REQUEST
from support.streams import Recorder, Stream

pytestmark = pytest.mark.usefixtures("filtered")

RULES = b"allow from 10.0.0.5,fd00::5 port 9100 # one\nmonitor port 8000-8099; drop port 81\nreject to 192.0.2.10\n"


def test_no_packet_is_judged_by_half_of_a_set(veth):
    """Of two sets that agree on the server, neither drops; the numbers of one with the rules of the other would."""
    with Recorder(veth.endpoint(), forget=True) as server:
        port = server.endpoint.port
        sets = [f"drop port 9\nmonitor port {port}", f"monitor port {port}\ndrop port 9",
                f"drop port 9;drop port 7;allow port {port}", f"allow port {port};drop port 9;drop port 7"]
        stop = threading.Event()
        sent = [0, 0]

        def send(number):
            while not stop.is_set():
                with Stream(veth.client, server.endpoint) as stream:
                    stream.socket.sendall(MINIMAL_REQUEST[:5])
                    stream.socket.sendall(MINIMAL_REQUEST[5:])
                sent[number] += 1

        senders = [threading.Thread(target=send, args=[number]) for number in range(2)]
        http_filter.write_setting("rules", sets[0])
        http_filter.write_setting("log", 0)
        for sender in senders:
            sender.start()
        try:
            for _, rules in zip(range(10_000), itertools.cycle(sets)):
                http_filter.write_setting("rules", rules)
        finally:
            stop.set()
            for sender in senders:
                sender.join()
    assert min(sent) > 20
    counters = http_filter.counters()
    assert [counters[name] for name in ("blocked", "dropped", "deferred", "refused", "evicted")] == [0] * 5
    assert counters["monitored"] + counters["allowed"] >= sum(sent) * 0.9


# Pieces of rules, and what is none.
_PIECES = ["allow", "drop", "monitor", "reject", "from", "to", "port", "on", "netns", "in", "kind", "until", " ", "\n",
           ";", "#", ",", "-", "/", "10.0.0.0/8", "::1", "80", "requests", '"', "\0", "\x1b", "\udcff", "9" * 30, "x" * 300]


def test_ten_thousand_random_writes_do_no_harm(kernel_log):
    rng = random.Random(2)
    taken = 0
    rules = http_filter.read_file("rules")
    for number in range(10_000):
        text = " ".join(rng.choices(_PIECES, k=rng.randrange(9)))
        try:
            http_filter.write_setting("rules", text)
            taken += 1
            rules = text.strip()
        except OSError:
            pass
        assert http_filter.read_file("rules") == rules
        # Before the kernel's buffer is full.
        if number % 100 == 0:
            said = kernel_log.lines()
    assert 100 < taken < 9_900
    assert len(said) > 1000 and all(line.isprintable() for line in said)


def mutated(rng, message):
    """A message that is damaged in some way; its length is as long as it is, or not."""
    data = bytearray(message)
    for _ in range(rng.choice([0, 1, 1, 1, 2, 8])):
        if len(data) > 20:
            data[rng.randrange(16, len(data))] = rng.choice([0, 1, 4, 0x80, 0xff, rng.randrange(256)])
    match rng.randrange(8):
        case 0:
            del data[rng.randrange(16, len(data) + 1):]
        case 1:
            data += rng.randbytes(rng.randrange(1, 200))
        case 2:
            at = rng.randrange(20, len(data) + 1)
            flags = rng.choice([0, 1 << 14, 1 << 15])
            data[at:at] = attribute(rng.randrange(12) | flags, rng.randbytes(rng.randrange(40)))
        case 3:
            # All within one attribute, and again.
            for _ in range(rng.randrange(1, 20)):
                data[20:] = attribute(rng.randrange(1, 10) | 1 << 15, bytes(data[20:])[:60000])
        case 4:
            data[20:] = bytes(data[20:]) * rng.randrange(2, 5)
    length = len(data) if rng.random() < 0.9 else rng.randrange(len(data) + 50)
    struct.pack_into("=I", data, 0, length)
    return bytes(data)


def test_a_hundred_thousand_damaged_messages_do_no_harm(module):
    rng = random.Random(1)
    port = attribute("A_TEST_PORT", struct.pack("=H", 80))
    whole = [
        module.message(module.family, "CMD_RULES_GET"),
        module.message(module.family, "CMD_RULES_REPLACE", chunks(RULES, 30)),
        module.message(module.family, "CMD_RULES_REPLACE", attribute("A_RULES_GENERATION", 1) + chunks(RULES)),
        module.message(module.family, "CMD_RULES_TEST", attribute("A_TEST_FROM", bytes(4)) + port
                       + attribute("A_TEST_ON", "lo") + attribute("A_TEST_IN", "/system.slice")),
        module.message(module.family, 4), module.message(module.family, 0),
    ]
    module.replace(RULES)
    module.socket.setblocking(False)
    for number in range(100_000):
        message = mutated(rng, rng.choice(whole))
        module.socket.send(message)
        try:
            while True:
                module.socket.recv(1 << 20)
        except BlockingIOError:
            pass
    with genetlink.connect() as client:
        found = client.get()
        for rule in found.rules:
            assert found.text[rule["offset"]:][:rule["length"]].split()[0] in (b"allow", b"monitor", b"drop", b"reject")
        client.replace(found.text, found.generation)
        assert client.get().text == found.text
        client.replace(RULES)
        assert client.get().text == RULES


def test_the_module_is_unloaded_under_requests():
    stop = threading.Event()
    done = []

    def hammer(text):
        while not stop.is_set():
            try:
                with genetlink.connect() as client:
                    for _ in range(5):
                        client.replace(text)
                        done.append(client.get().text)
            except Refused as refused:
                assert refused.errno == errno.ENOENT

    texts = [b"allow port 80\n", b"# " + b"x" * 300_000 + b"\n"]
    threads = [threading.Thread(target=hammer, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for _ in range(30):
        http_filter.unload()
        assert not genetlink.is_there()
        http_filter.load()
    stop.set()
    for thread in threads:
        thread.join()
    assert set(done) == set(texts)
