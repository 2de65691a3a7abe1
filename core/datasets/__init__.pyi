from . import dataset as dataset
from .as_manifest import (
    describe_class_folders as describe_class_folders,
)
from .class_folders import (
    find_class_folders as find_class_folders,
    list_files as list_files,
    walk_files as walk_files,
)
from .dataset import (
    DATASET_VARIABLE as DATASET_VARIABLE,
    KNOWN_DATASET as KNOWN_DATASET,
    download as download,
    find_dataset as find_dataset,
    index_dataset as index_dataset,
)
from .decoded import (
    DecodedScans as DecodedScans,
)
from .masks import (
    read_mask as read_mask,
)
from .places import (
    locate_slices as locate_slices,
    read_pixels as read_pixels,
    read_slice as read_slice,
)
from .slices import (
    HEMORRHAGE as HEMORRHAGE,
    NOTE as NOTE,
    Dataset as Dataset,
    Labels as Labels,
    Progress as Progress,
)
from .splits import (
    SPLITS as SPLITS,
    Fold as Fold,
    Split as Split,
    make_folds as make_folds,
)
from .uploads import (
    UploadedSet as UploadedSet,
    unpack_dataset as unpack_dataset,
)
