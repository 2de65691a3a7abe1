from .appearance import (
    GateFinding as GateFinding,
    is_brain_visible as is_brain_visible,
    judge as judge,
)
from .familiarity import (
    FAMILIARITY_FILE as FAMILIARITY_FILE,
    HELD_OUT_BEYOND_LIMIT as HELD_OUT_BEYOND_LIMIT,
    Familiarity as Familiarity,
    fit_familiarity as fit_familiarity,
    hash_image as hash_image,
    pack_familiarity as pack_familiarity,
    select_fold_features as select_fold_features,
    unpack_familiarity as unpack_familiarity,
)
from .head_ct import (
    CLEARLY_UNLIKE as CLEARLY_UNLIKE,
    UNLIKE as UNLIKE,
    HeadCt as HeadCt,
    judge_features as judge_features,
)
from .hounsfield import (
    judge_hu as judge_hu,
)
from .orientation import (
    turn_upright as turn_upright,
)
from .version import (
    digest_gate as digest_gate,
)
