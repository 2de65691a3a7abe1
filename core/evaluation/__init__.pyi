from .calibration import (
    Recalibration as Recalibration,
)
from .calibration import (
    logit as logit,
)
from .comparison import (
    compare_models as compare_models,
)
from .conditions import (
    HEAD_LEVELS as HEAD_LEVELS,
)
from .conditions import (
    complete_record as complete_record,
)
from .conditions import (
    list_columns as list_columns,
)
from .conditions import (
    robustness_of as robustness_of,
)
from .conditions import (
    subgroups_of as subgroups_of,
)
from .curves import (
    PrCurve as PrCurve,
)
from .curves import (
    RocCurve as RocCurve,
)
from .curves import (
    auroc as auroc,
)
from .curves import (
    pr_curve as pr_curve,
)
from .curves import (
    roc_curve as roc_curve,
)
from .intervals import (
    Bootstrap as Bootstrap,
)
from .intervals import (
    Interval as Interval,
)
from .intervals import (
    clopper_pearson as clopper_pearson,
)
from .intervals import (
    percentile_interval as percentile_interval,
)
from .intervals import (
    resample as resample,
)
from .intervals import (
    with_interval as with_interval,
)
from .levels import (
    LEVELS as LEVELS,
)
from .levels import (
    Rows as Rows,
)
from .levels import (
    measure_ranking as measure_ranking,
)
from .levels import (
    select_rows as select_rows,
)
from .metrics import (
    Bools as Bools,
)
from .operating_points import (
    choose_operating_points as choose_operating_points,
)
from .operating_points import (
    operating_points_of as operating_points_of,
)
from .operating_points import (
    review_bands_of as review_bands_of,
)
from .operating_points import (
    validation_scores as validation_scores,
)
from .patients import (
    PATIENT_SCORE as PATIENT_SCORE,
)
from .patients import (
    patient_level as patient_level,
)
from .patients import (
    patient_names as patient_names,
)
from .points import (
    point_and_draws as point_and_draws,
)
from .recalibration import (
    fit_calibrations as fit_calibrations,
)
from .recalibration import (
    recalibrate as recalibrate,
)
from .recalibration import (
    served_recalibration as served_recalibration,
)
from .review import (
    MAX_SHARE as MAX_SHARE,
)
from .review import (
    Band as Band,
)
from .review import (
    choose_band as choose_band,
)
from .review import (
    in_band as in_band,
)
from .statistics import (
    ranking_statistic as ranking_statistic,
)
from .statistics import (
    rate_statistic as rate_statistic,
)
from .summary import (
    evaluate_experiment as evaluate_experiment,
)
