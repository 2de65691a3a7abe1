"""Make core/gate/upright_weights.npz from head CT of four sources, and print its figures.

python -m tests.make_orientation FOLDER [SMALL]

FOLDER holds brain-stroke-ct, phe-sich, rsna-2019 and teknofest-ischemia. SMALL is an .npz in which the
reduced pictures are kept between runs. Nothing is learned or chosen from the quarters kept aside.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from core.errors import ScanError
from core.gate.orientation import (
    SMALL as SMALL_RECIPE,
    SURE,
    WEIGHTS_FILE,
    combine,
    measure_edges,
    score_turns,
)
from core.imaging import Recipe, prepare
from core.manifests import Kind, describe_folder
from core.scans import read_scan, to_gray
from core.synthetic import render_phantom
from core.system import map_parallel, write_whole

SETS: dict[str, Kind] = {"phe-sich": "phe-sich", "rsna-2019": "rsna", "teknofest-ischemia": "teknofest"}
HOME = "brain-stroke-ct"
# Larger than what the network sees, so that it can be turned and moved without loss.
_LARGE = Recipe(size=64, channels="gray", framing="head", intensity="tissue")
_N_PHANTOMS, _LOWEST, _HIGHEST = 400, 0.3, 0.85
_N_COPIES, _N_NETS, _N_HIDDEN, _EPOCHS, _BATCH = 8, 2, 48, 10, 256


@dataclass(frozen=True)
class Pictures:
    """Slices that lie upright: where each is from, large for training and small in its four positions."""

    source: np.ndarray
    study: np.ndarray
    kept: np.ndarray
    large: np.ndarray
    small: np.ndarray

    def select(self, which: np.ndarray) -> Pictures:
        """Return some of the slices."""
        return Pictures(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def list_slices(folder: Path) -> Iterator[tuple[str, str, bool, Path, int]]:
    """Yield source, study, whether it is kept aside, path, and degrees clockwise that turn it upright."""
    for path in sorted((folder / HOME).glob("*/*.jpg")):
        yield HOME, path.name.split(" (")[0], False, path, 0
    for source, kind in SETS.items():
        for line in describe_folder(kind, folder / source).lines:
            path = folder / source / line["file"]
            study = line.get("patient") or path.stem
            yield source, study, bool(line.get("part")), path, int(line.get("rotate") or 0)


def read_pictures(folder: Path) -> Pictures:
    """Read every slice that is not blank."""

    def read(one: tuple[str, str, bool, Path, int]) -> tuple[np.ndarray, np.ndarray] | None:
        *_, path, clockwise = one
        try:
            scan = read_scan(path)
        except ScanError:
            return None
        pixels = scan.slices[0].pixels
        gray = np.rot90(to_gray(pixels, scan.unit), -clockwise // 90)
        turned = [np.ascontiguousarray(np.rot90(gray, quarter)) for quarter in range(4)]
        return as_bytes(prepare(turned[0], _LARGE)), np.stack(
            [as_bytes(prepare(one, SMALL_RECIPE)) for one in turned]
        )

    slices = list(list_slices(folder))
    found = [(one, got) for one, got in zip(slices, map_parallel(read, slices), strict=True) if got]
    columns = list(zip(*(one[:3] for one, _ in found), strict=True))
    large, small = zip(*(got for _, got in found), strict=True)
    source, study, kept = (np.array(column) for column in columns)
    return Pictures(source, study, kept, np.stack(large), np.stack(small))


def render_pictures() -> Pictures:
    """Return synthetic slices, so that those of the program are turned, too."""
    draws = np.random.default_rng(0)
    places = np.linspace(_LOWEST, _HIGHEST, _N_PHANTOMS)
    drawn = [render_phantom(draws, lesion=bool(draws.integers(2)), position=place).pixels for place in places]
    large = np.stack([as_bytes(prepare(pixels, _LARGE)) for pixels in drawn])
    names = np.full(_N_PHANTOMS, "synthetic")
    return Pictures(
        names, names, np.zeros(_N_PHANTOMS, bool), large, np.zeros((_N_PHANTOMS, 4, 32, 32), np.uint8)
    )


def join(*parts: Pictures) -> Pictures:
    """Return the slices of several."""
    names = Pictures.__dataclass_fields__
    return Pictures(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Return a prepared gray image as uint8, without loss."""
    return np.rint(image[..., 0] * 255).astype(np.uint8)


def vary(images: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
    """Return (n, 32, 32) pictures, each tilted, moved, mirrored, of other contrast, noisy."""
    n = len(images)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(n, *shape, generator=draws) * 2 - 1

    angle, scale, mirror = draw() * np.radians(25), 1 + 0.15 * draw(), torch.sign(draw())
    sine, cosine = scale * torch.sin(angle), scale * torch.cos(angle)
    moved = 0.1 * draw(2)
    rows = torch.stack([cosine * mirror, -sine, moved[:, 0], sine * mirror, cosine, moved[:, 1]], dim=1)
    grid = functional.affine_grid(rows.reshape(n, 2, 3), [n, 1, 32, 32], align_corners=False)
    seen = functional.grid_sample(images[:, None], grid, align_corners=False)[:, 0]
    gain, offset = torch.exp(0.5 * draw(1, 1)), 0.12 * draw(1, 1)
    seen = torch.where(seen > 0.02, ((seen - 0.5) * gain + 0.5 + offset).clamp(0, 1), seen)
    noise = torch.randn(seen.shape, generator=draws) * 0.03 * draw(1, 1).abs()
    return (seen + noise).clamp(0, 1)


def measure_positions(images: np.ndarray) -> torch.Tensor:
    """Return the (n, 4, 768) features of (n, 32, 32) pictures in their four positions."""
    parts = [measure_edges(some) for some in np.array_split(images, max(1, len(images) // 512))]
    positions = [np.concatenate(parts)]
    for _ in range(3):
        positions.append(turn_features(positions[-1]))
    return torch.from_numpy(np.stack(positions, axis=1))


def turn_features(features: np.ndarray) -> np.ndarray:
    """Return the (n, 768) features of pictures after a quarter turn: cells and directions change places."""
    rises, grays = features[:, :-256].reshape(-1, 8, 8, 8), features[:, -256:].reshape(-1, 16, 16)
    rises = np.roll(np.rot90(rises, 1, (2, 3)), -2, axis=1)
    grays = np.rot90(grays, 1, (1, 2))
    return np.concatenate([rises.reshape(len(rises), -1), grays.reshape(len(grays), -1)], axis=1)


def fit(pictures: Pictures, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the weights of the networks, side by side as one, learned from upright slices."""
    draws = torch.Generator().manual_seed(seed)
    large = torch.from_numpy(pictures.large.astype(np.float32) / 255)
    features = torch.cat([measure_positions(vary(large, draws).numpy()) for _ in range(_N_COPIES)])
    mean, scale = features.mean(dim=(0, 1)), features.std(dim=(0, 1)) + 0.02
    features = (features - mean) / scale
    # A source counts as the square root of its slices.
    _, of_source, counts = np.unique(pictures.source, return_inverse=True, return_counts=True)
    weights = torch.from_numpy(np.tile(1 / np.sqrt(counts[of_source]), _N_COPIES))
    nets = [fit_net(features, weights, seed + number) for number in range(_N_NETS)]
    inner = torch.cat([net.get_parameter("0.weight") for net in nets]).T / scale[:, None]
    offsets = torch.cat([net.get_parameter("0.bias") for net in nets]) - mean @ inner
    outer = torch.cat([net.get_parameter("2.weight")[0] for net in nets]) / _N_NETS
    return {
        name: value.detach().numpy().astype(np.float16)
        for name, value in (("inner", inner), ("offsets", offsets), ("outer", outer))
    }


def fit_net(features: torch.Tensor, weights: torch.Tensor, seed: int) -> torch.nn.Sequential:
    """Return a network with one hidden layer that gives the upright position the highest of four scores."""
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(seed)
    n_features, n_steps = features.shape[2], _EPOCHS * len(features) // _BATCH
    net = torch.nn.Sequential(
        torch.nn.Linear(n_features, _N_HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_N_HIDDEN, 1)
    )
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.003, n_steps)
    chosen = torch.multinomial(weights, n_steps * _BATCH, replacement=True, generator=draws)
    upright = torch.zeros(_BATCH, dtype=torch.long)
    for batch in chosen.reshape(n_steps, _BATCH):
        left = torch.rand(_BATCH, 1, n_features, generator=draws) > 0.2
        loss = functional.cross_entropy(net(features[batch] * left / 0.8)[..., 0], upright)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


def measure(pictures: Pictures, weights: dict[str, np.ndarray]) -> dict[str, int]:
    """Return how many slices and studies, in four positions each, are turned rightly, wrongly, or left."""
    inner, offsets, outer = (weights[name].astype(np.float32) for name in ("inner", "offsets", "outer"))
    scores = np.array(
        [
            [score_turns(one.astype(np.float32) / 255, (inner, offsets, outer)) for one in positions]
            for positions in pictures.small
        ]
    )
    studies = [scores[pictures.study == study] for study in np.unique(pictures.study)]
    counts: dict[str, int] = {}
    for kind, groups in (("slices", scores[:, None]), ("studies", studies)):
        turnings = [(combine(group[:, quarter]), quarter) for group in groups for quarter in range(4)]
        sure = [turning.degrees == -quarter % 4 * 90 for turning, quarter in turnings if turning.is_sure]
        counts |= {
            kind: len(turnings),
            f"{kind}_right": sum(sure),
            f"{kind}_wrong": len(sure) - sum(sure),
            f"{kind}_left": len(turnings) - len(sure),
        }
    return counts


def make(pictures: Pictures) -> dict[str, Any]:
    """Return the weights learned from all sources, with figures: each source left out, and kept quarters."""
    developed, phantoms = pictures.select(~pictures.kept), render_pictures()
    weights = fit(join(developed, phantoms))
    figures: dict[str, Any] = {"sure": SURE, "left_out": {}, "kept": {}}
    for source in np.unique(pictures.source):
        own = developed.source == source
        figures["left_out"][source] = measure(
            developed.select(own), fit(join(developed.select(~own), phantoms))
        )
        print(source, "left out:", figures["left_out"][source], flush=True)
    for source in np.unique(pictures.source[pictures.kept]):
        of_source = pictures.kept & (pictures.source == source)
        figures["kept"][source] = measure(pictures.select(of_source), weights)
        print(source, "kept aside:", figures["kept"][source], flush=True)
    return {**weights, "figures": np.frombuffer(json.dumps(figures).encode(), np.uint8)}


if __name__ == "__main__":
    cache = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if cache and cache.is_file():
        with np.load(cache) as file:
            read = Pictures(**dict(file))
    else:
        read = read_pictures(Path(sys.argv[1]))
        if cache:
            np.savez(cache, **vars(read))
    stream = io.BytesIO()
    np.savez_compressed(stream, **make(read))
    write_whole(WEIGHTS_FILE, stream.getvalue())
