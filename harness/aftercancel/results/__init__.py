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
    shell_versions,
)

__all__ = [
    "OBSERVATIONS",
    "BadLine",
    "LineWriter",
    "Machine",
    "NotTried",
    "Record",
    "RunFolder",
    "SliceRecord",
    "attempt_key",
    "encode",
    "key",
    "now",
    "program_versions",
    "shell_versions",
]
