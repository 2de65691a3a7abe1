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
from .robustness import (
    measure_robustness as measure_robustness,
)
from .serving_window import (
    compare_windows as compare_windows,
)
from .slice_properties import (
    measure_properties as measure_properties,
)
from .verification import (
    TOLERANCE as TOLERANCE,
    verify_experiment as verify_experiment,
)
