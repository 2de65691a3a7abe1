"""Format an audit as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.audit import Audit
from core.cli.terminal import plain
from core.datasets import KNOWN_DATASET

# Longer lists show this many, then the number left out.
_SHOWN = 5
# What cannot be read is to be corrected, so most of it is named.
_SHOWN_REFUSED = 50


def format_audit(audit: Audit, splits: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> str:
    """Return an audit, and audits of splits, as plain text.

    Args:
        audit: from `core.audit.audit.audit_dataset`.
        splits: title of each split -> the rows of `core.audit.audit.audit_split`.

    Returns:
        Lines without a final newline; names from outside are made safe to print.
    """
    parts = [
        _format_counts(audit),
        _format_sources(audit),
        _format_known(audit),
        _format_copies(audit),
        _format_labels(audit),
    ]
    lines = [line for part in parts if part for line in ("", *part)][1:]
    for title, rows in (splits or {}).items():
        lines += ["", *format_split(title, rows)]
    lines += [line for warning in audit.warnings for line in ("", f"WARNING: {warning}")]
    return "\n".join(lines)


def format_split(title: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the audit of one split as lines, fold by fold."""
    lines = [f"Split: {title}"]
    for row in rows:
        sizes = f"{row['n_train']:,} train, {row['n_validation']:,} validation, {row['n_test']:,} test"
        if row["n_test_patients"] is not None:
            sizes += f" ({row['n_test_patients']} patients)"
        lines.append(f"  fold {row['fold']}: {sizes}")
        if row["n_test_patients"] is None:
            lines.append(
                "    patients are unknown, so overlap of patients between test and training cannot be counted"
            )
        else:
            lines.append(
                "    test slices with the same patient in training or validation:                "
                + _with_share(row["n_test_sharing_patient"], row["share_sharing_patient"])
            )
            lines.append(
                "    test slices with an adjacent slice in training or validation:               "
                + _with_share(row["n_test_with_direct_neighbour"], row["share_with_direct_neighbour"])
            )
        lines.append(
            "    test slices with a duplicate or near-duplicate in training or validation:   "
            + _with_share(row["n_test_with_copy"], row["share_with_copy"])
        )
    return lines


def _format_counts(audit: Audit) -> list[str]:
    known = KNOWN_DATASET["name"] if audit.is_known else "not the published data set"
    lines = [
        f"Data set: {plain(audit.folder)}",
        f"  fingerprint: {audit.fingerprint} ({known})",
        f"  slices: {audit.n_slices:,} ("
        + ", ".join(f"{plain(name)} {count:,}" for name, count in audit.n_per_class)
        + (f", label unknown {audit.n_unlabeled:,}" if audit.n_unlabeled else "")
        + ")",
    ]
    if audit.n_patients:
        names = [plain(name) for name, _ in audit.n_per_class]
        lines.append(
            f"  patients: {audit.n_patients} ("
            + ", ".join(
                f"{name} {count}" for name, count in zip(names, audit.patients_per_class, strict=True)
            )
            + f"), {audit.slices_per_patient[0]} to {audit.slices_per_patient[1]} slices each"
            + ("" if audit.sources else f", {len(audit.patients_in_both)} in both folders")
        )
        if audit.n_unknown_patients:
            lines.append(f"  slices of unknown patients: {audit.n_unknown_patients:,}")
    else:
        lines.append("  patients: unknown")
    sizes = [f"{width} x {height} px ({count})" for (width, height), count in audit.sizes]
    lines.append(f"  sizes: {_cut(sizes)}")
    unused = "lines not used in full" if audit.sources else "unreadable files"
    lines.append(f"  {unused}: {len(audit.refused):,}")
    refused = (plain(": ".join(filter(None, (item["file"], item["message"])))) for item in audit.refused)
    lines += _shown(refused, _SHOWN_REFUSED)
    return lines


def _format_sources(audit: Audit) -> list[str]:
    """Return the content of each source of a manifest; nothing for class folders."""
    lines = ["Sources:"] if audit.sources else []
    for counts in audit.sources:
        source = counts.source
        lines.append(
            f"  {plain(source.name or 'no name')}" + (f": {plain(source.title)}" if source.title else "")
        )
        if source.terms:
            lines.append(f"    terms: {plain(source.terms)}")
        patients = [_count(counts.n_patients, "patient")] if counts.n_patients else []
        if counts.n_unknown_patients:
            patients.append(f"patients of {_count(counts.n_unknown_patients, 'slice')} unknown")
        kept = f"; {counts.n_kept:,} kept aside" if counts.n_kept else ""
        lines.append(f"    {_count(counts.n_slices, 'slice')}; {', '.join(patients)}{kept}")
        for finding, labels in counts.labels.items():
            lines.append(
                f"    {finding}: {labels.present:,} present, {labels.absent:,} absent, "
                f"{labels.unknown:,} unknown; {plain(source.describe_silence(finding))}"
            )
        if counts.vendors:
            vendors = (f"{plain(vendor)} {n:,}" for vendor, n in counts.vendors.items())
            lines.append(f"    vendors: {', '.join(vendors)}")
    return lines


def _format_known(audit: Audit) -> list[str]:
    """Return what the files are in the published set; nothing if they are that set."""
    if audit.is_known:
        return []
    found = audit.known.describe()
    if not found:
        return ["Known pictures: none; no file is a slice of the published data set."]
    pairs = zip(audit.known.table["file"], audit.known.table["known_file"], strict=True)
    return [
        "Known pictures:",
        *(f"  {plain(sentence)}" for sentence in found),
        *_shown(f"{plain(file)} is {known} there" for file, known in pairs),
    ]


def _format_copies(audit: Audit) -> list[str]:
    lines = [
        f"Exact duplicates: {_count(len(audit.duplicates), 'group')}"
        + (f", {audit.n_duplicates_across_classes} across both classes" if audit.duplicates else "")
    ]
    lines += _shown(" = ".join(map(plain, group)) for group in audit.duplicates)
    lines.append(
        f"Near-duplicates: {_count(len(audit.near_duplicates), 'pair')}"
        + (f", {audit.n_near_across_patients} between different patients" if audit.n_patients else "")
    )
    lines += _shown(
        f"{plain(first)} ~ {plain(second)} ({bits} of 256 bits differ)"
        for first, second, bits in audit.near_duplicates
    )
    return lines


def _format_labels(audit: Audit) -> list[str]:
    negative, positive = (plain(name) for name, _ in audit.n_per_class)
    if audit.sources:
        return ["Labels: those of the manifest, of each slice."]
    if audit.labels is None:
        return ["Labels: by folder only; there are no slice labels."]
    found = audit.labels
    patients = found.patients_showing_in_negative
    lines = [
        "Labels: the folder gives the patient's label; gaps in the file numbers give the slice labels:",
        "  a slice shows a hemorrhage if the next file number of its patient is missing.",
        f"  slices in {positive} that show a hemorrhage: {found.n_showing_in_positive} of"
        f" {found.n_positive_folder} ({found.share_showing_in_positive:.1%})",
        f"  slices in {negative} that show one: {found.n_showing_in_negative}"
        + (f", of {len(patients)} patients ({', '.join(map(plain, patients))})" if patients else ""),
    ]
    if audit.is_known:
        lines.append(
            "  (this rule is known to miss 10 slices with hemorrhage: 9 of patient 49 and 1 of patient 51)"
        )
    return lines


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n:,} {noun}s"


def _with_share(count: int, share: float) -> str:
    return f"{count:,} ({share:.1%})"


def _cut(items: Sequence[str]) -> str:
    rest = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _shown(items: Iterable[str], most: int = _SHOWN) -> list[str]:
    listed = list(items)
    rest = len(listed) - most
    return [f"    {item}" for item in listed[:most]] + ([f"    ... and {rest:,} more"] if rest > 0 else [])
