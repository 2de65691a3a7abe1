from .architecture import (
    ARCHITECTURES as ARCHITECTURES,
)
from .architecture import (
    SCHEDULE as SCHEDULE,
)
from .architecture import (
    Architecture as Architecture,
)
from .architecture import (
    architecture_of as architecture_of,
)
from .architecture import (
    get_architecture as get_architecture,
)
from .contract import (
    CNN as CNN,
)
from .contract import (
    build_cnn as build_cnn,
)
from .onnx_model import (
    BATCH_SIZE as BATCH_SIZE,
)
from .onnx_model import (
    Served as Served,
)
from .onnx_model import (
    ServedModel as ServedModel,
)
