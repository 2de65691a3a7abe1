from .by_source import (
    evaluate_source as evaluate_source,
    list_sources as list_sources,
    measure_group as measure_group,
    measure_sources as measure_sources,
)
from .calibration import (
    Recalibration as Recalibration,
    fit_recalibration as fit_recalibration,
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
    CONFIDENCE_LEVEL as CONFIDENCE_LEVEL,
    Bootstrap as Bootstrap,
    Interval as Interval,
    clopper_pearson as clopper_pearson,
    percentile_interval as percentile_interval,
    resample as resample,
    with_interval as with_interval,
    without_value as without_value,
)
from .levels import (
    LEVELS as LEVELS,
    Rows as Rows,
    make_empty_level as make_empty_level,
    measure_calibration as measure_calibration,
    measure_level as measure_level,
    measure_ranking as measure_ranking,
    select_rows as select_rows,
)
from .measures import (
    GROUP_FIGURES as GROUP_FIGURES,
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
    SOURCES_RULE as SOURCES_RULE,
    Rule as Rule,
    choose_operating_points as choose_operating_points,
    operating_points_of as operating_points_of,
    review_bands_of as review_bands_of,
    validation_scores as validation_scores,
)
from .patients import (
    ASSUMED_SPACING_MM as ASSUMED_SPACING_MM,
    PATIENT_SCORE as PATIENT_SCORE,
    SCORE_DETAIL as SCORE_DETAIL,
    SHARPNESS as SHARPNESS,
    SPAN_MM as SPAN_MM,
    Score as Score,
    measure_widths as measure_widths,
    patient_level as patient_level,
    patient_names as patient_names,
    score_study as score_study,
    unit_names as unit_names,
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
from .sources import (
    CONFIDENCE as CONFIDENCE,
    FEWEST_NEGATIVES as FEWEST_NEGATIVES,
    MAX_FALSE as MAX_FALSE,
    MIN_ROWS as MIN_ROWS,
    Source as Source,
    bound_sources as bound_sources,
    choose_slice_band as choose_slice_band,
    choose_study_band as choose_study_band,
    choose_threshold as choose_threshold,
    leave_each_out as leave_each_out,
    rate_source as rate_source,
)
from .statistics import (
    ranking_statistic as ranking_statistic,
)
from .summary import (
    evaluate_experiment as evaluate_experiment,
)
