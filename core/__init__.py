"""Read brain CT with two convolutional networks: the public names of the library.

They are listed in `__init__.pyi` and loaded when they are first used: importing `core` loads no framework and
no other large library.
"""

import os

import lazy_loader

# ONNX Runtime would keep an identifier of this machine on the disk, and tell its maker of each use.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
