from .architecture import (
    ARCHITECTURES as ARCHITECTURES,
    SCHEDULE as SCHEDULE,
    Architecture as Architecture,
    architecture_of as architecture_of,
    get_architecture as get_architecture,
)
from .contract import (
    CNN as CNN,
    build_cnn as build_cnn,
)
from .onnx_model import (
    BATCH_SIZE as BATCH_SIZE,
    Served as Served,
    ServedModel as ServedModel,
)
