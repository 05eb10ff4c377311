"""Names for groups: which of a job's shells, or of its launchers, behave alike, in few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

_FLAGS = re.compile(r"-(?:e|xe)$")


def of_shells(shells: Sequence[str], all_shells: Sequence[str]) -> str:
    """Some of a job's shells: ``all 8 shells``, ``bash* dash``, ``all but zsh``."""
    if len(shells) == len(all_shells):
        few = {1: shells[0], 2: "both shells"}
        return few.get(len(shells), f"all {len(shells)} shells")
    by_flags = _by_flags(shells, all_shells)
    if by_flags is not None:
        return by_flags
    plain = " ".join(_families(shells, all_shells))
    others = [shell for shell in all_shells if shell not in shells]
    exclusive = "all but " + " ".join(_families(others, all_shells))
    return exclusive if len(exclusive) <= len(plain) else plain


def of_launchers(launchers: Sequence[str], all_launchers: Sequence[str]) -> str:
    """Some of a job's launchers: ``all 45 launchers``, ``none env sudo*``, ``all but ssh*``."""
    if len(launchers) == len(all_launchers):
        few = {1: launchers[0], 2: "both launchers"}
        return few.get(len(launchers), f"all {len(launchers)} launchers")
    plain = " ".join(_kin(launchers, all_launchers))
    others = [launcher for launcher in all_launchers if launcher not in launchers]
    exclusive = "all but " + " ".join(_kin(others, all_launchers))
    return exclusive if len(exclusive) <= len(plain) else plain


def _by_flags(shells: Sequence[str], all_shells: Sequence[str]) -> str | None:
    """Where the flags alone decide: ``all with -e or -xe``."""
    chosen, known = {_flags(s) for s in shells}, {_flags(s) for s in all_shells}
    if len(shells) < 3 or set(shells) != {s for s in all_shells if _flags(s) in chosen}:
        return None
    if chosen == {""}:
        return "all without flags"
    if "" in chosen:
        return f"all without {' or '.join(sorted(known - chosen))}"
    return f"all with {' or '.join(sorted(chosen))}"


def _flags(shell: str) -> str:
    found = _FLAGS.search(shell)
    return "" if found is None else found[0]


def _families(shells: Sequence[str], all_shells: Sequence[str]) -> list[str]:
    """``bash*`` for a shell with each of the flags that it has here."""
    members: dict[str, list[str]] = {}
    for shell in all_shells:
        members.setdefault(_FLAGS.sub("", shell), []).append(shell)
    found: list[str] = []
    for shell in shells:
        family = _FLAGS.sub("", shell)
        whole = len(members[family]) > 1 and all(member in shells for member in members[family])
        name = f"{family}*" if whole else shell
        if name not in found:
            found.append(name)
    return found


def _kin(launchers: Sequence[str], all_launchers: Sequence[str]) -> list[str]:
    """``sudo*`` where every launcher here whose name begins so is among them."""
    found: list[str] = []
    for launcher in launchers:
        begins = launcher.split("-")[0]
        kin = [each for each in all_launchers if each.startswith(begins)]
        # "su" would say "sudo" as well: only a whole first word stands for others.
        whole = all(each in launchers and each.split("-")[0] == begins for each in kin)
        name = f"{begins}*" if len(kin) > 1 and whole else launcher
        if name not in found:
            found.append(name)
    return found
