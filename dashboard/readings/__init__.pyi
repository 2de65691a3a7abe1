from . import packing as packing
from . import pictures as pictures
from . import samples as samples
from . import session as session
from .pictures import (
    Small as Small,
)
from .pictures import (
    find_pictures as find_pictures,
)
from .pictures import (
    read_file as read_file,
)
from .reading import (
    Reading as Reading,
)
from .reading import (
    Step as Step,
)
from .reading import (
    group_uploads as group_uploads,
)
from .reading import (
    key_of as key_of,
)
from .references import (
    Reference as Reference,
)
from .threads import (
    BackgroundReading as BackgroundReading,
)
from .uploads import (
    Upload as Upload,
)
from .uploads import (
    received as received,
)
from .uploads import (
    tell_apart as tell_apart,
)
