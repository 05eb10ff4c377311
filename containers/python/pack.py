"""pack.py FOLDER ZIP: all modules below FOLDER in one zip file, with their bytecode beside them.

An executor's container gets a copy of the runtime's files each time, and many small ones are what
takes long. A zip file is imported from as a folder is (zipimport); nothing in it is compressed, and
bytecode that says "unchecked" is not compared with its source, which is there for tracebacks.

Run by the Python that is to import them: bytecode is of one version.
"""

import py_compile
import sys
import tempfile
import zipfile
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same files make the same zip file; a zip file knows no earlier time."""


def pack(folder: Path, packed: Path) -> None:
    with zipfile.ZipFile(packed, "w") as file:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or "__pycache__" in path.parts:
                continue
            name = path.relative_to(folder).as_posix()
            file.writestr(zipfile.ZipInfo(name, _EPOCH), path.read_bytes())
            if path.suffix == ".py":
                made = _bytecode(path, f"{packed}/{name}")
                file.writestr(zipfile.ZipInfo(f"{name}c", _EPOCH), made)


def _bytecode(path: Path, shown: str) -> bytes:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        made = Path(folder) / "bytecode"
        py_compile.compile(
            str(path),
            cfile=str(made),
            dfile=shown,
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return made.read_bytes()


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
