from . import exports as exports, words as words
from .exports import (
    remove_names as remove_names,
    remove_refused_names as remove_refused_names,
)
from .pdf import (
    ScanReport as ScanReport,
)
from .tables import (
    LET_THROUGH as LET_THROUGH,
    highest_probability as highest_probability,
    most_suspicious as most_suspicious,
    predict_record as predict_record,
)
from .words import (
    slices_to_show as slices_to_show,
    tell_no_verdict as tell_no_verdict,
)
