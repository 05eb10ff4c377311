"""A job that sends itself signals by the thousand keeps the trace's reader busy for seconds."""

from __future__ import annotations

from aftercancel.places.this_machine import ThisMachine
from tests.real.vocabulary import BASH, cell, the

FLOODING = 12
SHORT_LIVED = 10

FLOOD = f"""\
i=0
while [ $i -lt 4000 ]; do
    kill -URG $$
    i=$((i + 1))
done
i=0
while [ $i -lt {SHORT_LIVED} ]; do
    ROLE=short-$i /bin/sleep 0.1
    i=$((i + 1))
done
mark ready
ROLE=child /bin/sleep 600
"""
"""URG is ignored by default, so nothing comes of it but three events each time."""


def test_a_short_life_beside_a_flood_is_named_as_any_other(traced: ThisMachine) -> None:
    one = cell(FLOOD, shell=BASH, roles=("child",))
    for seen in traced.measure([one] * FLOODING):
        assert seen.trouble is None
        for number in range(SHORT_LIVED):
            assert the(seen, f"short-{number}").argv == ("/bin/sleep", "0.1")
