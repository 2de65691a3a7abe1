from . import packing as packing, pictures as pictures, samples as samples, session as session
from .pictures import (
    Small as Small,
    find_pictures as find_pictures,
    read_file as read_file,
)
from .reading import (
    Reading as Reading,
    Step as Step,
    group_uploads as group_uploads,
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
    received as received,
    tell_apart as tell_apart,
    tell_names_apart as tell_names_apart,
)
