from .augmentation import (
    Augmentation as Augmentation,
)
from .augmentation import (
    augment_many as augment_many,
)
from .heat_maps import (
    MAGMA as MAGMA,
)
from .heat_maps import (
    draw_color_bar as draw_color_bar,
)
from .heat_maps import (
    lay_heat as lay_heat,
)
from .heat_maps import (
    to_gray as to_gray,
)
from .perturbations import (
    PERTURBATIONS as PERTURBATIONS,
)
from .perturbations import (
    UNCHANGED as UNCHANGED,
)
from .perturbations import (
    Perturbation as Perturbation,
)
from .perturbations import (
    perturb as perturb,
)
from .pictures import (
    PICTURE_SIZE as PICTURE_SIZE,
)
from .pictures import (
    cut_picture as cut_picture,
)
from .pictures import (
    show_picture as show_picture,
)
from .preprocessing import (
    AIR as AIR,
)
from .preprocessing import (
    BONE as BONE,
)
from .preprocessing import (
    Recipe as Recipe,
)
from .preprocessing import (
    find_head as find_head,
)
from .preprocessing import (
    prepare as prepare,
)
from .preprocessing import (
    prepare_frame as prepare_frame,
)
from .preprocessing import (
    prepare_many as prepare_many,
)
from .preprocessing import (
    to_frame as to_frame,
)
from .preprocessing import (
    trim_margins as trim_margins,
)
