# SPDX-License-Identifier: GPL-2.0
"""Fixtures that the tests share: the state of the filter, and the networks, which are set up once for all tests."""

import pytest

from support import genetlink, http_filter, topology
from support.kernel_log import KernelLog
from support.missing_page import MissingPage, Unsupported
from support.streams import Recorder
from support.topology import ADDRESSINGS, FAMILY_NAMES


@pytest.fixture(autouse=True)
def kernel_log():
    """The kernel log during the test; a warning or an error in it fails the test."""
    with KernelLog() as log:
        yield log
        assert log.trouble() == []


# The filter.

@pytest.fixture(scope="session", autouse=True)
def leave_nothing_loaded():
    yield
    if http_filter.is_loaded():
        http_filter.unload()


@pytest.fixture
def unfiltered(kernel_log):
    """The module is not loaded."""
    if http_filter.is_loaded():
        http_filter.unload()


@pytest.fixture
def fresh_filter(unfiltered):
    """The module is loaded for this test only, without parameters."""
    http_filter.load()
    yield
    if http_filter.is_loaded():
        http_filter.unload()


@pytest.fixture
def filtered(kernel_log):
    """The module is loaded, its settings are the defaults, its counters 0."""
    if http_filter.is_loaded() and http_filter.read_file("namespaces") != "all":
        http_filter.unload()
    if not http_filter.is_loaded():
        http_filter.load()
    http_filter.restore_defaults()
    kernel_log.skip()


@pytest.fixture
def module(filtered):
    """A connection to the module's generic netlink family; there are no rules before the test, and none after it."""
    with genetlink.connect() as client:
        client.replace(b"")
        yield client
        client.replace(b"")


@pytest.fixture
def page():
    try:
        missing = MissingPage()
    except Unsupported:
        pytest.skip("this kernel has no userfaultfd() (CONFIG_USERFAULTFD)")
    with missing:
        yield missing


# The network.

@pytest.fixture(scope="session")
def loopback():
    return topology.loopback()


@pytest.fixture(scope="session")
def veth():
    with topology.veth_pair() as pair:
        yield pair


@pytest.fixture(scope="session")
def macvlan():
    with topology.macvlan_bridge() as bridge:
        yield bridge


@pytest.fixture
def jumbo(veth):
    """The veth pair carries larger packets."""
    def set_mtu(size):
        for namespace in veth.server, veth.client:
            namespace.ip(f"link set {veth.device} mtu {size}")

    set_mtu(9000)
    yield veth
    set_mtu(1500)


@pytest.fixture(params=["loopback", "veth", "macvlan"])
def each_topology(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=FAMILY_NAMES, ids=FAMILY_NAMES.values())
def family(request):
    return request.param


@pytest.fixture(params=ADDRESSINGS)
def addressing(request):
    """The version of IP that clients use, or IPv4 to an IPv6 socket."""
    return request.param


@pytest.fixture
def recorder(veth):
    """A recording server behind a veth pair."""
    with Recorder(veth.endpoint()) as server:
        yield server
