# SPDX-License-Identifier: GPL-2.0
"""Real servers of other protocols, each a context manager that ends its process."""

import contextlib
import pathlib
import shutil
import subprocess

from support.process import folder, process
from support.topology import IPV6, bracketed


@contextlib.contextmanager
def redis(endpoint):
    with folder() as where:
        with process(endpoint, where, "redis-server", "--port", str(endpoint.port), "--bind", endpoint.address,
                      "--save", "", "--appendonly", "no", "--protected-mode", "no"):
            yield


@contextlib.contextmanager
def sshd(endpoint):
    """Yields the private key that opens root's account."""
    with folder() as where:
        for key in "host_key", "user_key":
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], cwd=where, check=True)
        (where / "sshd_config").write_text(f"""
ListenAddress {endpoint}
HostKey {where}/host_key
AuthorizedKeysFile {where}/user_key.pub
PidFile none
PermitRootLogin yes
StrictModes no
UsePAM no
""")
        with process(endpoint, where, "/usr/sbin/sshd", "-D", "-e", "-f", str(where / "sshd_config")):
            yield where / "user_key"


@contextlib.contextmanager
def memcached(endpoint):
    with folder() as where:
        with process(endpoint, where, "memcached", "-u", "root", "-p", str(endpoint.port), "-l",
                      bracketed(endpoint.address)):
            yield


@contextlib.contextmanager
def postgresql(endpoint):
    """A copy of the cluster that the Debian package creates, without authentication."""
    with folder() as where:
        cluster, = pathlib.Path("/var/lib/postgresql").glob("*/main")
        binaries = pathlib.Path("/usr/lib/postgresql", cluster.parent.name, "bin")
        subprocess.run(["cp", "-a", cluster, where / "data"], check=True)
        (where / "hba").write_text("host all all all trust\n")
        (where / "configuration").write_text(f"""
listen_addresses = '{endpoint.address}'
port = {endpoint.port}
hba_file = '{where}/hba'
unix_socket_directories = ''
fsync = off
""")
        with process(endpoint, where, str(binaries / "postgres"), "-D", str(where / "data"),
                      "-c", f"config_file={where}/configuration", user="postgres", group="postgres"):
            yield


@contextlib.contextmanager
def opensmtpd(endpoint):
    """Yields the maildir to which it delivers."""
    with folder() as where:
        mails = where / "mails"
        mails.mkdir()
        shutil.chown(mails, "nobody")
        (where / "configuration").write_text(f"""
listen on {endpoint.address} port {endpoint.port} hostname test
table users {{ nobody = "65534:65534:/" }}
action "keep" maildir "{mails}" virtual {{ "@" = nobody }} userbase <users>
match from any for any action "keep"
""")
        # Its spool and its socket have fixed names.
        own = "mount -t tmpfs tmpfs /var/spool; mkdir -m 711 /var/spool/smtpd; mount -t tmpfs tmpfs /run"
        with process(endpoint, where, "unshare", "--mount", "bash", "-ec", f"{own}; exec smtpd -d -f configuration"):
            yield mails


def _dovecot_mailboxes(path):
    """The settings for mailboxes without a password. Their form has changed in version 2.4."""
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True).stdout
    if version.startswith("2.3."):
        return f"""
disable_plaintext_auth = no
mail_location = maildir:{path}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = home={path}
}}
"""
    return f"""
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = {path}
passdb static {{
  fields {{
    nopassword = yes
  }}
}}
userdb static {{
  fields {{
    home = {path}
  }}
}}
"""


@contextlib.contextmanager
def dovecot(endpoint):
    """An IMAP server without authentication; each user has an empty mailbox."""
    with folder() as where:
        (where / "configuration").write_text(f"""
{_dovecot_mailboxes(f"{where}/mail/%{{user}}")}
protocols = imap
base_dir = {where}/run
state_dir = {where}/state
log_path = /dev/stderr
ssl = no
listen = {endpoint.address}
mail_uid = 65534
mail_gid = 65534
first_valid_uid = 1
first_valid_gid = 1
service imap-login {{
  inet_listener imap {{
    port = {endpoint.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
""")
        (where / "mail").mkdir()
        shutil.chown(where / "mail", "nobody")
        with process(endpoint, where, "dovecot", "-F", "-c", str(where / "configuration")):
            yield


@contextlib.contextmanager
def vsftpd(endpoint):
    """An FTP server with anonymous uploads; yields the folder of the uploads."""
    with folder() as where:
        uploads = where / "ftp/uploads"
        uploads.mkdir(parents=True)
        shutil.chown(uploads, "ftp")
        listen = ("listen=NO", "listen_ipv6=YES", f"listen_address6={endpoint.address}")
        if endpoint.family != IPV6:
            listen = ("listen=YES", "listen_ipv6=NO", f"listen_address={endpoint.address}")
        (where / "configuration").write_text("\n".join((
            *listen, f"listen_port={endpoint.port}", f"anon_root={where}/ftp", f"secure_chroot_dir={where}/ftp",
            "anonymous_enable=YES", "write_enable=YES", "anon_upload_enable=YES", "anon_umask=022",
            "seccomp_sandbox=NO", "background=NO", "xferlog_enable=NO", "")))
        with process(endpoint, where, "vsftpd", str(where / "configuration")):
            yield uploads


@contextlib.contextmanager
def mosquitto(endpoint):
    with folder() as where:
        (where / "configuration").write_text(f"listener {endpoint.port} {endpoint.address}\nallow_anonymous true\n")
        with process(endpoint, where, "mosquitto", "-c", "configuration"):
            yield


@contextlib.contextmanager
def sipp(endpoint):
    """A SIP user agent that answers calls over TCP."""
    with folder() as where:
        with process(endpoint, where, "sipp", "-sn", "uas", "-t", "t1", "-nostdin",
                      "-i", bracketed(endpoint.address), "-p", str(endpoint.port)):
            yield


@contextlib.contextmanager
def rtsp(endpoint):
    """Answers all RTSP requests. Debian packages no RTSP server that does without a desktop."""
    with folder() as where:
        (where / "server.py").write_text(f"""
import socket, socketserver

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line.startswith(b"CSeq:"):
                number = line
            if line == b"\\r\\n":
                self.wfile.write(b"RTSP/1.0 200 OK\\r\\n" + number + b"Public: OPTIONS, DESCRIBE\\r\\n\\r\\n")

class Server(socketserver.ThreadingTCPServer):
    address_family = {int(endpoint.family)}

Server(("{endpoint.address}", {endpoint.port}), Handler).serve_forever()
""")
        with process(endpoint, where, "python3", "server.py"):
            yield
