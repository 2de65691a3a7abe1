"""Check whether a slice in Hounsfield units is of a head CT, by its numbers.

Air is near -1000 HU, soft tissue between 0 and 80 HU, and bone above 300 HU; sizes are known in mm. The
picture's margin, color and window do not matter here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.gate.appearance import NEARLY_EMPTY, NO_HEAD, GateFinding, is_brain_visible

# The object is searched on a small copy of this side in pixels.
_SIDE = 160
# Separates body from air and lung; lung is between these; bone is above.
_BODY_HU, _LUNG_HU, _BONE_HU = -300.0, (-950.0, -500.0), 300.0
# The longest head measures about 230 mm. Above the vertex, a smaller object may hold no bone.
_LARGEST_HEAD_MM, _TIP_MM = 270.0, 80.0
# A smaller or thinner object is not a head, but air, or the arc of a head holder.
_LEAST_MM, _THIN_MM = 20.0, 12.0
# Shares of the object: bone of slices through a head, and air in its sinuses and bones.
_LEAST_BONE, _MOST_LUNG = 0.01, 0.2
# Field of view where a file does not give the spacing.
_USUAL_MM = 250.0


def judge_hu(
    pixels: NDArray[np.float32], pixels_hu: NDArray, spacing_mm: tuple[float, float] | None
) -> GateFinding:
    """Decide whether a slice in Hounsfield units is of a head CT.

    Args:
        pixels: (H, W) float32 display gray in [0, 1] of the slice.
        pixels_hu: (H, W) Hounsfield units.
        spacing_mm: distance between rows and between columns; None if unknown: the size is not judged.
    """
    from scipy import ndimage

    height, width = pixels_hu.shape
    scale = max(height, width) / _SIDE
    size = (max(2, round(width / scale)), max(2, round(height / scale)))
    values = np.asarray(pixels_hu, dtype=np.float32)
    small = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))
    objects, n_objects = ndimage.label(ndimage.binary_opening(small > _BODY_HU, iterations=2))
    if n_objects == 0:
        return NO_HEAD
    largest = int(np.bincount(objects.ravel())[1:].argmax()) + 1
    rows, columns = ndimage.find_objects(objects)[largest - 1]
    row_mm, column_mm = spacing_mm or (_USUAL_MM / max(height, width),) * 2
    pixel_mm = scale * max(row_mm, column_mm)
    longest = max(
        (rows.stop - rows.start) * scale * row_mm, (columns.stop - columns.start) * scale * column_mm
    )
    head = ndimage.binary_fill_holes(objects == largest)
    thin = not ndimage.binary_erosion(head, iterations=max(1, round(_THIN_MM / 2 / pixel_mm))).any()
    if longest < _LEAST_MM or thin:
        return NO_HEAD
    refusals = []
    if spacing_mm and longest > _LARGEST_HEAD_MM:
        refusals.append(f"The object is {longest:.0f} mm across, larger than a head.")
    if (small[head] > _BONE_HU).mean() < _LEAST_BONE:
        if longest < _TIP_MM:
            return NEARLY_EMPTY
        refusals.append("No bone (above 300 HU) is visible; a head CT shows bone.")
    if ((small[head] > _LUNG_HU[0]) & (small[head] < _LUNG_HU[1])).mean() > _MOST_LUNG:
        refusals.append("The slice shows much air inside the body, like lung.")
    brain_visible = is_brain_visible(pixels)
    return GateFinding("refuse" if refusals else "read", tuple(refusals), brain_visible, odd=bool(refusals))
