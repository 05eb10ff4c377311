"""The front door of the benchmarks: ``python benchmarks/run.py [--only NAME] [--json FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    # Started by its path, Python knows this folder only, and not the one that it is a part of.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from benchmarks.front import main

    main()
