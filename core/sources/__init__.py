"""An experiment source by source: thresholds, outcomes, sources left out of training, earlier versions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
