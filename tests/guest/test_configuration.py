# SPDX-License-Identifier: GPL-2.0
"""The configuration file: filterctl diff, apply, save and load."""

import fcntl
import subprocess
import threading

import pytest

from support import clients, http_filter, http_servers, schemas
from support.expect import send_blocked
from support.filterctl import FILTERCTL, filterctl
from support.payloads import MINIMAL_REQUEST
from support.process import NOBODY, folder
from support.streams import Recorder

pytestmark = pytest.mark.every_kernel


@pytest.fixture
def config(tmp_path):
    """Writes a configuration; returns its file."""
    def write(text):
        path.write_text(text)
        return path

    path = tmp_path / "http_filter.toml"
    return write


def run(command, file, **keywords):
    return filterctl(f"{command} {file}", **keywords)


def rules():
    return schemas.parse("rules", filterctl("rules --json"))


@pytest.mark.usefixtures("module")
class TestApply:
    def test_makes_the_module_what_the_file_says(self, config):
        file = config('action = "reject"\nenabled = false\ndetect = ["responses", "h2c"]\nlog = false\n'
                      "rules = '''\nallow on lo\n# all else\ndrop port 80 until 2031-01-01\n'''\n")
        assert f"is now as {file} says: disabled" in filterctl(f"apply {file}")
        settings = http_filter.settings()
        text = settings.pop("rules")
        assert settings == {"enabled": "0", "action": "reject", "detect": "h2c responses", "log": "0"}
        assert text.startswith("allow on lo\n# all else\ndrop port 80 until 19")
        assert filterctl(f"diff {file}") == f"the module is as {file} says\n"
        assert "was already" in filterctl(f"apply {file}")

    def test_what_the_file_does_not_name_gets_its_default(self, config):
        http_filter.write_setting("rules", "allow on lo")
        http_filter.write_setting("detect", "h2c")
        http_filter.write_setting("log", "0")
        run("apply", config('action = "drop"'))
        assert http_filter.settings() == http_filter.DEFAULTS

    def test_takes_a_file_from_standard_input(self):
        done = subprocess.run([FILTERCTL, "apply", "-"], input='action = "monitor"', text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        assert http_filter.read_file("action") == "monitor"

    def test_a_rule_that_stays_keeps_its_hits(self, config, loopback):
        run("apply", config('action = "drop"\nrules = "drop on lo"'))
        with Recorder(loopback.endpoint()) as server:
            send_blocked(server, loopback.client, MINIMAL_REQUEST)
        hits = rules()["rules"][0]["hits"]
        assert hits > 0
        run("apply", config('action = "reject"\nrules = "allow on eth7; drop on lo"'))
        assert [rule["hits"] for rule in rules()["rules"]] == [0, hits]

    @pytest.mark.parametrize("failing", ["action", "detect", "log", "enabled"])
    def test_takes_all_back_if_something_fails(self, config, tmp_path, failing):
        """A file that cannot be written is in the place of one of the module's."""
        http_filter.write_setting("rules", "allow on lo")
        before = http_filter.settings()
        old = tmp_path / "old"
        old.write_text(before[failing] + "\n")
        file = config('action = "monitor"\ndetect = ["h2c"]\nlog = false\nenabled = false\nrules = "drop on lo"\n')
        place = http_filter.SYSFS / failing
        subprocess.run(["mount", "--bind", old, place], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
            assert "Read-only file system" in filterctl(f"apply {file}", status=1)
        finally:
            subprocess.run(["umount", place], check=True)
        assert http_filter.settings() == before
        # It takes that file whole as soon as it can.
        filterctl(f"apply {file}")
        assert http_filter.settings() == {"enabled": "0", "action": "monitor", "detect": "h2c", "log": "0", "rules": "drop on lo"}

    def test_nothing_is_dropped_between_two_that_let_it_pass(self, tmp_path, loopback):
        """A has a rule for loopback; B monitors, and has none."""
        files = [tmp_path / "a.toml", tmp_path / "b.toml"]
        files[0].write_text('action = "drop"\nrules = "allow on lo"\n')
        files[1].write_text('action = "monitor"\n')
        run("apply", files[1])
        done = threading.Event()
        with http_servers.busybox_httpd(loopback.endpoint(port=8080)):
            def ask():
                while not done.is_set():
                    replies.append(clients.python(loopback.client, "http://127.0.0.1:8080/"))

            replies = []
            thread = threading.Thread(target=ask)
            thread.start()
            try:
                for number in range(60):
                    run("apply", files[number % 2])
            finally:
                done.set()
                thread.join()
        assert len(replies) > 60
        assert {reply.status for reply in replies} == {200}
        assert http_filter.counters()["blocked"] == 0

    def test_two_at_once_take_turns(self, config):
        file = config('action = "monitor"')
        with open("/run/http_filter.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            waiting = subprocess.Popen([FILTERCTL, "apply", str(file)], stdout=subprocess.PIPE, text=True)
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(1)
            assert http_filter.read_file("action") == "drop"
        assert waiting.wait(20) == 0
        waiting.stdout.close()
        assert http_filter.read_file("action") == "monitor"

    def test_takes_line_ends_of_other_systems(self, config):
        file = config("")
        file.write_bytes(b'action = "drop"\r\nrules = """\r\nallow on lo # x\r\ndrop\r\n"""\r\n')
        run("apply", file)
        assert http_filter.read_file("rules") == "allow on lo # x\ndrop"
        assert "says so" in run("save", file)

    def test_a_bad_rule_is_told_with_the_files_line_and_changes_nothing(self, config):
        http_filter.write_setting("rules", "allow on lo")
        before = http_filter.settings()
        file = config('action = "monitor"\n\nrules = """\nallow on lo\n\nallow port 80-70\n"""\n')
        said = filterctl(f"apply {file}", status=1)
        # Before Linux 6.2 the module can't tell where.
        assert f"{file}:6: rules: " in said or f"{file}: rules: " in said
        assert http_filter.settings() == before

    def test_what_is_fixed_at_load_time_is_told_and_changes_nothing(self, config):
        before = http_filter.settings()
        said = run("apply", config('action = "monitor"\nmax_undecided = 100'), status=1)
        assert "filterctl unload" in said and "becomes 100" in said
        assert http_filter.settings() == before

    def test_takes_as_many_rules_as_the_module(self, config):
        rule = "allow from 10.{}.{}.0/24 port {}  # {}\n"
        text = "".join(rule.format(number // 256, number % 256, number + 1, "x" * 40) for number in range(1024))
        full, too_full = (f'action = "drop"\nrules = """\n{text}{more}"""\n' for more in ("", "allow on lo\n"))
        run("apply", config(full))
        assert len(rules()["rules"]) == 1024
        assert "says so already" in run("save", config(full))
        assert "1024" in run("apply", config(too_full), status=1)
        assert len(rules()["rules"]) == 1024


@pytest.mark.usefixtures("module")
class TestDiffAndSave:
    def test_diff_changes_nothing(self, config):
        before = http_filter.settings()
        file = config('action = "monitor"\nrules = "allow on lo"\n')
        assert "action  drop -> monitor" in filterctl(f"diff {file}")
        filterctl(f"diff --exit-code {file}", status=1)
        assert schemas.parse("diff", filterctl(f"diff --json {file}")) == {
            "schema_version": 1, "file": str(file), "changes": [
                {"key": "action", "from": "drop", "to": "monitor"}, {"key": "rules", "from": "", "to": "allow on lo"}]}
        assert http_filter.settings() == before

    def test_what_was_saved_is_what_is_applied(self, config, tmp_path):
        file = tmp_path / "new.toml"
        http_filter.write_setting("rules", "allow on lo # a 'quote' and a \\backslash\n\n# the end")
        http_filter.write_setting("action", "reject")
        http_filter.write_setting("detect", "responses")
        saved = http_filter.settings()
        assert filterctl(f"save {file}") == f"{file} is saved\n"
        assert file.stat().st_mode & 0o777 == 0o644
        run("apply", config('action = "monitor"'))
        filterctl(f"apply {file}")
        assert http_filter.settings() == saved
        assert filterctl("save -") == file.read_text()

    def test_words_that_the_module_does_not_know_stay(self, config):
        text = 'action = "drop"  # at last\nrules = "allow unit nginx until 2031-01-01"\n'
        file = config(text)
        filterctl(f"apply {file}")
        http_filter.write_setting("log", "0")
        filterctl(f"save {file}")
        assert file.read_text() == text + "log = false\n"

    def test_a_bad_file_is_not_overwritten(self, config):
        file = config("action = 'drops'")
        assert f"{file}:1: action takes" in filterctl(f"save {file}", status=1)
        assert file.read_text() == "action = 'drops'"

    def test_others_are_told_that_it_takes_root(self, config):
        with folder() as public:
            file = public / "http_filter.toml"
            file.write_text('action = "drop"')
            for command in "diff", "apply", "save":
                assert "run as root" in run(command, file, status=1, prefix=NOBODY)


@pytest.mark.usefixtures("unfiltered")
class TestLoad:
    def test_gives_the_module_all_from_its_first_moment(self, config, kernel_log):
        file = config('action = "monitor"\nmax_undecided = 77\nnamespaces = "initial"\nrules = "allow on lo"\n')
        assert f"is loaded as {file} says: enabled (action: monitor)" in filterctl(f"load --config {file}")
        assert http_filter.read_file("max_undecided") == "77"
        assert http_filter.read_file("namespaces") == "initial"
        assert http_filter.read_file("rules") == "allow on lo"
        loaded, = [line for line in kernel_log.lines() if " loaded: " in line]
        assert "switched off, action monitor" in loaded

    def test_loads_nothing_for_a_bad_file(self, config):
        for text, place in [("acton = 1", ":1: "), ('action = "drop"\nrules = "allow form lo"', ": rules: ")]:
            file = config(text)
            said = filterctl(f"load --config {file}", status=1)
            assert "nothing was loaded" in said and str(file) in said
            assert not http_filter.is_loaded()

    def test_a_missing_file_counts_only_if_it_was_named(self, tmp_path):
        assert "there is no" in filterctl(f"load --config {tmp_path}/missing", status=1)
        assert not http_filter.is_loaded()
        filterctl("load")
        assert http_filter.settings() == http_filter.DEFAULTS

    def test_falls_back_to_monitor(self, config):
        file = config('action = "drop"\nrules = "allow form lo"')
        assert "only monitors" in filterctl(f"load --fallback --config {file}", status=1)
        assert http_filter.settings() == {**http_filter.DEFAULTS, "action": "monitor"}
        run("load --fallback --config", config('action = "reject"'))
        assert http_filter.settings() == {**http_filter.DEFAULTS, "action": "reject"}
