from .augmentation import (
    Augmentation as Augmentation,
    augment_many as augment_many,
)
from .heat_maps import (
    MAGMA as MAGMA,
    overlay_heat as overlay_heat,
    render_color_bar as render_color_bar,
    to_gray as to_gray,
)
from .perceptual_hashes import (
    HASH_BITS as HASH_BITS,
    count_differing_bits as count_differing_bits,
    hash_picture as hash_picture,
)
from .perturbations import (
    PERTURBATIONS as PERTURBATIONS,
    UNCHANGED as UNCHANGED,
    Perturbation as Perturbation,
    perturb as perturb,
)
from .pictures import (
    PICTURE_SIZE as PICTURE_SIZE,
    cut_picture as cut_picture,
    show_picture as show_picture,
)
from .preprocessing import (
    AIR as AIR,
    BONE as BONE,
    Recipe as Recipe,
    find_head as find_head,
    prepare as prepare,
    prepare_frame as prepare_frame,
    prepare_many as prepare_many,
    to_frame as to_frame,
    trim_margins as trim_margins,
)
