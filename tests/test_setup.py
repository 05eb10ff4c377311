"""The set-up behind ``make``.

apt-get, systemctl, ``python -m venv`` and pip are fakes here: ``Machine`` stands for all of them
and records what it was asked for. The set-up's own decisions, files and locks are real. That the
real apt and pip do their part is shown by every run of ``.ci/run`` on a bare machine.
Above 400 lines because every decision of the set-up is tried on the same fake machine.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from aftercancel import catalog
from aftercancel.errors import MissingError
from aftercancel.programs import Program

PROJECT = Path(__file__).resolve().parent.parent


def _load_setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_script", PROJECT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


setup = _load_setup()
packages = sys.modules["packages"]


@dataclass
class Machine:
    """A fake of everything that the set-up starts."""

    lacking: list[Program] = field(default_factory=list)
    lacking_for_launchers: list[Program] = field(default_factory=list)
    brings: bool = True
    """Whether ``apt-get install`` brings what is lacking."""
    not_in_apt: set[str] = field(default_factory=set)
    """Packages that apt does not know."""
    answers: list[int] = field(default_factory=list)
    """Exit statuses, in order; 0 when there are no more."""
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda command: None
    for_tests: bool = False
    """Whether it was asked for what only the tests need."""

    def run(self, argv: Sequence[str], env: Mapping[str, str], keep: int | None) -> tuple[int, str]:
        command = " ".join(argv)
        self.asked.append(command)
        self.before(command)
        status = self.answers.pop(0) if self.answers else 0
        wanted = set(argv[1:]) if argv[0] == "apt-get" and argv[1] == "install" else set()
        if wanted & self.not_in_apt:
            return 100, "E: Unable to locate package\n"
        if status == 0 and "-m venv" in command:
            python = Path(argv[-1]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        if status == 0 and self.brings:
            for lacking in (self.lacking, self.lacking_for_launchers):
                lacking[:] = [needed for needed in lacking if needed.package not in wanted]
        return status, "first words\nlast words\n"

    def missing(self, root: Path, *, for_tests: bool = False) -> object:
        """Instead of a look at the catalogue and the real programs."""
        self.for_tests = for_tests
        return setup.Missing(tuple(self.lacking), tuple(self.lacking_for_launchers))

    def which(self, command: str, path: str | None = None) -> str | None:
        """Instead of a look at the real programs."""
        lacking = {needed.command for needed in (*self.lacking, *self.lacking_for_launchers)}
        return None if command in lacking else f"/usr/bin/{command}"

    def times(self, words: str) -> int:
        return sum(words in command for command in self.asked)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(setup, "missing_programs", machine.missing)
    monkeypatch.setattr(shutil, "which", machine.which)
    return machine


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /usr/sbin/policy-rc.d; there is none at first."""
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "_POLICY", path)
    monkeypatch.setattr(packages, "_SYSTEMD_RUNS", tmp_path)
    return path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    for name in ("requirements.lock", "pyproject.toml", "scripts/setup.py"):
        shutil.copy(PROJECT / name, tmp_path / name)
    return tmp_path


def mksh() -> Program:
    return Program("shell mksh", "/usr/bin/mksh", "mksh")


def tini() -> Program:
    return Program("program tini", "tini", "tini")


def sshd() -> Program:
    return Program("program sshd", "/usr/sbin/sshd", "openssh-server")


def test_the_first_run_installs_from_the_lock_and_then_the_project(
    machine: Machine, checkout: Path
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)
    venv, lock, project = machine.asked
    assert "-m venv" in venv
    assert "--require-hashes" in lock
    assert f"-e {checkout}" in project


def test_the_second_run_starts_nothing(machine: Machine, checkout: Path) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)
    machine.asked.clear()
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.asked == []


def test_a_second_run_by_somebody_who_cannot_write_there_goes_on_too(
    machine: Machine, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)

    def not_allowed(root: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(setup, "_alone", not_allowed)
    setup.set_up(checkout, is_root=False, run=machine.run)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_change_of_what_is_installed_makes_the_environment_anew(
    machine: Machine, checkout: Path, name: str
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)
    (checkout / ".venv" / "of-the-old-one").touch()
    (checkout / name).write_text("changed")
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.times("-m venv") == 2
    assert not (checkout / ".venv" / "of-the-old-one").exists()
    assert not (checkout / ".venv-old").exists()


def test_a_copied_checkout_does_not_take_the_copied_environment_for_its_own(
    machine: Machine, checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)
    copy = tmp_path_factory.mktemp("copies") / "copy"
    shutil.copytree(checkout, copy, symlinks=True)
    setup.set_up(copy, is_root=True, run=machine.run)
    assert machine.times("-m venv") == 2


def test_asking_for_another_python_makes_the_environment_anew(
    machine: Machine, checkout: Path
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run)
    setup.set_up(checkout, is_root=True, run=machine.run, wanted_python="3.99.0")
    assert machine.times("-m venv") == 2


@pytest.mark.parametrize("stage", ["-m venv", "--require-hashes", "--no-build-isolation"])
def test_a_set_up_that_is_killed_half_way_is_begun_anew(
    machine: Machine, checkout: Path, stage: str
) -> None:
    def killed(command: str) -> None:
        if stage in command:
            raise KeyboardInterrupt

    machine.before = killed
    with pytest.raises(KeyboardInterrupt):
        setup.set_up(checkout, is_root=True, run=machine.run)
    machine.before = lambda command: None
    machine.asked.clear()
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert len(machine.asked) == 3


def test_a_failure_of_pip_is_told_with_its_last_words_and_what_to_do(
    machine: Machine, checkout: Path
) -> None:
    machine.answers = [0, 1]
    with pytest.raises(
        MissingError, match=r"(?s)requirements\.lock.*last words.*Check the network"
    ):
        setup.set_up(checkout, is_root=True, run=machine.run)
    assert not (checkout / ".venv" / "set-up-complete.json").exists()


def test_a_folder_that_cannot_be_written_to_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ".venv-lock").mkdir()
    with (
        pytest.raises(MissingError, match=r"(?s)cannot write to .*sudo make matrix"),
        setup._alone(tmp_path),
    ):
        pass


def test_an_environment_of_somebody_else_is_not_removed(machine: Machine, checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    precious = checkout / ".venv" / "precious"
    precious.touch()
    with pytest.raises(MissingError, match="not made by this set-up"):
        setup.set_up(checkout, is_root=True, run=machine.run)
    assert precious.exists()


def test_an_ordinary_user_is_told_which_packages_and_how(machine: Machine, checkout: Path) -> None:
    machine.lacking = [mksh(), Program("shell yash", "/usr/bin/yash", "yash")]
    with pytest.raises(MissingError, match="sudo apt-get install mksh yash") as told:
        setup.set_up(checkout, is_root=False, run=machine.run)
    assert told.value.status == 4
    assert machine.asked == []


def test_root_gets_them_installed(machine: Machine, checkout: Path) -> None:
    machine.lacking = [mksh()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.asked[0].startswith("apt-get install")
    assert machine.asked[0].endswith(" mksh")


def test_package_lists_are_fetched_only_when_an_install_fails(
    machine: Machine, checkout: Path
) -> None:
    machine.lacking = [mksh()]
    machine.answers = [100, 0, 0]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert [command.split()[1] for command in machine.asked[:3]] == ["install", "update", "install"]


def test_apt_without_a_network_says_what_to_do(machine: Machine, checkout: Path) -> None:
    machine.lacking = [mksh()]
    machine.answers = [100, 100]
    with pytest.raises(MissingError, match=r"(?s)last words.*apt-get install mksh\nby hand"):
        setup.set_up(checkout, is_root=True, run=machine.run)
    assert not (checkout / ".venv").exists()


def test_a_package_that_does_not_bring_its_program_is_noticed(
    machine: Machine, checkout: Path
) -> None:
    machine.lacking = [mksh()]
    machine.brings = False
    with pytest.raises(MissingError, match=r"still missing: /usr/bin/mksh \(mksh\)"):
        setup.set_up(checkout, is_root=True, run=machine.run)


# What only launchers need.


def test_what_launchers_need_is_installed_with_the_rest(machine: Machine, checkout: Path) -> None:
    machine.lacking = [mksh()]
    machine.lacking_for_launchers = [tini()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.asked[0].endswith(" mksh tini")
    assert machine.times("apt-get") == 1


def test_a_launcher_that_apt_cannot_bring_stops_nobody(
    machine: Machine, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lacking = [mksh()]
    doas = Program("program doas", "doas", "doas")
    machine.lacking_for_launchers = [tini(), doas]
    machine.not_in_apt = {"doas"}
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.lacking == []
    assert machine.lacking_for_launchers == [doas]
    said = capsys.readouterr().err
    assert "could not install doas: what needs that is not measured or not tested" in said


def test_what_apt_could_not_bring_is_not_asked_for_again(machine: Machine, checkout: Path) -> None:
    machine.lacking_for_launchers = [tini()]
    machine.not_in_apt = {"tini"}
    setup.set_up(checkout, is_root=True, run=machine.run)
    machine.asked.clear()
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.asked == []


def test_a_package_that_a_job_needs_is_required_though_a_launchers_fails_beside_it(
    machine: Machine, checkout: Path
) -> None:
    machine.lacking = [mksh()]
    machine.lacking_for_launchers = [tini()]
    machine.not_in_apt = {"mksh", "tini"}
    with pytest.raises(MissingError, match=r"could not install mksh; its last words"):
        setup.set_up(checkout, is_root=True, run=machine.run)


def test_an_ordinary_user_goes_on_without_a_launcher(machine: Machine, checkout: Path) -> None:
    machine.lacking_for_launchers = [tini()]
    setup.set_up(checkout, is_root=False, run=machine.run)
    assert machine.times("apt-get") == 0


# Services that a package brings.


def test_while_sshd_is_installed_no_service_of_ours_is_started(
    machine: Machine, checkout: Path, policy: Path
) -> None:
    answers: list[tuple[int, int]] = []

    def ask(command: str) -> None:
        if command.startswith("apt-get"):
            ours = {"AFTERCANCEL_SET_UP": "1"}
            statuses = [
                subprocess.run([policy], env=env, check=False).returncode for env in (ours, {})
            ]
            answers.append((statuses[0], statuses[1]))

    machine.before = ask
    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert answers == [(101, 0)], "ours are refused, and those of another apt-get are not"
    assert not policy.exists()


def test_apt_is_told_that_it_works_for_the_set_up(
    machine: Machine, checkout: Path, policy: Path
) -> None:
    environments: list[Mapping[str, str]] = []

    def run(argv: Sequence[str], env: Mapping[str, str], keep: int | None) -> tuple[int, str]:
        environments.append(env)
        return machine.run(argv, env, keep)

    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=run)
    assert environments[0]["AFTERCANCEL_SET_UP"] == "1"


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_nothing_of_it_stays_when_the_installation_is_interrupted(
    machine: Machine, checkout: Path, policy: Path, end: type[BaseException]
) -> None:
    def interrupted(command: str) -> None:
        if command.startswith("apt-get"):
            raise end

    machine.before = interrupted
    machine.lacking_for_launchers = [sshd()]
    with pytest.raises(end):
        setup.set_up(checkout, is_root=True, run=machine.run)
    assert not policy.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_set_up_that_is_told_to_end_removes_what_it_made(
    machine: Machine,
    checkout: Path,
    policy: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
) -> None:
    def told(argv: Sequence[str], env: Mapping[str, str], keep: int | None) -> tuple[int, str]:
        if argv[0] == "apt-get":
            os.kill(os.getpid(), number)
        return machine.run(argv, env, keep)

    machine.lacking_for_launchers = [sshd()]
    monkeypatch.setattr(setup, "run_command", told)
    monkeypatch.setattr(setup, "ROOT", checkout)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with pytest.raises(SystemExit, match=str(128 + number)):
            setup.main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert not policy.exists()


def test_what_a_killed_set_up_left_is_removed_by_the_next(
    machine: Machine, checkout: Path, policy: Path
) -> None:
    policy.write_text(packages._POLICY_TEXT)
    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert not policy.exists()


def test_somebody_elses_policy_stays_as_it_is(
    machine: Machine, checkout: Path, policy: Path
) -> None:
    policy.write_text("#!/bin/sh\nexit 101\n")
    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"


def test_the_service_of_sshd_is_disabled_when_it_came_along(
    machine: Machine, checkout: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    disabled = [command for command in machine.asked if command.startswith("systemctl")]
    assert disabled == [
        "systemctl disable --now ssh.service",
        "systemctl disable --now ssh.socket",
    ]
    assert "ssh.service came along; it is neither running nor enabled." in capsys.readouterr().err


def test_without_a_running_systemd_there_is_nothing_to_stop(
    machine: Machine, checkout: Path, policy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_SYSTEMD_RUNS", policy / "absent")
    machine.lacking_for_launchers = [sshd()]
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.times("systemctl disable ssh.service") == 1


def test_an_sshd_that_was_there_before_is_not_touched(
    machine: Machine, checkout: Path, policy: Path
) -> None:
    guarded: list[bool] = []
    machine.lacking_for_launchers = [tini()]
    machine.before = lambda command: guarded.append(policy.exists())
    setup.set_up(checkout, is_root=True, run=machine.run)
    assert machine.times("systemctl") == 0
    assert not any(guarded)


def test_of_two_at_once_the_second_waits_and_then_has_nothing_to_do(
    machine: Machine, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold(command: str) -> None:
        inside.set()
        assert go_on.wait(30), "nobody let the first set-up go on"

    def say(words: str) -> None:
        if "waiting for another" in words:
            waiting.set()

    waiting = threading.Event()
    machine.before = hold
    monkeypatch.setattr(setup, "say", say)
    runs = [
        threading.Thread(
            target=setup.set_up, args=(checkout,), kwargs={"is_root": True, "run": machine.run}
        )
        for _ in range(2)
    ]
    try:
        runs[0].start()
        assert inside.wait(30), "the first set-up did not start anything"
        runs[1].start()
        assert waiting.wait(30), "the second set-up did not wait"
    finally:
        go_on.set()
        for run in runs:
            if run.ident is not None:
                run.join(30)
    assert len(machine.asked) == 3


def test_a_command_that_outlives_the_set_up_keeps_others_out(checkout: Path) -> None:
    with setup._alone(checkout) as lock:
        _, words = setup.run_command(("ls", "-l", f"/proc/self/fd/{lock}"), os.environ, lock)
    assert ".venv-lock" in words


def test_the_set_up_needs_nothing_that_it_has_yet_to_install() -> None:
    # -S: without site-packages.
    code = f"import runpy; runpy.run_path({str(PROJECT / 'scripts' / 'setup.py')!r})"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_program_of_the_catalogue_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "path", None)
    lacking = {needed.command for needed in setup.missing_programs(PROJECT).programs}
    assert lacking >= {"/usr/bin/python3", "sudo"}
    assert lacking >= {shell.argv[0] for shell in catalog.load().shells.values() if shell.common}


def test_a_shell_that_not_every_release_has_is_tried_for_and_not_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Program, "path", None)
    missing = setup.missing_programs(PROJECT)
    assert "shell yash" in {needed.name for needed in missing.optional}
    assert "shell yash" not in {needed.name for needed in missing.programs}
    assert "shell zsh" in {needed.name for needed in missing.programs}


def test_of_what_launchers_need_the_common_part_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Program, "path", None)
    lacking = {needed.command for needed in setup.missing_programs(PROJECT).optional}
    assert lacking >= {"/usr/bin/ssh", "/usr/sbin/sshd", "tini", "doas", "make"}
    assert not lacking & {"npm", "npx", "uv", "parallel"}


def test_a_browser_is_looked_for_where_the_tests_are_to_be_run_and_is_not_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Program, "path", None)
    to_measure = setup.missing_programs(PROJECT)
    to_test = setup.missing_programs(PROJECT, for_tests=True)
    assert {needed.command for needed in to_test.optional} - {
        needed.command for needed in to_measure.optional
    } == {"chromium"}
    assert to_test.programs == to_measure.programs


@pytest.mark.parametrize("for_tests", [True, False])
def test_the_set_up_looks_for_it_when_it_is_asked_to(
    machine: Machine,
    checkout: Path,
    for_tests: bool,
) -> None:
    setup.set_up(checkout, is_root=True, run=machine.run, for_tests=for_tests)
    assert machine.for_tests is for_tests


def test_what_jobs_need_is_not_looked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Program, "path", None)
    missing = setup.missing_programs(PROJECT)
    assert "program sudo" in {needed.name for needed in missing.programs}
    assert not {n.name for n in missing.programs} & {n.name for n in missing.optional}


def test_a_faulty_catalogue_is_left_to_the_command_to_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(PROJECT / "scenarios", tmp_path / "scenarios")
    (tmp_path / "scenarios" / "shells.toml").write_text("[bash\n")
    assert not setup.missing_programs(tmp_path).any
    assert "shells.toml" in capsys.readouterr().err


# The part that finds a Python, with a PATH of fakes and nothing else.


def fake(folder: Path, name: str, body: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/bash\n{body}\n")
    file.chmod(0o755)


def find_python(path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(PROJECT / "scripts" / "setup.sh")],
        env={"PATH": str(path), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def fakes(tmp_path: Path) -> Path:
    """A PATH with a Python that is too old, and the real programs that the script itself uses."""
    for name in ("dirname", "mktemp", "tail", "rm"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    fake(tmp_path, "python3", "exit 1")
    return tmp_path


def test_without_a_python_an_ordinary_user_is_told_how_to_get_one(fakes: Path) -> None:
    fake(fakes, "id", "echo 1000")
    done = find_python(fakes)
    assert done.returncode == 4
    assert "sudo apt-get install python3 python3-venv" in done.stderr


def test_without_a_python_root_gets_one(fakes: Path) -> None:
    fake(fakes, "id", "echo 0")
    ran = fakes / "ran"
    # The fake apt brings a fake Python, which says what it is asked to run.
    fake(fakes, "apt-get", f'printf "#!/bin/bash\\necho \\"\\$*\\" >> {ran}\\n" > {fakes}/python3')
    assert find_python(fakes).returncode == 0
    assert ran.read_text().splitlines()[-1] == "scripts/setup.py"


def test_an_apt_that_fails_is_quoted_and_ends_in_4(fakes: Path) -> None:
    fake(fakes, "id", "echo 0")
    fake(fakes, "apt-get", "echo no network; exit 100")
    done = find_python(fakes)
    assert done.returncode == 4
    assert "no network" in done.stderr
    assert "PYTHON=/path/to" in done.stderr


def test_a_python_that_was_asked_for_and_will_not_do_is_not_replaced_by_another(
    fakes: Path,
) -> None:
    done = find_python(fakes, PYTHON="/none/python3.9")
    assert done.returncode == 4
    assert "PYTHON=/none/python3.9 cannot be used" in done.stderr
