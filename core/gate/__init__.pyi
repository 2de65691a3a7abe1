from .appearance import (
    GateFinding as GateFinding,
)
from .appearance import (
    is_brain_visible as is_brain_visible,
)
from .appearance import (
    judge as judge,
)
from .appearance import (
    judge_size as judge_size,
)
from .appearance import (
    weigh_familiarity as weigh_familiarity,
)
from .familiarity import (
    FILE as FILE,
)
from .familiarity import (
    Familiarity as Familiarity,
)
from .familiarity import (
    fit_familiarity as fit_familiarity,
)
from .familiarity import (
    hash_image as hash_image,
)
from .familiarity import (
    pack_familiarity as pack_familiarity,
)
from .familiarity import (
    part_of_fold as part_of_fold,
)
from .familiarity import (
    unpack_familiarity as unpack_familiarity,
)
