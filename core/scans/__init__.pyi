from . import formats as formats
from .decoding import (
    MIN_SIDE_PX as MIN_SIDE_PX,
)
from .formats import (
    RASTER_NAMES as RASTER_NAMES,
)
from .formats import (
    identify as identify,
)
from .intake import (
    MAX_FILE_BYTES as MAX_FILE_BYTES,
)
from .intake import (
    check_file_size as check_file_size,
)
from .intake import (
    iterate_study as iterate_study,
)
from .intake import (
    read_scan as read_scan,
)
from .intake import (
    read_scan_file as read_scan_file,
)
from .intake import (
    read_study as read_study,
)
from .raster import (
    COLOURED as COLOURED,
)
from .scan import (
    OTHER_PART as OTHER_PART,
)
from .scan import (
    Marks as Marks,
)
from .scan import (
    Refused as Refused,
)
from .scan import (
    Scan as Scan,
)
from .scan import (
    Slice as Slice,
)
from .scan import (
    Study as Study,
)
from .scan import (
    Technical as Technical,
)
from .scan import (
    Unit as Unit,
)
from .windows import (
    LEARNED as LEARNED,
)
from .windows import (
    WINDOWS as WINDOWS,
)
from .windows import (
    Window as Window,
)
from .windows import (
    window_hu as window_hu,
)
