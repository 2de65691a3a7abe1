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
    INCOMPLETE as INCOMPLETE,
    OTHER_PART as OTHER_PART,
    Marks as Marks,
    Refused as Refused,
    Scan as Scan,
    Slice as Slice,
    Study as Study,
    Technical as Technical,
    Unit as Unit,
    to_gray as to_gray,
)
from .turning import (
    turn_scan as turn_scan,
    turn_slice as turn_slice,
)
from .windows import (
    LEARNED as LEARNED,
    WINDOWS as WINDOWS,
    Window as Window,
    window_hu as window_hu,
)
