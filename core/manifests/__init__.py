"""Manifests: a data set as a CSV table beside its files, read by line, or written from a layout."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
