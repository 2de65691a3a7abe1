from . import dataset as dataset
from .audit import (
    NEAR_DUPLICATE_BITS as NEAR_DUPLICATE_BITS,
)
from .audit import (
    Audit as Audit,
)
from .audit import (
    audit_dataset as audit_dataset,
)
from .audit import (
    audit_split as audit_split,
)
from .class_folders import (
    find_class_folders as find_class_folders,
)
from .class_folders import (
    list_files as list_files,
)
from .class_folders import (
    walk_files as walk_files,
)
from .dataset import (
    DATASET_VARIABLE as DATASET_VARIABLE,
)
from .dataset import (
    KNOWN_DATASET as KNOWN_DATASET,
)
from .dataset import (
    Dataset as Dataset,
)
from .dataset import (
    Labels as Labels,
)
from .dataset import (
    Progress as Progress,
)
from .dataset import (
    download as download,
)
from .dataset import (
    find_dataset as find_dataset,
)
from .dataset import (
    index_dataset as index_dataset,
)
from .dataset import (
    read_pixels as read_pixels,
)
from .examples import (
    LabelExamples as LabelExamples,
)
from .examples import (
    SharedPair as SharedPair,
)
from .examples import (
    deal_slices as deal_slices,
)
from .examples import (
    draw_labels as draw_labels,
)
from .examples import (
    draw_neighbours as draw_neighbours,
)
from .examples import (
    pick_copies as pick_copies,
)
from .leakage import (
    Control as Control,
)
from .leakage import (
    Estimate as Estimate,
)
from .leakage import (
    conclude as conclude,
)
from .leakage import (
    run_control as run_control,
)
from .splits import (
    SPLITS as SPLITS,
)
from .splits import (
    Fold as Fold,
)
from .splits import (
    Split as Split,
)
from .splits import (
    make_folds as make_folds,
)
from .uploads import (
    UploadedSet as UploadedSet,
)
from .uploads import (
    unpack_dataset as unpack_dataset,
)
