from .appearance import (
    GateFinding as GateFinding,
    is_brain_visible as is_brain_visible,
    judge as judge,
    judge_familiarity as judge_familiarity,
    judge_size as judge_size,
)
from .familiarity import (
    FAMILIARITY_FILE as FAMILIARITY_FILE,
    Familiarity as Familiarity,
    fit_familiarity as fit_familiarity,
    hash_image as hash_image,
    pack_familiarity as pack_familiarity,
    select_fold_features as select_fold_features,
    unpack_familiarity as unpack_familiarity,
)
