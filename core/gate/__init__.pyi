from .appearance import (
    GateFinding as GateFinding,
    is_brain_visible as is_brain_visible,
    judge as judge,
    judge_size as judge_size,
    weigh_familiarity as weigh_familiarity,
)
from .familiarity import (
    FAMILIARITY_FILE as FAMILIARITY_FILE,
    Familiarity as Familiarity,
    fit_familiarity as fit_familiarity,
    hash_image as hash_image,
    pack_familiarity as pack_familiarity,
    part_of_fold as part_of_fold,
    unpack_familiarity as unpack_familiarity,
)
