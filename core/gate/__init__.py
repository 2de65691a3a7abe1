"""Refuse pictures that are not head CT, and warn about those that look less like it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
