from .augmentation import (
    Augmentation as Augmentation,
    augment_many as augment_many,
    move_masks as move_masks,
)
from .cells import (
    mark_beyond as mark_beyond,
    mark_cells as mark_cells,
)
from .covering import (
    cover_lesion as cover_lesion,
    find_axis as find_axis,
)
from .heat_maps import (
    HEAT_WORDS as HEAT_WORDS,
    MAGMA as MAGMA,
    SCALE_MARKS as SCALE_MARKS,
    measure_strength as measure_strength,
    overlay_heat as overlay_heat,
    render_color_bar as render_color_bar,
    scale_heat as scale_heat,
    stretch_heat as stretch_heat,
    to_gray as to_gray,
)
from .intensity import (
    AIR as AIR,
    BONE as BONE,
    find_interior as find_interior,
)
from .outlines import (
    divide_into_cells as divide_into_cells,
    frame_outline as frame_outline,
)
from .perceptual_hashes import (
    HASH_BITS as HASH_BITS,
    count_differing_bits as count_differing_bits,
    hash_picture as hash_picture,
    turn_hashes as turn_hashes,
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
    Recipe as Recipe,
    find_head as find_head,
    prepare as prepare,
    prepare_frame as prepare_frame,
    prepare_many as prepare_many,
    to_frame as to_frame,
    trim_margins as trim_margins,
)
