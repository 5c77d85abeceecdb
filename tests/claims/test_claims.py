"""Claims: judges that can come out either way, a registry that is complete, and a command that sounds the alarm."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparsesim import claims
from sparsesim.claims import __main__ as command
from sparsesim.claims import judging, telling
from sparsesim.claims.registry import Entry, entries, matching

ROOT = Path(__file__).parents[2]
NUMBERED = [
    "Theorem 1", "Theorem 3", "Theorem 4", "Proposition 2", "Proposition 15", "Proposition 18",
    *(f"Lemma {i}" for i in (6, 8, 10, 13, 14, 16, 19, 20)), *(f"Remark {i}" for i in (5, 7, 9, 12, 17, 21, 22)),
    *(f"Table 3, row {where}" for where in "ABCDEF"), *(f"Table 4, row {where}" for where in "ABCDEF"),
    *(f"Table 5, row {where}" for where in "ACDEF"),
]  # fmt: skip
DIMENSIONS = (10**4, 10**6, 10**8)


def claim(verdict: str = claims.HOLDS, expected: str = claims.HOLDS) -> claims.Claim:
    """One whose judge finds what it is told to."""

    def judge(scale: str) -> claims.Judged:
        """As told."""
        return claims.Judged(verdict, {"distance": 1.5e-7}, f"nothing, at {scale}")

    correction = "what is so" if expected in (claims.FALSE, claims.LOOSE) else ""
    return claims.Claim("Lemma 99 (one part)", "A statement.", judge, expected, "none", correction)


def entry(**options: str) -> Entry:
    return Entry(claim(**options), "A section", "somewhere.py:1")


def test_all_numbered_statements_have_an_entry() -> None:
    found = entries()
    for number in NUMBERED:
        assert matching(found, number), number
    assert len(found) >= 90
    assert matching(found, "proposition 2") == matching(found, "Proposition 2")
    assert all(one.claim.number.startswith("Lemma 1") is False for one in matching(found, "Lemma 6"))
    assert matching(found, "no such thing") == []


def test_entries_say_what_one_needs() -> None:
    figures = {path.stem for path in (ROOT / "experiments").glob("fig*.py")}
    for one in entries():
        assert one.claim.statement.endswith("."), one.claim.number
        assert one.claim.tolerance, one.claim.number
        assert one.claim.figure == "" or one.claim.figure in figures, one.claim.number
        path, _, line = one.location.partition(":")
        assert (ROOT / path).is_file(), one.location
        assert int(line) > 0


def test_the_page_has_every_claim_with_its_verdict() -> None:
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^### (.+)\n\n.+\n\n\*\*(.+?)\.\*\*", page, flags=re.MULTILINE))
    assert told == {one.claim.number: one.claim.expected for one in entries()}


def test_what_is_false_has_a_correction() -> None:
    with pytest.raises(ValueError, match="correction must be given where a claim is false or loosely worded"):
        replace(claim(), expected=claims.FALSE)
    with pytest.raises(ValueError, match="expected must be one of holds"):
        replace(claim(), expected="perhaps")


def test_identities_are_judged_by_their_largest_error() -> None:
    assert claims.identity({"a": 1e-13, "b": -1e-13}, 1e-12, "").verdict == claims.HOLDS
    assert claims.identity({"a": 1e-13, "b": 2e-12}, 1e-12, "").verdict == claims.FALSE
    assert claims.identity({"a": math.nan}, 1e-12, "").verdict == claims.FALSE
    with pytest.raises(ValueError, match="errors must not be empty"):
        claims.identity({}, 1e-12, "")


@pytest.mark.parametrize(("power", "verdict"), [(-0.5, claims.LIMIT), (-0.3, claims.FALSE), (0.5, claims.FALSE)])
def test_an_approach_has_the_predicted_power(power: float, verdict: str) -> None:
    errors = [d**power * (1 + d**-0.5) for d in DIMENSIONS]
    assert claims.approach(DIMENSIONS, errors, -0.5, "").verdict == verdict


def test_an_approach_without_a_prediction_falls_all_the_same() -> None:
    assert claims.approach(DIMENSIONS, [1e-2, 1e-3, 1e-4], math.nan, "").verdict == claims.LIMIT
    assert claims.approach(DIMENSIONS, [1e-2, 1e-3, 2e-3], math.nan, "").verdict == claims.FALSE
    assert claims.approach(DIMENSIONS, [1e-2, 0.99e-2, 0.98e-2], math.nan, "").verdict == claims.FALSE


def test_an_exponent_is_read_where_it_has_settled() -> None:
    values = [3.0 * d**0.7 * (1 + d**-0.4) for d in DIMENSIONS]
    assert claims.exponent(DIMENSIONS, values, 0.7, "").verdict == claims.LIMIT
    assert claims.exponent(DIMENSIONS, values, 0.65, "").verdict == claims.FALSE
    measured, change = claims.slope(DIMENSIONS, np.asarray(DIMENSIONS, dtype=float) ** 2)
    assert measured == pytest.approx(2.0)
    assert change == pytest.approx(0.0, abs=1e-12)


def test_scores_bounds_and_counterexamples_come_out_either_way() -> None:
    assert claims.scored({"z": 3.9}, "").verdict == claims.BOUNDS
    assert claims.scored({"z": -4.1}, "").verdict == claims.FALSE
    assert claims.scored({"z": math.nan}, "").verdict == claims.FALSE
    assert claims.bounded(1.0, 0.0, 2.0, "x", "").verdict == claims.BOUNDS
    assert claims.bounded(3.0, 0.0, 2.0, "x", "").verdict == claims.FALSE
    assert claims.counterexample(True, {}, "").verdict == claims.FALSE
    assert claims.counterexample(False, {}, "").verdict == claims.HOLDS
    assert claims.loose(True, False, {}, "").verdict == claims.LOOSE
    assert claims.loose(True, True, {}, "").verdict == claims.HOLDS
    assert claims.loose(False, False, {}, "").verdict == claims.FALSE


def test_a_whole_is_as_good_as_its_weakest_part() -> None:
    parts = [claims.Judged(verdict, {"x": 1.0}, "") for verdict in (claims.HOLDS, claims.LIMIT)]
    whole = claims.combined(parts, "both")
    assert whole.verdict == claims.LIMIT
    assert whole.numbers == {"x": 1.0, "x (2)": 1.0}
    assert claims.combined([*parts, claims.Judged(claims.FALSE, {}, "")], "").verdict == claims.FALSE


def run(monkeypatch: pytest.MonkeyPatch, found: list[Entry], *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["sparsesim.claims", *arguments])
    monkeypatch.setattr(command, "entries", lambda: found)
    with pytest.raises(SystemExit) as stopped:
        command.main()
    return int(str(stopped.value.code))


def test_a_changed_verdict_is_an_alarm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, [entry()]) == 0
    assert "changed=0" in capsys.readouterr().out
    assert run(monkeypatch, [entry(), replaced := entry(verdict=claims.FALSE)._replace(section="B")]) == 1
    said = capsys.readouterr().out
    assert "changed=1" in said
    assert replaced.section == "B"


def test_a_judge_that_raises_is_an_alarm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def raises(scale: str) -> claims.Judged:
        """No verdict."""
        raise ZeroDivisionError("by zero")

    broken = Entry(replace(claim(), judge=raises), "A section", "somewhere.py:1")
    assert judging.judge(broken, "smoke").judged.verdict == judging.FAILED
    assert run(monkeypatch, [broken]) == 1
    assert "the judge raised ZeroDivisionError: by zero" in " ".join(capsys.readouterr().out.split())


def test_one_claim_is_explained(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, [entry()], "lemma 99", "--scale", "smoke") == 0
    said = capsys.readouterr().out
    for words in ("Lemma 99 (one part) (A section)", "A statement.", "verdict: holds", "computed: nothing, at smoke",
                  "distance: 1.5e-07", "judged by somewhere.py:1"):  # fmt: skip
        assert words in said
    assert run(monkeypatch, [entry()], "Lemma 1") == 2
    assert "number must be that of a claim, got 'Lemma 1'" in capsys.readouterr().err
    assert run(monkeypatch, [entry()], "--list") == 0
    assert capsys.readouterr().out.startswith("Lemma 99 (one part): A statement.")


def test_page_and_json_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, machine = tmp_path / "new" / "claims.md", tmp_path / "claims.json"
    found = [entry(verdict=claims.FALSE, expected=claims.FALSE)]
    assert run(monkeypatch, found, "--page", str(page), "--json", str(machine)) == 0
    del capsys
    assert "### Lemma 99 (one part)" in page.read_text()
    assert "*What is so:* what is so" in page.read_text()
    (one,) = json.loads(machine.read_text())["claims"]
    assert one["verdict"] == claims.FALSE
    assert one["numbers"] == {"distance": 1.5e-7}


def test_the_line_counts_verdicts() -> None:
    outcomes = [
        judging.judge(entry(), "smoke"),
        judging.judge(entry(verdict=claims.LIMIT, expected=claims.LIMIT), "smoke"),
    ]
    assert telling.line(outcomes).startswith("claims: all=2 holds=1 holds_in_the_limit=1 changed=0 seconds=")


CHEAP = ["Lemma 10", "Table 3, row A", "Remark 12", "C.6.5 (2-D SDE)", "Section 5 (not interchangeable)"]


@pytest.mark.parametrize("number", CHEAP)
def test_cheap_claims_are_as_expected(number: str) -> None:
    for one in matching(entries(), number):
        outcome = judging.judge(one, "smoke")
        assert outcome.judged.verdict == one.claim.expected, outcome
