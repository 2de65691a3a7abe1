"""Read a Scan with the networks of an experiment: findings, verdicts, conclusions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
