"""Tell from the name of a reconstruction kernel whether it is sharp, as for bone and lung."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Each vendor names kernels in its own way, and none publishes all. Sources: Siemens, SOMATOM Sensation
# operating instructions (B50s to B80s "for higher sharpness", U70u to U90u for bone) and T. Zhou, "Siemens CT
# Reconstruction Kernels", diagnosticradphys.com (2025); for GE, Philips and Canon the public kernel table of
# BOCARTA-MOOSE, less the names that are usual for brain (Philips UB, GE Detail); for the group of kernels,
# DICOM PS3.3 C.8.15.3.9. A name that no row matches is taken as smooth.
SHARP = tuple(
    re.compile(pattern)
    for pattern in (
        # GE, and others that use the words (Philips "Y-Sharp", United Imaging "H_VSHARP_C", Neusoft "Bone").
        r"(BONE|SHARP|EDGE|LUNG|ULTRA|INNER ?EAR|OSTEO)",
        # Siemens: region, variant and sharpness, such as B30f, H60s, J45s, Br40d, Hr68h; 40 is the standard.
        r"^([BUIDCQS][A-Z]?5|[BHUIJDCQS][A-Z]?[6-9])\d[A-Z]{0,2}(_\d+)?$",
        # Philips: A, B and C are smooth to medium, D, E and L sharper. For brain UA and UB are smooth.
        r"^(D|E|F|L|LA|LB|E[A-D]|U[CD]|Y[A-D]?|Y-DETAIL)$",
        # Canon and Toshiba: FC30-39 bone, FC50-59 lung, FC80-89 high resolution; others are smooth.
        r"^FC ?(3|5|8)\d[A-Z]?$",
        # Hitachi's numbers have no public meaning; only the words above are recognized.
    )
)

# Siemens, for the head, a step above the standard.
_MEDIUM_SHARP = re.compile(r"^[HJ][A-Z]?5\d[A-Z]{0,2}(_\d+)?$")


def is_sharp(names: Iterable[str]) -> bool:
    """Return whether any of the names is that of a sharp kernel.

    Args:
        names: values of Convolution Kernel and Convolution Kernel Group; besides the kernel's name they may
            hold the strength of its iterative part, such as "3".
    """
    return any(pattern.search(name.strip().upper()) for name in names for pattern in SHARP)


def is_medium_sharp(names: Iterable[str]) -> bool:
    """Return whether any of the names is that of a kernel between those for soft tissue and for bone."""
    return any(_MEDIUM_SHARP.search(name.strip().upper()) for name in names)
