from .calibration import (
    Recalibration as Recalibration,
    logit as logit,
)
from .comparison import (
    compare_models as compare_models,
)
from .conditions import (
    HEAD_REGIONS as HEAD_REGIONS,
    complete_record as complete_record,
    list_columns as list_columns,
    robustness_of as robustness_of,
    subgroups_of as subgroups_of,
)
from .curves import (
    PrCurve as PrCurve,
    RocCurve as RocCurve,
    auroc as auroc,
    pr_curve as pr_curve,
    roc_curve as roc_curve,
)
from .intervals import (
    Bootstrap as Bootstrap,
    Interval as Interval,
    clopper_pearson as clopper_pearson,
    percentile_interval as percentile_interval,
    resample as resample,
    with_interval as with_interval,
)
from .levels import (
    LEVELS as LEVELS,
    Rows as Rows,
    measure_ranking as measure_ranking,
    select_rows as select_rows,
)
from .measures import (
    Measure as Measure,
    list_keys as list_keys,
    list_measures as list_measures,
)
from .metrics import (
    CELLS as CELLS,
    SET_ASIDE as SET_ASIDE,
    WRONG_CELLS as WRONG_CELLS,
    Bools as Bools,
    name_cells as name_cells,
)
from .operating_points import (
    DEFAULT_RULE as DEFAULT_RULE,
    RULES as RULES,
    Rule as Rule,
    choose_operating_points as choose_operating_points,
    operating_points_of as operating_points_of,
    review_bands_of as review_bands_of,
    validation_scores as validation_scores,
)
from .patients import (
    PATIENT_SCORE as PATIENT_SCORE,
    patient_level as patient_level,
    patient_names as patient_names,
)
from .points import (
    measure_point as measure_point,
    rate_statistic as rate_statistic,
)
from .recalibration import (
    fit_calibrations as fit_calibrations,
    recalibrate as recalibrate,
    served_recalibration as served_recalibration,
)
from .review import (
    MAX_SHARE as MAX_SHARE,
    Band as Band,
    choose_band as choose_band,
    in_band as in_band,
)
from .statistics import (
    ranking_statistic as ranking_statistic,
)
from .summary import (
    evaluate_experiment as evaluate_experiment,
)
