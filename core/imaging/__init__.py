"""Preprocessing of slices for the networks, and pictures of them for people."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
