"""Speaking with an executor, whatever carries the lines. The executor is a fake."""

from __future__ import annotations

import msgspec
import pytest

from aftercancel.errors import AftercancelError, CouldNotTell, MissingError
from aftercancel.model import Evidence, Observation
from aftercancel.places.conversation import Conversation, HowToMeasure
from tests.real.vocabulary import cell

HOW = HowToMeasure(in_flight=1)


def why(said: str) -> AftercancelError:
    return CouldNotTell(f"Because {said}.")


class FakeExecutor:
    """Answers every cell that it is sent at once."""

    def __init__(self, *, dies_after: int = 100) -> None:
        self.conversation = Conversation(HOW, why)
        self.sent: list[bytes] = []
        self._dies_after = dies_after

    def send(self, line: bytes) -> None:
        self.sent.append(line)
        if len(self.sent) > self._dies_after:
            self.conversation.words(b"out of breath\n")
            self.conversation.ended()
            return
        asked = msgspec.json.decode(line)["cell"]
        words = [asked[part]["id"] for part in ("job", "shell", "launcher", "runner")]
        name = "/".join([*words, asked["cancellation"]["id"]])
        seen = Observation(cell=name, attempt=asked["attempt"], evidence=Evidence.PROC)
        self.conversation.heard(msgspec.json.encode({"observation": seen}) + b"\n")


def test_every_cell_is_answered_and_only_a_few_wait_at_the_executor() -> None:
    executor = FakeExecutor()
    measuring = executor.conversation.measure([cell("true")] * 5, executor.send)
    next(measuring)
    assert len(executor.sent) == 2 * HOW.in_flight
    assert len(list(measuring)) == 4


def test_the_hello_is_what_the_executor_says_of_itself() -> None:
    conversation = Conversation(HOW, why)
    conversation.heard(b'{"hello":{"kernel":"6"}}\n')
    assert conversation.hello() == {"kernel": "6"}


def test_an_executor_that_does_not_start_is_missing_with_its_last_words() -> None:
    conversation = Conversation(HOW, why)
    conversation.words(b"no rights\n")
    conversation.ended()
    with pytest.raises(MissingError, match=r"Because the executor did not start: no rights\."):
        conversation.hello()


def test_one_that_dies_on_the_way_leaves_what_it_had_measured() -> None:
    executor = FakeExecutor(dies_after=3)
    measuring = executor.conversation.measure([cell("true")] * 9, executor.send)
    seen: list[Observation] = []
    with pytest.raises(CouldNotTell, match="the executor stopped: out of breath"):
        seen.extend(measuring)
    # What a generator yielded before it raised was taken one by one.
    assert len(executor.sent) == 5


def test_one_that_cannot_be_sent_to_has_stopped() -> None:
    def send(_: bytes) -> None:
        raise BrokenPipeError

    with pytest.raises(CouldNotTell, match="the executor stopped"):
        list(Conversation(HOW, why).measure([cell("true")], send))


def test_half_a_line_is_no_answer() -> None:
    conversation = Conversation(HOW, why)
    conversation.heard(b'{"hello":{')
    conversation.ended()
    with pytest.raises(MissingError):
        conversation.hello()


def test_the_command_line_has_the_variables_of_an_image() -> None:
    words = HowToMeasure(environment={"COLOUR": "red"}).command("python3", "-I")
    assert words[:4] == ["python3", "-I", "-m", "aftercancel.executor"]
    assert words[-2:] == ["--environment", '{"COLOUR": "red"}']
