"""The launchers that are shipped: all that were asked for, each as it says, none that reaches out."""

from __future__ import annotations

import re

import pytest

from aftercancel import catalog, programs
from aftercancel.model import Launcher, Server, Target

CATALOGUE = catalog.load()
LAUNCHERS = pytest.mark.parametrize("launcher", CATALOGUE.launchers.values(), ids=lambda w: w.id)

ASKED_FOR = {
    *("none", "sudo", "sudo-tty", "su", "runuser", "doas"),
    *("ssh", "ssh-tt", "ssh-eof-wrapper", "ssh-forced-command"),
    *("timeout", "timeout-foreground", "setsid", "nohup", "env", "nice", "flock", "script"),
    *("make", "xargs", "parallel", "tini", "tini-g", "dumb-init", "catatonit"),
    *("npm-run", "npx", "uv-run"),
}
FLOOR_JOBS = {
    *("no-trap", "exit-trap", "term-exit-traps", "wait-trick", "background", "recipe-sh"),
    "py-exit-signals",
}
FLOOR_CANCELLATIONS = {"TERM-process", "TERM-group", "INT-group", "HUP-process", "KILL-process"}
RFC_4254_NAMES = {
    *("ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL"),
    *("PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"),
}


def templates(launcher: Launcher) -> list[str]:
    """Every text of one hop that can name the job."""
    forced = [launcher.far.forced] if launcher.far is not None else []
    return [*launcher.argv, *launcher.sudoers, *(file.text for file in launcher.files), *forced]


def test_every_launcher_that_was_asked_for_is_there() -> None:
    assert set(CATALOGUE.launchers) >= ASKED_FOR


@pytest.mark.parametrize("launcher", sorted(ASKED_FOR))
def test_a_launcher_is_tried_with_every_job_and_cancellation_of_the_floor(launcher: str) -> None:
    cells = CATALOGUE.cells(["launchers"])
    tried = {(c.job.id, c.cancellation.id) for c in cells if c.launcher.id == launcher}
    assert tried >= {(job, fired) for job in FLOOR_JOBS for fired in FLOOR_CANCELLATIONS}


@pytest.mark.parametrize("launcher", ["sudo-tty", "sudo-tty-use-pty", "ssh-tt", "script"])
def test_where_there_is_a_terminal_it_is_tried_too(launcher: str) -> None:
    cells = CATALOGUE.cells(["launcher-terminals"])
    tried = {(c.job.id, c.cancellation.id) for c in cells if c.launcher.id == launcher}
    assert tried >= {(job, fired) for job in FLOOR_JOBS for fired in ("ctrl-c", "hang-up")}


@LAUNCHERS
def test_a_launcher_says_in_one_line_what_it_is(launcher: Launcher) -> None:
    assert launcher.sentence
    assert "\n" not in launcher.sentence
    assert len(launcher.sentence) <= 120


@LAUNCHERS
def test_what_is_run_is_needed(launcher: Launcher) -> None:
    for hop in launcher.hops:
        if hop.argv and not hop.argv[0].startswith("/lab/"):
            assert hop.argv[0] in hop.needs
    assert set(launcher.needs) >= {need for hop in launcher.hops for need in hop.needs}


@LAUNCHERS
def test_the_other_hosts_server_is_needed(launcher: Launcher) -> None:
    servers = {Server.OPENSSH: "/usr/sbin/sshd", Server.DROPBEAR: "/usr/sbin/dropbear"}
    for hop in launcher.hops:
        if hop.far is not None:
            assert servers[hop.far.server] in launcher.needs


@LAUNCHERS
def test_how_to_get_it_is_said_where_the_set_up_does_not_install_it(launcher: Launcher) -> None:
    assert launcher.common or launcher.get


@LAUNCHERS
def test_the_job_stands_behind_it_or_in_one_of_its_texts(launcher: Launcher) -> None:
    own = re.compile("@(ARGV|COMMAND|JSON|MAKE|PROGRAM)@")
    for hop in launcher.hops:
        written = [text for text in templates(hop) if own.search(text)]
        named = [word for word in hop.argv if re.search("@[A-Z]+@", word)]
        assert written or not named, "it has placeholders, and none for the job"


@LAUNCHERS
def test_ssh_reads_the_labs_own_files_and_no_others(launcher: Launcher) -> None:
    for hop in launcher.hops:
        if "/usr/bin/ssh" in hop.argv:
            at = hop.argv.index("/usr/bin/ssh")
            assert hop.argv[at + 1 : at + 3] == ("-F", "/lab/ssh/config")


@pytest.mark.parametrize("launcher", ["npm-run", "npx", "uv-run"])
def test_a_package_manager_has_no_network_and_a_cache_of_its_own(launcher: str) -> None:
    env = dict(CATALOGUE.launchers[launcher].env)
    assert {env.get("npm_config_offline"), env.get("UV_OFFLINE")} & {"true", "1"}
    caches = [value for name, value in env.items() if "cache" in name.lower()]
    assert caches
    assert all(value.startswith("/lab/state/") for value in caches)


@pytest.mark.parametrize("launcher", ["sudo", "sudo-use-pty", "sudo-tty", "sudo-tty-use-pty"])
def test_a_sudo_rule_has_the_whole_command_line(launcher: str) -> None:
    rules = [line for line in CATALOGUE.launchers[launcher].sudoers if "NOPASSWD" in line]
    assert rules == ["ci ALL=(root) NOPASSWD: @SUDOERS@"]


def test_sudo_is_there_with_and_without_use_pty_and_a_terminal() -> None:
    kinds = {
        (word.terminal, next(line for line in word.sudoers if "use_pty" in line))
        for word in CATALOGUE.launchers.values()
        if word.argv == ("sudo",) and word.inner is None
    }
    assert kinds == {
        (terminal, default)
        for terminal in (False, True)
        for default in ("Defaults use_pty", "Defaults !use_pty")
    }


def test_keepalive_settings_stand_in_the_sentence() -> None:
    for name in ("ssh-keepalive", "ssh-tt-keepalive"):
        sentence = CATALOGUE.launchers[name].sentence
        assert "ServerAliveInterval and ClientAliveInterval 1, CountMax 2 each" in sentence
    for name in ("ssh", "ssh-tt"):
        word = CATALOGUE.launchers[name]
        assert "no keepalive" in word.sentence
        assert not [option for option in word.argv if "Alive" in option]


def test_a_chain_is_its_launchers_from_the_outermost() -> None:
    word = CATALOGUE.launchers["ssh-sudo"]
    assert [hop.argv[0] for hop in word.hops] == ["/usr/bin/ssh", "sudo"]
    assert word.far == CATALOGUE.launchers["ssh"].far
    assert set(word.needs) == {"/usr/bin/ssh", "/usr/sbin/sshd", "sudo"}


def test_a_chain_with_a_launcher_that_is_not_common_is_not_common_either() -> None:
    word = CATALOGUE.launchers["make-npm-run"]
    assert not word.common
    assert word.get == CATALOGUE.launchers["npm-run"].get


def test_every_name_of_the_rfc_is_requested_and_one_that_it_leaves_free() -> None:
    asked = {
        step.keys.strip()
        for word in CATALOGUE.cancellations.values()
        for step in word.steps
        if step.request and step.keys
    }
    assert {name for name in asked if "@" not in name} == RFC_4254_NAMES
    assert [name for name in asked if "@" in name] == ["sig@example.com"]


def test_both_clients_request_every_name_with_and_without_a_forced_command() -> None:
    each = {step.keys for step in CATALOGUE.cancellations["request-each"].steps if step.request}
    assert {keys.strip() for keys in each if keys} == {*RFC_4254_NAMES, "sig@example.com"}
    tried = {c.launcher.id for c in CATALOGUE.cells() if c.cancellation.id == "request-each"}
    clients = {
        f"signal-{name}-{forced}"
        for name in ("paramiko", "asyncssh")
        for forced in ("exec", "forced")
    }
    assert tried >= clients


def test_a_connection_is_cut_by_each_of_its_ends_and_in_between() -> None:
    steps = {
        name: CATALOGUE.cancellations[name].steps for name in ("connection-killed", "link-down")
    }
    assert [step.to for step in steps["connection-killed"]] == [Target.CONNECTION]
    tried = {(c.launcher.id, c.cancellation.id) for c in CATALOGUE.cells(["ssh"])}
    for launcher in ("ssh", "ssh-tt", "ssh-forced-command", "ssh-eof-wrapper"):
        for fired in ("KILL-process", "connection-killed", "link-down"):
            assert (launcher, fired) in tried


def test_sudo_gets_every_signal_by_the_runner_and_the_usual_ones_by_root() -> None:
    tried = {(c.launcher.id, c.cancellation.id) for c in CATALOGUE.cells(["sudo"])}
    for launcher in ("sudo", "sudo-use-pty", "sudo-tty", "sudo-tty-use-pty"):
        for to in ("process", "group"):
            for name in ("TERM", "INT", "HUP", "QUIT", "ALRM", "PIPE", "USR1", "USR2", "KILL"):
                assert (launcher, f"{name}-{to}") in tried
            for name in ("TERM", "INT", "HUP", "QUIT", "KILL"):
                assert (launcher, f"{name}-{to}-by-root") in tried


def test_the_two_hop_chains_that_people_have_are_there() -> None:
    chains = {"ssh-sudo", "sudo-ssh", "make-npm-run", "timeout-sudo", "flock-python", "tini-bash"}
    assert {name for name in chains if len(CATALOGUE.launchers[name].hops) == 2} == chains


def test_every_need_has_the_package_that_brings_it() -> None:
    packages = {
        need.command: need.package for need in programs.of_launchers(CATALOGUE.launchers.values())
    }
    expected = {
        "/usr/bin/ssh": "openssh-client",
        "/usr/sbin/sshd": "openssh-server",
        "/usr/sbin/dropbear": "dropbear-bin",
        "/usr/lib/python3/dist-packages/asyncssh": "python3-asyncssh",
        "script": "bsdutils",
        "runuser": "util-linux",
        "timeout": "coreutils",
        "xargs": "findutils",
    }
    assert {need: packages[need] for need in expected} == expected
