"""The benchmarks by name: each measures one thing and hands out its figures."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Mapping, Sequence

from aftercancel import catalog
from benchmarks import bare_sandboxes, lab, launchers, machine, reporting, runners, sixty
from benchmarks.figures import Aim, Bound, Figure, Section, not_measured

_RATE = Aim(Bound.AT_LEAST, 100)
_CPU = Aim(Bound.AT_MOST, 15)
_WALL = Aim(Bound.AT_MOST, 1.3)
_MEMORY = Aim(Bound.AT_MOST, 400)
_FASTER = Aim(Bound.AT_LEAST, 30)
_WHOLE = Aim(Bound.AT_MOST, 60)
_LAUNCHERS = {
    "none": None,
    "sudo": Aim(Bound.AT_MOST, 40),
    "sudo-tty-use-pty": Aim(Bound.AT_MOST, 40),
    "ssh": Aim(Bound.AT_MOST, 150),
    "ssh-tt": Aim(Bound.AT_MOST, 150),
    "ssh-dropbear": Aim(Bound.AT_MOST, 150),
    "ssh-sudo": None,
    "npm-run": None,
}
_JUDGED = Aim(Bound.AT_MOST, 3)
_PAGE = Aim(Bound.AT_MOST, 5)
_OPENS = Aim(Bound.AT_MOST, 1)
_MANY = (Aim(Bound.AT_MOST, 60), Aim(Bound.AT_MOST, 1024), None)
_PATH = Aim(Bound.AT_MOST, 1.5)
_TOGETHER = Aim(Bound.AT_MOST, 90)
_RUNNERS = (
    "gitlab-runner",
    "jenkins",
    "buildbot",
    "buildkite",
    "semaphore",
    "one-shot",
    "holding",
    "queues",
    "modelled",
    "models",
)
"""All default slices of real and modelled runners (scenarios/matrix.toml)."""
_LINES = 3
_SLICE = "traps"
_PAIRS = 3
_AT_ONCE = 8


def matrix() -> Section:
    """The default matrix, once, with nothing else going on."""
    processors = os.cpu_count() or 1
    run = lab.run()
    cells = run.cells
    bound = run.bound_s(processors)
    return Section(
        "matrix",
        f"the default matrix, {cells} cells, through `aftercancel run`, {processors} processors",
        (
            Figure("cells a second", cells / run.wall_s, "", _RATE),
            Figure(
                "CPU a cell, all told",
                run.machine_cpu_s / cells * 1000,
                "ms",
                _CPU,
                "of the whole machine: kernel threads, and whatever else ran, included",
            ),
            Figure(
                "CPU a cell, as the processes' parents know it",
                run.tree_cpu_s / cells * 1000,
                "ms",
                note="without whatever a sandbox's PID 1 takes with it: the runner and its job",
            ),
            Figure("wall time", run.wall_s, "s", _WHOLE),
            Figure("CPU ÷ processors", run.machine_cpu_s / processors, "s"),
            Figure("longest inherent wait", run.longest_wait_s, "s"),
            Figure(
                "wall time ÷ bound", run.wall_s / bound, "", _WALL, f"the bound is {bound:.1f} s"
            ),
            Figure("cells not measured", run.troubles, ""),
        ),
    )


def memory() -> Section:
    """The default matrix again: reading memory takes time, so time is not measured here."""
    run = lab.run(watch_memory=True)
    assert run.peak is not None
    peak = run.peak
    return Section(
        "memory",
        f"the default matrix again, {peak.samples} samples",
        (
            Figure(
                "peak of all processes (PSS)",
                peak.pss_mb,
                "MiB",
                _MEMORY,
                f"{peak.processes} processes at that moment",
            ),
            Figure(
                "available memory used at the peak",
                peak.machine_mb,
                "MiB",
                note="of the whole machine: kernel, trace buffers and tmpfs included",
            ),
        ),
    )


def sandbox() -> Section:
    """What cannot be avoided for any cell."""
    cost = bare_sandboxes.measure()
    return Section(
        "sandbox",
        "one sandbox round /bin/true, arranged and torn down, one after the other, no evidence",
        (
            Figure("CPU a sandbox", cost.cpu_ms, "ms"),
            Figure("wall time a sandbox", cost.wall_ms, "ms"),
        ),
    )


def of_launchers() -> Section:
    """A cell's cost by what stands between runner and job."""
    found = tuple(launchers.costs(catalog.load(), tuple(_LAUNCHERS)))
    plain = next(cost.cpu_ms for cost in found if cost.launcher == "none")
    figures = []
    for cost in found:
        name, aim = f"CPU a cell, {cost.launcher}", _LAUNCHERS[cost.launcher]
        if cost.missing:
            figures.append(not_measured(name, "ms", f"{cost.missing} is not there", aim))
        else:
            note = f"{cost.cpu_ms / plain:.1f} × none" if cost.launcher != "none" else ""
            figures.append(Figure(name, cost.cpu_ms, "ms", aim, note))
    return Section(
        "launchers",
        "no-trap under dash, TERM-process, medians of the whole machine",
        tuple(figures),
    )


def evidence() -> Section:
    """The same slice with either evidence, in turn."""
    runs: list[tuple[str, lab.Run]] = []
    for kind in ("trace", "proc") * _PAIRS:
        machine.rested()
        runs.append((kind, lab.run("--slice", _SLICE, "--evidence", kind)))

    def middle(of: str, figure: Callable[[lab.Run], float]) -> float:
        return statistics.median(figure(run) for kind, run in runs if kind == of)

    cpu = {kind: middle(kind, lambda run: run.machine_cpu_s / run.cells) for kind, _ in runs}
    wall = {kind: middle(kind, lambda run: run.wall_s) for kind, _ in runs}
    return Section(
        "evidence",
        f"the slice {_SLICE} with the kernel's trace and with /proc, {_PAIRS} times in turn, medians",
        (
            Figure("CPU a cell with the trace", cpu["trace"] * 1000, "ms"),
            Figure("CPU a cell with /proc", cpu["proc"] * 1000, "ms"),
            Figure("trace ÷ /proc, CPU", cpu["trace"] / cpu["proc"], ""),
            Figure("trace ÷ /proc, wall time", wall["trace"] / wall["proc"], ""),
        ),
    )


def containers() -> Section:
    """Sixty cells in a container each, against the lab from its cold start."""
    name, ratio = "containers", "faster than the usual way"
    sentence = "60 cells, one container each with polling (Docker SDK), against `aftercancel run`"
    try:
        from benchmarks import engine, image, usual_way
    except ModuleNotFoundError as error:
        why = f"{error.name} is not installed (the extra `containers`)"
        return Section(name, sentence, (not_measured(ratio, "×", why, _FASTER),))
    loaded = catalog.load()
    cells = sixty.cells(loaded)
    try:
        with engine.engine() as found:
            tag, base = image.make(found.client, cells)
            usual_way.do(found.client, tag, cells[:1])
            usual = usual_way.do(found.client, tag, cells)
            together = usual_way.do(found.client, tag, cells, _AT_ONCE)
            words = found.words
    except engine.NoEngine as error:
        return Section(name, sentence, (not_measured(ratio, "×", str(error), _FASTER),))
    machine.rested()
    ours = lab.run("-k", sixty.expression(loaded))
    missing = {cell.id for cell in cells} ^ {seen.cell for seen in ours.observations}
    if missing:
        why = f"the lab and the containers had different cells: {', '.join(sorted(missing))}"
        return Section(name, sentence, (not_measured(ratio, "×", why, _FASTER),))
    ended = len(cells) - len({*usual.gave_up, *usual.never_ready})
    return Section(
        name,
        sentence,
        (
            Figure(
                "one container after the other",
                usual.wall_s,
                "s",
                note=f"{words}; image: {base}; {ended} of {len(cells)} were ready and ended",
            ),
            Figure(f"{_AT_ONCE} containers at once", together.wall_s, "s"),
            Figure("the lab, from its cold start", ours.wall_s, "s"),
            Figure(ratio, usual.wall_s / ours.wall_s, "×", _FASTER),
            Figure(f"faster than {_AT_ONCE} at once", together.wall_s / ours.wall_s, "×"),
        ),
    )


def of_runners(slices: Sequence[str] = _RUNNERS) -> Section:
    """Real and modelled runners together, once: how near the run comes to what it has to wait for."""
    processors = os.cpu_count() or 1
    run = lab.run(*(word for name in slices for word in ("--slice", name)))
    found = runners.lines(run.observations, catalog.load().runners)
    if not found:
        why = "no cell of these slices came to be armed: are the runners here?"
        name = "wall time ÷ critical path"
        return Section("runners", ", ".join(slices), (not_measured(name, "", why, _PATH),))
    path = found[0]
    figures = [
        Figure("wall time", run.wall_s, "s", _TOGETHER),
        Figure("cells", run.cells, ""),
        Figure("cells not measured", run.troubles, "", note=_first_trouble(run)),
        Figure("critical path", path.bound_s, "s", note=f"{path.runner}: {_in_words(path)}"),
        Figure(
            "wall time ÷ critical path",
            run.wall_s / path.bound_s,
            "",
            _PATH,
            "without the start of runners, and their time from a job's submission to its start",
        ),
        Figure("CPU, of the whole machine", run.machine_cpu_s, "s"),
        Figure("CPU ÷ processors", run.machine_cpu_s / processors, "s"),
        Figure(
            "wall time ÷ the longer of path and CPU",
            run.wall_s / lab.bound_s(run.machine_cpu_s, processors, path.bound_s),
            "",
        ),
    ]
    figures += [
        Figure(f"line of {line.runner}", line.bound_s, "s", note=_in_words(line))
        for line in found[1 : 1 + _LINES]
    ]
    return Section("runners", f"{', '.join(slices)}; {processors} processors", tuple(figures))


def _first_trouble(run: lab.Run) -> str:
    troubles = [(seen.cell, seen.trouble) for seen in run.observations if seen.trouble is not None]
    return f"{troubles[0][0]}: {troubles[0][1].words}" if troubles else ""


def _in_words(line: runners.Line) -> str:
    return (
        f"{line.wait_s:.1f} s of {line.cells} cells by {line.instances} side by "
        f"side; the longest is {line.slowest}, {line.slowest_s:.1f} s"
    )


def reports() -> Section:
    """`aftercancel report` as a whole process: judging, claims and the page."""
    figures = []
    for name, count, copied, aims in (
        ("the reference run", None, reporting.as_attempts, (_JUDGED, None, _PAGE)),
        (f"{reporting.MANY:,} attempts", reporting.MANY, reporting.as_attempts, _MANY),
        (f"{reporting.MANY:,} cells", reporting.MANY, reporting.as_versions, _MANY),
    ):
        cost = reporting.cost(count, copied)
        opens = _OPENS if count is None else None  # of many it must only be of use
        note = f"{cost.observations:,} observations"
        figures += [
            Figure(f"judge and render {name}", cost.wall_s, "s", aims[0], note),
            Figure(f"memory for {name} (PSS)", cost.peak_mb, "MiB", aims[1]),
            Figure(f"page of {name}", cost.html_mb, "MB", aims[2]),
            _in_browser(f"page of {name} opens", cost.opens_s, opens),
            _in_browser(f"page of {name} shows another shell", cost.chooses_s, _OPENS),
        ]
    return Section("reports", "`aftercancel report`, from its start to its end", tuple(figures))


def _in_browser(name: str, seconds: float | None, aim: Aim | None) -> Figure:
    if seconds is None:
        return not_measured(name, "s", "there is no Chromium or no Playwright", aim)
    return Figure(name, seconds, "s", aim)


SECTIONS: Mapping[str, Callable[[], Section]] = {
    "matrix": matrix,
    "memory": memory,
    "sandbox": sandbox,
    "launchers": of_launchers,
    "runners": of_runners,
    "evidence": evidence,
    "containers": containers,
    "reports": reports,
}
