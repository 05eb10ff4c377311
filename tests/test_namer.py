"""Who a program was when it was started, as another process has told it."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Iterator

import pytest

from aftercancel.executor.namer import Namer
from aftercancel.executor.names import Named

GONE = 2**22 + 1
"""No process has this number (proc(5), pid_max)."""
SECOND = 10**9


class Teller:
    """The other end of a namer."""

    def __init__(self) -> None:
        self.orders, orders = os.pipe()
        answers, self.answers = os.pipe()
        os.set_blocking(answers, False)
        self.namer = Namer(0, orders, answers)

    def tell(
        self, pid: int, at_ns: int, *argv: str, role: str | None = None, after_ns: int = 50_000
    ) -> None:
        """``after_ns``: how long after the event it was looked."""
        os.write(self.answers, framed(pid, at_ns, *argv, role=role, after_ns=after_ns))

    def close(self) -> None:
        self.namer.close()
        os.close(self.orders)
        os.close(self.answers)


def framed(
    pid: int, at_ns: int, *argv: str, role: str | None = None, after_ns: int = 50_000
) -> bytes:
    answer = pickle.dumps((pid, at_ns, argv, role, at_ns + after_ns))
    return struct.pack("=I", len(answer)) + answer


@pytest.fixture
def teller() -> Iterator[Teller]:
    made = Teller()
    try:
        yield made
    finally:
        made.close()


def test_who_has_ended_is_known_by_what_was_told_of_him(teller: Teller) -> None:
    teller.tell(GONE, SECOND, "sleep", "600", role="child")
    assert teller.namer.at_exec(GONE, SECOND) == Named(("sleep", "600"), "child", SECOND + 50_000)


def test_the_times_of_one_event_need_not_be_equal(teller: Teller) -> None:
    teller.tell(GONE, SECOND + 700, "sleep", "600")
    assert teller.namer.at_exec(GONE, SECOND).argv == ("sleep", "600")


def test_of_several_programs_of_one_process_the_first_look_after_it_is_meant(
    teller: Teller,
) -> None:
    # From two processors, the later one first.
    teller.tell(GONE, SECOND + 400_000, "sleep")
    teller.tell(GONE, SECOND, "env", "sleep")
    assert teller.namer.at_exec(GONE, SECOND + 300).argv == ("env", "sleep")
    assert teller.namer.at_exec(GONE, SECOND + 399_000).argv == ("sleep",)


def test_a_look_that_came_after_the_next_program_serves_both(teller: Teller) -> None:
    teller.tell(GONE, SECOND, "sleep", after_ns=900_000)
    assert teller.namer.at_exec(GONE, SECOND).argv == ("sleep",)
    assert teller.namer.at_exec(GONE, SECOND + 400_000).argv == ("sleep",)


def test_a_look_before_it_says_nothing_of_it(teller: Teller) -> None:
    teller.tell(GONE, SECOND, "env", "sleep")
    assert teller.namer.at_exec(GONE, SECOND + 400_000).argv == ()


def test_what_was_told_of_another_time_is_another_process_s(teller: Teller) -> None:
    teller.tell(GONE, SECOND, "sleep")
    assert teller.namer.at_exec(GONE, 3 * SECOND).argv == ()


def test_who_nothing_was_told_of_is_looked_at_now(teller: Teller) -> None:
    teller.tell(GONE, SECOND, "sleep")
    seen = teller.namer.at_exec(os.getpid(), SECOND)
    assert "python" in seen.argv[0]
    assert seen.looked_ns > SECOND


def test_an_answer_may_come_in_pieces(teller: Teller) -> None:
    whole = framed(GONE, SECOND, "sleep", "600")
    os.write(teller.answers, whole[:7])
    assert teller.namer.at_exec(GONE, SECOND).argv == ()
    os.write(teller.answers, whole[7:])
    assert teller.namer.at_exec(GONE, SECOND).argv == ("sleep", "600")


def test_what_is_told_and_never_asked_for_is_forgotten_the_oldest_first(teller: Teller) -> None:
    long = "x" * 50_000
    for number in range(1000):
        teller.tell(GONE + number, SECOND, long)
        teller.namer.at_exec(GONE - 1, SECOND)
    assert teller.namer.at_exec(GONE, SECOND).argv == ()
    assert teller.namer.at_exec(GONE + 999, SECOND).argv == (long,)


def test_without_the_other_process_everybody_is_looked_at_now(teller: Teller) -> None:
    os.close(teller.answers)
    teller.answers = os.open("/dev/null", os.O_WRONLY)
    assert "python" in teller.namer.at_exec(os.getpid(), SECOND).argv[0]


def test_its_end_may_be_let_go_of_twice(teller: Teller) -> None:
    teller.namer.close()
    teller.namer.close()
    assert os.read(teller.orders, 1) == b""
