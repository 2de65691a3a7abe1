from . import formats as formats
from .formats import (
    RASTER_NAMES as RASTER_NAMES,
    identify as identify,
)
from .intake import (
    iterate_study as iterate_study,
    read_scan as read_scan,
    read_study as read_study,
)
from .raster import (
    COLORED as COLORED,
)
from .scan import (
    OTHER_PART as OTHER_PART,
    Marks as Marks,
    Refused as Refused,
    Scan as Scan,
    Slice as Slice,
    Study as Study,
    Technical as Technical,
    Unit as Unit,
)
from .windows import (
    LEARNED as LEARNED,
    WINDOWS as WINDOWS,
    Window as Window,
    window_hu as window_hu,
)
