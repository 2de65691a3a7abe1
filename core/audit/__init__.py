"""Audit data sets without a model: copies, known pictures, labels, sources, and the leakage of a split."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
