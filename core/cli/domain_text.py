"""Print the record domain/1: whether scans without labels look like the training slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.cli.terminal import as_figure, plain, print_table
from core.frameworks import TITLES


def print_domain(record: Mapping[str, Any]) -> None:
    """Print the record of core.validation.unlabeled as tables, there and at home."""
    data, gate, familiarity = record["data"], record["gate"], record["familiarity"]
    print(f"{record['experiment']} on {record['name']}, without labels: value [95 % interval]")
    there, home = gate["there"], gate["home"]
    print(f"{data['n']:,} slices. The gate:")
    rows = [
        [outcome, f"{there[outcome]:,}", as_figure(there[key]) if key else "", _count_home(home, outcome)]
        for outcome, key in (("read", ""), ("warn", "warned"), ("refuse", "refused"))
    ]
    print_table(["", "slices", "share", "at home"], rows)
    for reason in gate["reasons"]:
        print(f"  {reason['n']:>5}  {reason['outcome']:<6}  {plain(reason['reason'])}")
    rows = []
    if "reason" in familiarity:
        print(f"Familiarity: {familiarity['reason']}")
    else:
        for key, words in (
            ("beyond_limit", "more unusual than 199 of 200 slices at home"),
            ("beyond_farthest", "more unusual than any slice at home"),
        ):
            rows.append([words, as_figure(familiarity["there"][key]), f"{familiarity['home'][key]:.3f}"])
    for framework, one in record["probability"].items():
        name = TITLES[framework]
        rows.append(
            [
                f"called positive, {name}",
                as_figure(one["there"]["flagged"]),
                as_figure(one["home"]["flagged"]),
            ]
        )
        rows.append(
            [f"median probability, {name}", *(_median(one[side]["quantiles"]) for side in ("there", "home"))]
        )
        rows.append(
            [f"chance to score higher than a slice at home, {name}", as_figure(one["higher_there"]), "0.500"]
        )
    print_table(["share of the slices", "there", "at home"], rows)
    _print_groups(record["groups"])
    for note in record["notes"]:
        print(plain(note))


def _count_home(home: Mapping[str, Any], outcome: str) -> str:
    return "-" if "reason" in home else f"{home[outcome]:,} of {home['n']:,}"


def _median(quantiles: list[float]) -> str:
    return f"{quantiles[len(quantiles) // 2]:.3f}" if quantiles else "-"


def _print_groups(groups: list[dict[str, Any]]) -> None:
    rows = [
        [
            plain(f"{group['by']} {group['group'] or '(unknown)'}"),
            str(group["n"]),
            as_figure(group["refused"]),
            "-" if group["beyond_limit"] is None else as_figure(group["beyond_limit"]),
            *(as_figure(figure) for figure in group["flagged"].values()),
        ]
        for group in groups
    ]
    if groups:
        called = [f"called positive, {TITLES[name]}" for name in groups[0]["flagged"]]
        print_table(["group", "n", "refused", "unusual", *called], rows)
