"""Export and import of experiments as zip files, with a smoke check of their networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
