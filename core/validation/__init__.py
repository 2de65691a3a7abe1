"""Validate an experiment on labeled scans that its networks never met, and store the outcome with it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
