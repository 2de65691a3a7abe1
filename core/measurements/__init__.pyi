from .feature_space import (
    FEATURES_TABLE as FEATURES_TABLE,
    find_copies as find_copies,
    find_neighbours as find_neighbours,
    measure_features as measure_features,
    store_features as store_features,
)
from .gate_figures import (
    GATE_TABLE as GATE_TABLE,
    KINDS as KINDS,
    OUTCOMES as OUTCOMES,
    compute_shares as compute_shares,
    measure_gate as measure_gate,
    store_gate as store_gate,
)
from .gate_images import (
    open_images as open_images,
)
from .gate_learning import (
    learn_gate as learn_gate,
)
from .localisation import (
    LOCALISATION_TABLE as LOCALISATION_TABLE,
    MEASURES as MEASURES,
    measure_localisation as measure_localisation,
    store_localisation as store_localisation,
)
from .robustness import (
    measure_robustness as measure_robustness,
)
from .seeds import (
    LOOKING as LOOKING,
    RESULTS as RESULTS,
    SEEDS_TABLE as SEEDS_TABLE,
    SHORTCUT as SHORTCUT,
    gather_seeds as gather_seeds,
    store_seeds as store_seeds,
    summarise_seeds as summarise_seeds,
)
from .serving_window import (
    compare_windows as compare_windows,
)
from .shortcut import (
    CONTROLS as CONTROLS,
    LIMIT as LIMIT,
    SHORTCUT_TABLE as SHORTCUT_TABLE,
    count_controls as count_controls,
    measure_shortcut as measure_shortcut,
    store_shortcut as store_shortcut,
)
from .slice_properties import (
    measure_properties as measure_properties,
    store_properties as store_properties,
)
from .unseen_slices import (
    gather_figure as gather_figure,
    group_rows as group_rows,
    iterate_rows as iterate_rows,
)
from .verification import (
    TOLERANCE as TOLERANCE,
    check_dataset as check_dataset,
    verify_experiment as verify_experiment,
)
