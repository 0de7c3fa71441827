# SPDX-License-Identifier: GPL-2.0
"""The rules by generic netlink: whole, exact, whoever else is at them; and what is no request."""

import errno
import json
import os
import random
import re
import struct
import subprocess
import sys
import threading

import pytest

from support import genetlink, http_filter, schemas
from support.genetlink import CHUNK, CONSTANTS, TEXT_MAX, Refused, attribute, chunks
from support.process import NOBODY, WITHOUT_NET_ADMIN

pytestmark = [pytest.mark.every_kernel, pytest.mark.usefixtures("filtered")]

RULES = b"""\
# first come, first served

allow from 10.0.0.5,fd00::5 port 9100   # Prometheus
monitor port 8000-8099; drop port 81 # old;
   reject to 192.0.2.10
"""


def longest():
    """A text of the greatest length, with the greatest number of rules."""
    rules = b"".join(b"allow port %d # rule %d\n" % (number, number) for number in range(1, 1025))
    letters = bytes(random.Random(0).choices(b"abcdefghijklmnopqrstuvwxyz .,", k=TEXT_MAX - len(rules) - 3))
    return rules + b"# " + letters + b"\n"


# Reading and replacing.

def test_rules_are_parts_of_the_text(module):
    module.replace(RULES)
    found = module.get()
    assert found.text == RULES
    places = [RULES[rule["offset"]:rule["offset"] + rule["length"]] for rule in found.rules]
    assert places == [
        b"allow from 10.0.0.5,fd00::5 port 9100", b"monitor port 8000-8099", b"drop port 81", b"reject to 192.0.2.10"]
    assert [rule["number"] for rule in found.rules] == [1, 2, 3, 4]
    assert [rule["line"] for rule in found.rules] == [3, 4, 4, 5]
    assert [rule["hits"] for rule in found.rules] == [0, 0, 0, 0]


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, TEXT_MAX - 1, TEXT_MAX])
def test_a_text_comes_back_as_it_was(module, length):
    text = longest()[TEXT_MAX - length:]
    text = text and b"#" + text[1:]
    module.replace(text)
    assert module.get().text == text


def test_the_longest_text_with_the_most_rules_comes_back(module):
    text = longest()
    assert len(text) == TEXT_MAX
    module.replace(text)
    found = module.get()
    assert found.text == text
    assert len(found.rules) == 1024
    assert found.rules[-1]["line"] == 1024


def test_pieces_may_end_anywhere(module):
    for size in 1, 7, 100:
        module.replace(RULES, size=size)
        assert module.get().text == RULES


def test_a_longer_text_is_refused(module):
    module.replace(RULES)
    with pytest.raises(Refused) as refused:
        module.replace(longest() + b"\n")
    assert refused.value.errno == errno.EFBIG
    assert module.get().text == RULES


def test_a_piece_that_is_too_long_is_refused(module):
    with pytest.raises(Refused) as refused:
        module.replace(b"#" * (CHUNK + 1), size=CHUNK + 1)
    assert refused.value.errno in (errno.ERANGE, errno.EINVAL)


def test_bad_rules_change_nothing_and_are_explained(module, kernel_log):
    generation = module.replace(RULES)
    kernel_log.skip()
    with pytest.raises(Refused) as refused:
        module.replace(b"allow port 80\npermit port 81\n")
    assert refused.value.errno == errno.EINVAL
    words = refused.value.words
    assert words.startswith('line 2: "permit": ') or "allow" in words and "line" not in words
    found = module.get()
    assert (found.text, found.generation) == (RULES, generation)
    assert kernel_log.lines() == []


def test_a_long_word_does_not_hide_the_reason(module, kernel_log):
    reasons = []
    for word in b"x", b"x" * 5000, b"\xff" * 5000:
        with pytest.raises(Refused) as refused:
            module.replace(b"\n" * 1000 + word)
        reasons.append(refused.value.words.rpartition('": ')[2])
    assert len(set(reasons)) == 1
    assert kernel_log.lines() == []


@pytest.mark.parametrize("text, words", [
    (b"allow prt 80", 'line 1: "prt": none of from, to, port, on, netns, in, kind, until'),
    (b'allow # "', r'line 1: "\x22": no double quotes or control characters')])
def test_the_reason_does_not_hide_the_word(module, text, words):
    with pytest.raises(Refused) as refused:
        module.replace(text)
    assert refused.value.words in (words, words.rpartition('": ')[2])


@pytest.mark.parametrize("word", [b"\x1b[31m", b"\xff\xfe", "Ä".encode()], ids=["escape", "not UTF-8", "not ASCII"])
def test_an_unusual_word_can_do_nothing_to_a_terminal(module, word):
    with pytest.raises(Refused) as refused:
        module.replace(word)
    assert refused.value.words.isprintable() and refused.value.words.isascii()


def test_who_comes_late_is_told(module):
    generation = module.replace(RULES)
    assert module.get().generation == generation
    with genetlink.connect() as other:
        other.replace(b"allow\n", generation)
    with pytest.raises(Refused) as refused:
        module.replace(b"drop\n", generation)
    assert refused.value.errno == errno.EBUSY
    assert "replaced meanwhile" in refused.value.words
    assert module.get().text == b"allow\n"


def test_two_that_edit_at_once_lose_nothing(module):
    def edit(name):
        with genetlink.connect() as client:
            for number in range(20):
                while True:
                    found = client.get()
                    try:
                        client.replace(found.text + b"# %d.%d\n" % (name, number), found.generation)
                        break
                    except Refused as refused:
                        assert refused.errno == errno.EBUSY

    threads = [threading.Thread(target=edit, args=[name]) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = module.get().text.split()[1::2]
    assert sorted(lines) == sorted(b"%d.%d" % (name, number) for name in range(4) for number in range(20))


def test_of_attributes_that_come_twice_the_last_counts(module):
    generation = module.replace(RULES)
    twice = attribute("A_RULES_GENERATION", generation - 1) + attribute("A_RULES_GENERATION", generation)
    module.ask("CMD_RULES_REPLACE", twice + chunks(b"allow\n"))
    assert module.get().text == b"allow\n"


# Asking.

def test_a_connection_is_told_of_by_any_of_its_conditions(module):
    module.replace(b"allow port 80\n")
    allow, drop = CONSTANTS["RULE_ACTION_ALLOW"], CONSTANTS["RULE_ACTION_DROP"]
    port = struct.pack("=H", 80)
    everything = {"from": bytes([10, 0, 0, 5]), "to": bytes(15) + b"\1", "port": port, "on": "lo", "netns": 4026531840,
                  "in": "/system.slice/nginx.service"}
    for conditions in {"port": port}, everything:
        outcomes = module.test(**conditions)
        assert outcomes[CONSTANTS["KIND_REQUESTS"]] == (allow, 1, True)
        assert outcomes[CONSTANTS["KIND_RESPONSES"]] == (allow, 1, False)
        assert len(outcomes) == 4
    assert module.test()[CONSTANTS["KIND_H2C"]] == (drop, None, True)


@pytest.mark.parametrize("condition, holds", [
    ("from 10.0.0.0/8", True), ("from 10.0.0.6", False), ("to ::1", True), ("to ::2", False), ("port 79-81", True),
    ("port 81", False), ("on eth0,lo", True), ("on eth0", False), ("netns 4026530000", True), ("netns initial", False),
    ("in /system.slice", True), ("in //system.slice//nginx.service/", True), ("in /", True), ("in /system", False),
    ("in /system.slice/nginx.service/main", False)])
def test_each_condition_of_a_connection_counts(module, condition, holds):
    module.replace(f"allow {condition}".encode())
    outcomes = module.test(**{"from": bytes([10, 0, 0, 5]), "to": bytes(15) + b"\1", "port": struct.pack("=H", 80),
                              "on": "lo", "netns": 4026530000, "in": "/system.slice/nginx.service"})
    action = CONSTANTS["RULE_ACTION_ALLOW" if holds else "RULE_ACTION_DROP"]
    assert outcomes[CONSTANTS["KIND_REQUESTS"]][0] == action


def test_the_initial_namespace_has_an_inode(module):
    own = os.stat("/proc/1/ns/net").st_ino
    for rule, netns in ("initial", own), (own, own):
        module.replace(f"allow netns {rule}".encode())
        for told in {"netns": netns}, {}:
            assert module.test(**told)[CONSTANTS["KIND_REQUESTS"]][0] == CONSTANTS["RULE_ACTION_ALLOW"]


@pytest.mark.parametrize("attributes", [
    attribute("A_TEST_FROM", b"abc"), attribute("A_TEST_FROM", b""), attribute("A_TEST_TO", bytes(17)),
    attribute("A_TEST_PORT", 80), attribute("A_TEST_ON", "x" * 16), attribute("A_TEST_IN", b"/no/end"),
    attribute("A_TEST_IN", "/" * 4096), attribute("A_TEST_NETNS", b"12345678"), attribute("A_TEST_OUTCOME", b""),
    attribute(99, b"")], ids=range(10))
def test_what_is_no_condition_is_refused(module, attributes):
    with pytest.raises(Refused) as refused:
        module.ask("CMD_RULES_TEST", attributes)
    assert refused.value.errno in (errno.EINVAL, errno.ERANGE)


# Who may.

@pytest.mark.parametrize("prefix", [NOBODY, WITHOUT_NET_ADMIN, ["unshare", "--user", "--map-root-user", "--net"]],
                         ids=["user", "root without the capability", "root of a container"])
def test_nobody_else_reads_or_replaces(module, prefix):
    module.replace(RULES)
    attempt = f"""
import sys
sys.path.insert(0, {str(genetlink.__file__.rsplit("/", 2)[0])!r})
from support import genetlink
client = genetlink.Client().find()
for command in 1, 2, 3:
    try:
        client.ask(command)
        print("allowed")
    except genetlink.Refused as refused:
        print(refused.errno)
"""
    done = subprocess.run([*prefix, sys.executable, "-B", "-c", attempt], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EPERM)] * 3, done.stderr
    assert module.get().text == RULES


def test_root_may_in_any_network_namespace(module, veth):
    with veth.client, genetlink.connect() as client:
        client.replace(RULES)
    assert module.get().text == RULES


# By other programs.

YNL = http_filter.BUILD / "ynl"


@pytest.mark.skipif(not YNL.exists(), reason="the kernel's tool is not there for this kernel")
def test_the_kernels_own_tool_can_read_them(module):
    module.replace(RULES)
    tool = [sys.executable, "-B", YNL / "tools/net/ynl/pyynl/cli.py", "--spec",
            http_filter.MODULE.parents[2] / "module/uapi/http_filter.yaml", "--no-schema", "--output-json"]
    found = json.loads(subprocess.check_output([*tool, "--do", "rules-get"]))
    assert bytes.fromhex(found["text"][0]) == RULES
    assert [rule["number"] for rule in found["rule"]] == [1, 2, 3, 4]
    text = b"allow port 80\n".hex()
    request = json.dumps({"text": [text], "generation": found["generation"]})
    subprocess.run([*tool, "--do", "rules-replace", "--json", request], check=True, capture_output=True)
    assert module.get().text == b"allow port 80\n"
    found = json.loads(subprocess.check_output([*tool, "--do", "rules-test", "--json", json.dumps({"port": 80})]))
    assert found["outcome"][0] == {"kind": "requests", "detected": True, "action": "allow", "rule": 1}


# By filterctl.

def filterctl(*arguments, prefix=(), **options):
    command = [*prefix, http_filter.BUILD / "filterctl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


def rules(*arguments, **options):
    done = filterctl("rules", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_filterctl_adds_and_deletes_and_leaves_all_else_as_it_is(module):
    module.replace(RULES)
    assert rules("add", "allow", "on", "lo") == "rule 5 is now: allow on lo\n"
    assert rules("add", "--at", "2", "allow port 80 # ACME") == "rule 2 is now: allow port 80\n"
    with_both = RULES.replace(b"monitor", b"allow port 80 # ACME\nmonitor") + b"allow on lo\n"
    assert module.get().text == with_both
    assert rules("delete", "6", "2") == (
        "rule 2 is deleted: allow port 80\n"
        "rule 6 is deleted: allow on lo\n")
    assert module.get().text == RULES
    assert rules("add", "--at", "1", "# a comment") == ""
    assert rules("add", "--at", "1", "drop port 1; drop port 2") == (
        "rule 1 is now: drop port 1\n"
        "rule 2 is now: drop port 2\n")


def test_of_those_that_run_filterctl_at_once_each_is_told_what_became_of_it(module):
    ports = range(1, 13)
    command = [http_filter.BUILD / "filterctl", "rules", "add", "allow", "port"]
    running = {port: subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
               for port in ports}
    added = set()
    for port, process in running.items():
        _, error = process.communicate()
        if process.returncode == 0:
            added.add(b"allow port %d" % port)
        else:
            assert error == "filterctl: the rules were changed meanwhile, and nothing was done: look again\n"
    assert set(module.get().text.splitlines()) == added


def test_filterctl_replaces_all(module):
    text = longest().decode()
    assert rules("replace", "-", input=text) == "there are 1024 rules now\n"
    assert module.get().text == text.encode()
    assert schemas.parse("rules", rules("--json"))["text"] == text
    assert rules("replace", "/dev/null") == "there are 0 rules now\n"
    assert module.get().text == b""


def test_filterctl_shows_a_table(module):
    module.replace(b"allow port 80 until 1   # over\ndrop\n")
    table = re.sub(r"\d\d,\d{3} days ago", "N days ago", rules())
    assert table.splitlines() == [
        "      hits  rule",
        "  1  never  allow port 80 until 1970-01-01T00:00  expired N days ago  # over",
        "  2  never  drop",
        "            drop all else"]
    first, second = schemas.parse("rules", rules("--json"))["rules"]
    assert first == {"number": 1, "line": 1, "rule": "allow port 80 until 1", "comment": "over", "hits": 0,
                     "expired": True, "until": 1}
    assert second == {"number": 2, "line": 2, "rule": "drop", "comment": None, "hits": 0, "expired": False, "until": None}


def test_filterctl_tells_what_would_become_of_a_connection(module):
    module.replace(b"monitor port 80\n")
    assert rules("test", "from", "10.0.0.5", "port", "80").splitlines() == [
        "  requests   monitor  rule 1: monitor port 80",
        "  h2c        monitor  rule 1: monitor port 80",
        "  http09     monitor  rule 1: monitor port 80",
        "  responses  not looked for"]
    assert schemas.parse("rules-test", rules("test", "--json", "port", "80"))["outcomes"][0]["rule"] == 1
    answer = schemas.parse("rules-test", rules("test", "--json"))
    assert answer["outcomes"][0] == {
        "kind": "requests", "detected": True, "action": "drop", "rule": None, "text": None}


@pytest.mark.parametrize("arguments, status, error", [
    (["add", "permit"], 1, 'line 5: "permit": '),
    (["add", "--at", "9", "allow"], 1, "there is no rule 9: they are numbered from 1 to 4"),
    (["delete", "1", "5"], 1, "there is no rule 5"),
    (["replace", "/nowhere"], 1, "cannot read /nowhere: No such file"),
    (["test", "port", "http"], 1, '"http" is no port'),
    (["add"], 2, "Usage:"),
])
def test_filterctl_says_what_is_wrong_and_changes_nothing(module, arguments, status, error):
    module.replace(RULES)
    done = filterctl("rules", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert error in done.stderr or status == 1 and "begins with allow" in done.stderr
    assert module.get().text == RULES


def test_filterctl_needs_root_of_the_host(module):
    for prefix in NOBODY, ["unshare", "--user", "--map-root-user", "--net"]:
        done = filterctl("rules", prefix=prefix)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "filterctl: permission denied: run as root on the host, not in a container\n"


def test_filterctl_says_that_the_module_is_not_loaded(unfiltered):
    done = filterctl("rules")
    assert (done.returncode, done.stderr) == (3, 'filterctl: the module is not loaded: run "filterctl load"\n')
