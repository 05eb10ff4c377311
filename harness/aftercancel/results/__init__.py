"""A run on disk: the folder, its record, its observations, and what is made from them."""

from aftercancel.results.folder import OBSERVATIONS, RunFolder
from aftercancel.results.lines import BadLine, LineWriter, attempt_key, encode, key
from aftercancel.results.record import (
    Machine,
    NotTried,
    Record,
    SliceRecord,
    now,
    program_versions,
    runner_versions,
    shell_versions,
)
from aftercancel.results.wording import Meaning, Wording, wording

__all__ = [
    "OBSERVATIONS",
    "BadLine",
    "LineWriter",
    "Machine",
    "Meaning",
    "NotTried",
    "Record",
    "RunFolder",
    "SliceRecord",
    "Wording",
    "attempt_key",
    "encode",
    "key",
    "now",
    "program_versions",
    "runner_versions",
    "shell_versions",
    "wording",
]
