"""Claims: falsifiable sentences, each judged over the observations of a stored run.

A claim is a function in ``scenarios/claims/``; ``read_claims`` finds them all, and ``judge_claim``
gives the verdict on one, with what decides it and the best of its evidence. Pure: the same
observations give the same verdict, and nothing is asked of the machine.
"""

from aftercancel.judge.claims.deciding import Branch, Deciding, in_words
from aftercancel.judge.claims.files import read_claims
from aftercancel.judge.claims.findings import Finding, Judged, Verdict
from aftercancel.judge.claims.judging import judge_claim
from aftercancel.judge.claims.statements import (
    Answer,
    Case,
    Claim,
    Holds,
    Source,
    claim,
    could_not_tell,
    no,
    yes,
)

__all__ = [
    "Answer",
    "Branch",
    "Case",
    "Claim",
    "Deciding",
    "Finding",
    "Holds",
    "Judged",
    "Source",
    "Verdict",
    "claim",
    "could_not_tell",
    "in_words",
    "judge_claim",
    "no",
    "read_claims",
    "yes",
]
