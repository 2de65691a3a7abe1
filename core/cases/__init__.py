"""Out-of-sample slices one by one: cases, label errors, the quiz and people's annotations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
