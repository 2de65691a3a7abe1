"""Read uploaded files (pictures, DICOM, NIfTI, zip archives) as `Scan`s."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
