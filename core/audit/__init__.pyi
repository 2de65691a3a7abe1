from .audit import (
    NEAR_DUPLICATE_BITS as NEAR_DUPLICATE_BITS,
    Audit as Audit,
    audit_dataset as audit_dataset,
)
from .examples import (
    LabelExamples as LabelExamples,
    SharedPair as SharedPair,
    sample_label_examples as sample_label_examples,
    sample_shared_pairs as sample_shared_pairs,
    select_copies as select_copies,
    tabulate_split as tabulate_split,
)
from .known_pictures import (
    KnownPictures as KnownPictures,
    find_known_pictures as find_known_pictures,
    is_near_copy as is_near_copy,
    list_known_hashes as list_known_hashes,
)
from .leakage import (
    Control as Control,
    conclude as conclude,
    run_control as run_control,
)
from .nearest_neighbour import (
    Estimate as Estimate,
)
from .source_counts import (
    SourceCounts as SourceCounts,
    count_sources as count_sources,
)
from .split_audit import (
    audit_split as audit_split,
)
