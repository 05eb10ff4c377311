"""A run on disk: the folder, its record, its observations, and what is made from them."""

from aftercancel.results.folder import OBSERVATIONS, RunFolder
from aftercancel.results.lines import BadLine, LineWriter, attempt_key, encode, key
from aftercancel.results.record import Machine, Record, SliceRecord, now, shell_versions

__all__ = [
    "OBSERVATIONS",
    "BadLine",
    "LineWriter",
    "Machine",
    "Record",
    "RunFolder",
    "SliceRecord",
    "attempt_key",
    "encode",
    "key",
    "now",
    "shell_versions",
]
