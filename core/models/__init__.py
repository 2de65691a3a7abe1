"""The two networks, built from one description of their layers, and their served form (ONNX)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
