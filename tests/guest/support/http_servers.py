# SPDX-License-Identifier: GPL-2.0
"""Real HTTP servers, as Debian packages them, each a context manager that ends its process."""

import contextlib
import re
import subprocess

from support.process import folder, process
from support.topology import IPV6

PAGE = "it works\n"


@contextlib.contextmanager
def _site(endpoint, configuration, *command, **options):
    """Serves PAGE. The file `configuration` and the command are format strings for the endpoint and the folder; the
    options are those of Popen."""
    with folder() as where:
        (where / "www").mkdir()
        (where / "www/index.html").write_text(PAGE)
        # An IPv6 socket is IPV6_V6ONLY, unless it listens on `::`.
        words = {"endpoint": endpoint, "address": endpoint.address, "port": endpoint.port, "where": where,
                 "only": "off" if endpoint.address == "::" else "on"}
        (where / "configuration").write_text(configuration.format(**words))
        with process(endpoint, where, *(word.format(**words) for word in command), **options):
            yield


def _nginx(endpoint, listen="", more="", **options):
    if endpoint.family == IPV6:
        listen += " ipv6only={only}"
    return _site(endpoint, f"""
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{{{ }}}}
http {{{{
    access_log off; large_client_header_buffers 4 128k;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{{{ root www; listen {{endpoint}} {listen}; {more} }}}}
}}}}
""", "nginx", "-p", "{where}", "-c", "configuration", **options)


def nginx_has_http2():
    """Whether nginx speaks HTTP/2 on the port of HTTP/1.1. Older ones speak either of them on a port."""
    version = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr
    return tuple(map(int, re.search(r"nginx/(\d+)\.(\d+)", version).groups())) >= (1, 26)


def nginx(endpoint, **options):
    return _nginx(endpoint, more="http2 on;" if nginx_has_http2() else "", **options)


def nginx_deferred(endpoint):
    """nginx with TCP_DEFER_ACCEPT: it accepts a connection only when data has arrived."""
    return _nginx(endpoint, "deferred")


def nginx_redirecting(endpoint, **options):
    """nginx as it is on port 80: it serves ACME's challenges, and redirects all else."""
    return _nginx(endpoint, more="location /.well-known/acme-challenge/ {{ alias www/; }}"
                                 " location / {{ return 301 https://test$request_uri; }}", **options)


def _passing_to(backend):
    return f"location / {{{{ proxy_pass http://{backend}; }}}}"


def nginx_proxy(endpoint, backend):
    """nginx that passes all requests on."""
    return _nginx(endpoint, more=_passing_to(backend))


@contextlib.contextmanager
def _certificate():
    """Makes `certificate.pem` and `key.pem`; yields their folder."""
    with folder() as keys:
        subprocess.run(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
            " -keyout key.pem -out certificate.pem".split(),
            cwd=keys, check=True, capture_output=True)
        yield keys


@contextlib.contextmanager
def nginx_tls(endpoint, more=""):
    """nginx with a certificate of its own making, for TLS 1.2 and 1.3."""
    with _certificate() as keys:
        with _nginx(endpoint, "ssl", f"ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {keys}/certificate.pem;"
                                     f" ssl_certificate_key {keys}/key.pem; {more}"):
            yield


def nginx_terminator(endpoint, backend):
    """nginx that speaks TLS, and passes all requests on in plaintext."""
    return nginx_tls(endpoint, _passing_to(backend))


def apache(endpoint, more=""):
    return _site(endpoint, f"""
ServerRoot {{where}}
ServerName test
PidFile apache.pid
DefaultRuntimeDir {{where}}
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
Listen {{endpoint}}
User www-data
DocumentRoot {{where}}/www
{more}
""", "apache2", "-DFOREGROUND", "-f", "{where}/configuration")


def apache_unsafe(endpoint):
    """Apache with the lenient request parser of before 2016 (`HttpProtocolOptions Unsafe`)."""
    return apache(endpoint, "HttpProtocolOptions Unsafe")


def lighttpd(endpoint):
    more = 'server.v4mapped = "enable"' if endpoint.address == "::" else ""
    bind = "[{address}]" if endpoint.family == IPV6 else "{address}"
    return _site(endpoint, f"""
server.modules = ("mod_indexfile")
server.document-root = "{{where}}/www"
server.bind = "{bind}"
server.port = {{port}}
index-file.names = ("index.html")
{more}
""", "lighttpd", "-D", "-f", "configuration")


def python_http(endpoint):
    return _site(endpoint, "", "python3", "-m", "http.server", "--bind", "{address}", "--directory", "www", "{port}")


def busybox_httpd(endpoint):
    return _site(endpoint, "", "busybox", "httpd", "-f", "-p", "{endpoint}", "-h", "www")


def node(endpoint):
    return _site(endpoint, f"""
require("http").createServer((request, reply) => reply.end({PAGE!r})).listen({{port}}, "{{address}}");
""", "node", "configuration")


def _caddy(endpoint, scheme, site, **options):
    bind = "[{address}]" if endpoint.family == IPV6 else "{address}"
    return _site(endpoint, f"""
{{{{
    admin off
    auto_https off
}}}}
{scheme}://:{{port}} {{{{
    bind {bind}
    {site}
}}}}
""", "caddy", "run", "--config", "configuration", "--adapter", "caddyfile", **options)


def caddy(endpoint, **options):
    """A server written in Go."""
    return _caddy(endpoint, "http", "root * {where}/www\n    file_server", **options)


@contextlib.contextmanager
def caddy_terminator(endpoint, backend):
    """Caddy that speaks TLS, and passes all requests on in plaintext."""
    with _certificate() as keys:
        with _caddy(endpoint, "https", f"tls {keys}/certificate.pem {keys}/key.pem\n    reverse_proxy {backend}"):
            yield


def websocket_echo(endpoint):
    """Sends back each message of a WebSocket."""
    return _site(endpoint, f"""
import asyncio, socket, websockets
async def echo(client):
    async for message in client:
        await client.send(message)
async def main():
    listener = socket.create_server(
        ("{{address}}", {{port}}), family={int(endpoint.family)}, dualstack_ipv6={endpoint.address == '::'})
    async with websockets.serve(echo, sock=listener):
        await asyncio.Future()
asyncio.run(main())
""", "python3", "configuration")


HTTP_SERVERS = {
    "nginx": nginx, "nginx deferred": nginx_deferred, "Apache": apache, "lighttpd": lighttpd, "Caddy": caddy,
    "Node": node, "Python": python_http, "busybox": busybox_httpd,
}
