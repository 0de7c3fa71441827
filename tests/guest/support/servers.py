# SPDX-License-Identifier: GPL-2.0
"""Real servers, each a context manager that ends its process."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile

from support.topology import IPV6
from support.wait import wait_until

PAGE = "it works\n"


@contextlib.contextmanager
def _folder():
    """A folder with a page to serve."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "www").mkdir()
        (folder / "www/index.html").write_text(PAGE)
        yield folder


def _listens(endpoint):
    with endpoint.namespace, socket.socket(endpoint.family) as probe:
        return probe.connect_ex((endpoint.address, endpoint.port)) == 0


@contextlib.contextmanager
def _process(endpoint, folder, *command):
    """Runs a server until the block ends; the block starts when it listens."""
    output = folder / "output"
    with endpoint.namespace, output.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def ready():
        assert process.poll() is None, f"{command[0]} ended: {output.read_text()}"
        return _listens(endpoint)

    try:
        wait_until(ready, f"{command[0]} listens on {endpoint}", seconds=30)
        yield
    finally:
        # With the children that serve a connection each: they would speak up in later tests.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _nginx_configuration(endpoint, listen="", more=""):
    if endpoint.family == IPV6:
        # `::` is to take IPv4 clients as well.
        listen += " ipv6only=" + ("off" if endpoint.address == "::" else "on")
    return f"""
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ root www; listen {endpoint} {listen}; {more} }}
}}
"""


@contextlib.contextmanager
def _nginx(endpoint, folder, *configuration):
    (folder / "nginx.conf").write_text(_nginx_configuration(endpoint, *configuration))
    with _process(endpoint, folder, "nginx", "-p", str(folder), "-c", "nginx.conf"):
        yield


@contextlib.contextmanager
def nginx(endpoint):
    with _folder() as folder, _nginx(endpoint, folder):
        yield


@contextlib.contextmanager
def nginx_tls(endpoint):
    """nginx with a certificate of its own making, for TLS 1.2 and 1.3."""
    with _folder() as folder:
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
            " -keyout key.pem -out certificate.pem".split(),
            cwd=folder, check=True, capture_output=True)
        keys = "ssl_certificate certificate.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.2 TLSv1.3;"
        with _nginx(endpoint, folder, "ssl", keys):
            yield


@contextlib.contextmanager
def python_http(endpoint):
    with _folder() as folder:
        with _process(endpoint, folder, "python3", "-m", "http.server", "--bind", endpoint.address,
                      "--directory", "www", str(endpoint.port)):
            yield


@contextlib.contextmanager
def busybox_httpd(endpoint):
    with _folder() as folder:
        with _process(endpoint, folder, "busybox", "httpd", "-f", "-p", str(endpoint), "-h", "www"):
            yield


@contextlib.contextmanager
def redis(endpoint):
    with _folder() as folder:
        with _process(endpoint, folder, "redis-server", "--port", str(endpoint.port), "--bind", endpoint.address,
                      "--save", "", "--appendonly", "no", "--protected-mode", "no"):
            yield


@contextlib.contextmanager
def sshd(endpoint):
    """Yields the private key that opens root's account."""
    with _folder() as folder:
        for key in "host_key", "user_key":
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], cwd=folder, check=True)
        (folder / "sshd_config").write_text(f"""
ListenAddress {endpoint}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
PermitRootLogin yes
StrictModes no
UsePAM no
""")
        with _process(endpoint, folder, "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")):
            yield folder / "user_key"


HTTP_SERVERS = {"nginx": nginx, "python": python_http, "busybox": busybox_httpd}
