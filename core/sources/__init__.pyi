from .left_out import (
    measure_left_out as measure_left_out,
)
from .outcomes import (
    OutcomeCount as OutcomeCount,
    count_outcomes as count_outcomes,
)
from .source_thresholds import (
    HOME as HOME,
    SLICE_SHARE as SLICE_SHARE,
    UNNAMED as UNNAMED,
    explain_study_band as explain_study_band,
    set_thresholds as set_thresholds,
)
from .versions import (
    describe_version as describe_version,
    list_versions as list_versions,
    succeed_experiment as succeed_experiment,
)
