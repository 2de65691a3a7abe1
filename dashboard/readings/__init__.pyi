from . import packing as packing, pictures as pictures, samples as samples, session as session
from .pictures import (
    CaseReading as CaseReading,
    Pictures as Pictures,
    Thumbnail as Thumbnail,
    find_picture_folder as find_picture_folder,
    read_file as read_file,
)
from .reading import (
    Reading as Reading,
    Step as Step,
    group_uploads as group_uploads,
    hash_group as hash_group,
)
from .references import (
    Reference as Reference,
)
from .threads import (
    BackgroundReading as BackgroundReading,
)
from .uploads import (
    Upload as Upload,
    list_uploads as list_uploads,
    number_duplicates as number_duplicates,
    rename_duplicates as rename_duplicates,
)
