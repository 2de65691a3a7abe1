"""Single out-of-sample slices: cases, label errors, the reading quiz and annotations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
