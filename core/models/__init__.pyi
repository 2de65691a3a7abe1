from .architecture import (
    SCHEDULE as SCHEDULE,
    Architecture as Architecture,
    architecture_of as architecture_of,
)
from .architectures import (
    ARCHITECTURES as ARCHITECTURES,
    get_architecture as get_architecture,
)
from .base import (
    scale as scale,
)
from .contract import (
    CNN as CNN,
    CellTargets as CellTargets,
    Inputs as Inputs,
    build_cnn as build_cnn,
)
