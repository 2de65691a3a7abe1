"""Coverage of CLAIM 2024."""

from __future__ import annotations

from pathlib import Path

from core.model_card.claim import ITEMS, STATUSES, describe_claim, judge_items
from core.model_card.document import SECTIONS
from core.model_card.facts import Facts, gather_facts
from tests.builders import write_tiny_experiment


def test_every_item_is_judged_once(facts: Facts) -> None:
    """All 44 items are judged in order, each with a status."""
    found = judge_items(facts)
    assert list(range(1, 45)) == list(ITEMS) == [one.number for one in found]
    assert {one.status for one in found} <= set(STATUSES)


def test_covered_items_have_a_section_and_others_a_reason(facts: Facts, measured: Facts) -> None:
    """A covered item names a section of the card; any other has a reason."""
    for one in (*judge_items(facts), *judge_items(measured)):
        if one.status in ("covered", "partly"):
            assert one.section in SECTIONS
        else:
            assert "" == one.section
        assert one.status == "covered" or one.remark


def test_status_follows_from_the_record(facts: Facts, measured: Facts) -> None:
    """Robustness, failures by subgroup and layers are covered only if the record holds them."""
    without = {one.number: one.status for one in judge_items(facts)}
    having = {one.number: one.status for one in judge_items(measured)}
    assert ("not available", "covered") == (without[30], having[30])
    assert ("partly", "covered") == (without[39], having[39])
    assert "not available" == without[22]
    assert {30, 39} == {number for number in ITEMS if without[number] != having[number]}


def test_leakage_makes_internal_evaluation_partial(models: Path) -> None:
    """If test patients are in training, the evaluation on internal data is only partly covered."""
    leaking = gather_facts(write_tiny_experiment(models, split="random"), 10)
    assert "partly" == judge_items(leaking)[31].status
    assert "share patients" in judge_items(leaking)[19].remark


def test_the_totals_add_up(facts: Facts) -> None:
    """The counts in the head are those of the table."""
    text = describe_claim(facts)
    for status in STATUSES:
        n = sum(one.status == status for one in judge_items(facts))
        assert f"{n} {status}" in text
        assert n == sum(f" | {status} | " in line for line in text.splitlines())
