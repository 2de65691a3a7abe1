"""Access to the machine: files, folders, processes, threads, zip archives, and safe text output."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
