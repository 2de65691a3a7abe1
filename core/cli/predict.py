"""The command `python -m core predict`: read scans, print what both networks say, and write it to files.

Its JSON is documented at the head of core.cli.app.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.arguments import AsJson, find_panel
from core.cli.terminal import plain, print_findings, print_json, show_progress
from core.errors import StrokeError
from core.experiments import Experiment

if TYPE_CHECKING:
    from core.reading import PanelFindings, Refusal, Site
    from core.reports import ScanReport
    from core.scans import Scan

_TABLES, _REPORTS = (".csv", ".json"), (".pdf", ".dcm")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(predict)


def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            exists=True,
            help="Image, DICOM, NIfTI or zip files, or folders, searched with subfolders.",
        ),
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Experiment whose networks read the scans; can be repeated, once for each finding. Default: "
            "STROKE_CT_EXPERIMENT, else hemorrhage-by-patient and ischemia-by-study.",
        ),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(
            metavar="VALIDATION",
            help="Decide with the site calibration of this validation, see `calibrate`. Default: the "
            "model card's.",
        ),
    ] = None,
    override_gate: Annotated[
        bool, typer.Option("--override-gate", help="Also read scans that do not look like a head CT.")
    ] = False,
    write: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Write a .csv, .json, .pdf or .dcm (the PDF in DICOM); can be repeated."
        ),
    ] = None,
    write_capture: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write slices and heat maps as a .dcm (Secondary Capture)."),
    ] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Keep file names in .csv, .json and .pdf.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read scans with the networks of one experiment for each finding. Exit code 1 if a file was refused."""
    from core.reading import Reader, Refusal, group_refusals, read_paths
    from core.reports import predict_record

    targets = _check_targets(write or [], write_capture, force=force)
    panel = find_panel(experiment or ())
    sites = _open_sites(panel, site)
    scans: list[PanelFindings] = []
    refused: list[Refusal] = []
    reports: list[ScanReport] = []
    is_dicom_written = any(target.suffix.lower() == ".dcm" for target in targets)

    def keep(scan: Scan, found: PanelFindings) -> None:
        if is_dicom_written and reports:
            raise StrokeError(
                "A DICOM file can contain only one scan, but more than one was read",
                remedy="read one scan at a time, or write .pdf",
            )
        reports.append(_build_report(panel, scan, found, every_slice=write_capture is not None))

    readers = [Reader(one, sites.get(one.name)) for one in panel]
    outcomes = read_paths(
        paths, readers, override_gate=override_gate, on_file=show_progress("files read"),
        on_scan=keep if any(target.suffix.lower() in _REPORTS for target in targets) else None,
    )  # fmt: skip
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        else:
            scans.append(outcome)
    if as_json:
        print_json(predict_record(panel, scans, refused))
    else:
        for place, one in enumerate(panel):
            print_findings(one, [parts[place] for parts in scans], sites.get(one.name))
        for refusal in group_refusals(refused):
            print(f"Refused: {plain(refusal.source)}: {plain(refusal.message)}", file=sys.stderr)
    if not scans and not refused:
        places = ", ".join(plain(str(path)) for path in paths)
        print(
            f"No file was found in {places}; give image, DICOM, NIfTI or zip files, or a folder of them.",
            file=sys.stderr,
        )
    if targets and not keep_names:
        scans, refused, reports = _remove_names(scans, refused, reports)
    for target in targets:
        _write_file(target, panel, scans, refused, reports, as_capture=target == write_capture)
    raise typer.Exit(1 if refused else 0)


def _check_targets(written: Sequence[Path], capture: Path | None, *, force: bool) -> list[Path]:
    """Return all files to write, checked before any scan is read.

    Raises:
        typer.BadParameter: a file has another suffix, its folder is missing, or it exists without `force`.
    """
    for path in written:
        if path.suffix.lower() not in (*_TABLES, *_REPORTS):
            raise typer.BadParameter(
                f"{plain(path.name)} must end in .csv, .json, .pdf or .dcm", param_hint="--write"
            )
    if capture is not None and (capture.suffix.lower() != ".dcm" or capture in written):
        raise typer.BadParameter("give another .dcm file than for --write", param_hint="--write-capture")
    targets = [*written, *([] if capture is None else [capture])]
    for path in targets:
        if not path.parent.is_dir():
            raise typer.BadParameter(f"the folder of {plain(path.name)} does not exist", param_hint="--write")
        if path.is_dir() or (path.exists() and not force):
            raise typer.BadParameter(
                f"{plain(path.name)} exists already; --force overwrites it", param_hint="--write"
            )
    return targets


def _open_sites(panel: Sequence[Experiment], name: str | None) -> Mapping[str, Site]:
    """Return the site calibrations of this name by experiment; at least one experiment must have one."""
    if not name:
        return {}
    from core.validation import list_sites, open_site  # slow to load, and rarely needed

    found = {one.name: site for one in panel for site in list_sites(one) if site.name == name}
    return found or {panel[0].name: open_site(panel[0], name)}


def _build_report(
    panel: Sequence[Experiment], scan: Scan, findings: PanelFindings, *, every_slice: bool
) -> ScanReport:
    """Return the report on a scan with only the pictures it shows, to save memory."""
    from core.imaging import cut_picture, show_picture
    from core.reports import ScanReport, choose_report_slices

    recipe, (first, *_) = panel[0].recipe, findings
    shown = {index for part in findings for index in choose_report_slices(part)}
    indices = range(len(scan.slices)) if every_slice else sorted(shown)
    pictures = {
        index: show_picture(
            cut_picture(scan.slices[index], scan.unit, recipe, turned=first.slices[index].turned),
            recipe.window,
        )
        for index in indices
    }
    return ScanReport(findings, pictures.__getitem__)


def _remove_names(
    scans: list[PanelFindings], refused: list[Refusal], reports: list[ScanReport]
) -> tuple[list[PanelFindings], list[Refusal], list[ScanReport]]:
    from dataclasses import replace

    from core.reports import remove_names, remove_refused_names

    scans = remove_names(scans)
    reports = [replace(report, findings=found) for report, found in zip(reports, scans, strict=False)]
    return scans, remove_refused_names(refused), reports


def _write_file(
    target: Path,
    panel: Sequence[Experiment],
    scans: Sequence[PanelFindings],
    refused: Sequence[Refusal],
    reports: Sequence[ScanReport],
    *,
    as_capture: bool,
) -> None:
    """Write one file atomically, in the format of its suffix."""
    from core.reports import exports
    from core.system import write_whole

    kind = target.suffix.lower()
    if kind in _REPORTS and not reports:
        raise StrokeError(f"{target.name} was not written: no scan was read")
    if kind == ".csv":
        data = exports.make_csv(panel, scans, refused)
    elif kind == ".json":
        data = exports.make_json(panel, scans, refused)
    elif kind == ".pdf":
        data = exports.make_pdf(panel, reports)
    elif as_capture:
        data = exports.make_dicom_capture(panel, reports[0])
    else:
        data = exports.make_dicom_report(panel, reports[0])
    write_whole(target, data)
