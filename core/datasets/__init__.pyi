from . import dataset as dataset
from .audit import (
    NEAR_DUPLICATE_BITS as NEAR_DUPLICATE_BITS,
    Audit as Audit,
    audit_dataset as audit_dataset,
    audit_split as audit_split,
)
from .class_folders import (
    find_class_folders as find_class_folders,
    list_files as list_files,
    walk_files as walk_files,
)
from .dataset import (
    DATASET_VARIABLE as DATASET_VARIABLE,
    KNOWN_DATASET as KNOWN_DATASET,
    Dataset as Dataset,
    Labels as Labels,
    Progress as Progress,
    download as download,
    find_dataset as find_dataset,
    index_dataset as index_dataset,
    read_pixels as read_pixels,
)
from .examples import (
    LabelExamples as LabelExamples,
    SharedPair as SharedPair,
    sample_label_examples as sample_label_examples,
    sample_shared_pairs as sample_shared_pairs,
    select_copies as select_copies,
    tabulate_split as tabulate_split,
)
from .leakage import (
    Control as Control,
    conclude as conclude,
    run_control as run_control,
)
from .nearest_neighbour import (
    Estimate as Estimate,
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
