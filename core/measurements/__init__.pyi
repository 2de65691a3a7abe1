from .feature_space import (
    FEATURES_TABLE as FEATURES_TABLE,
)
from .feature_space import (
    copies as copies,
)
from .feature_space import (
    measure_features as measure_features,
)
from .feature_space import (
    nearest as nearest,
)
from .feature_space import (
    store_features as store_features,
)
from .gate_figures import (
    GATE_TABLE as GATE_TABLE,
)
from .gate_figures import (
    KINDS as KINDS,
)
from .gate_figures import (
    OUTCOMES as OUTCOMES,
)
from .gate_figures import (
    draw_shares as draw_shares,
)
from .gate_figures import (
    measure_gate as measure_gate,
)
from .gate_figures import (
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
)
from .verification import (
    verify_experiment as verify_experiment,
)
