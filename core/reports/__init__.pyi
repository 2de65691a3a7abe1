from . import exports as exports, words as words
from .exports import (
    remove_names as remove_names,
    remove_refused_names as remove_refused_names,
)
from .pdf import (
    ScanReport as ScanReport,
)
from .tables import (
    OVERRIDE_NOTE as OVERRIDE_NOTE,
    find_most_suspicious as find_most_suspicious,
    highest_probability as highest_probability,
    predict_record as predict_record,
)
from .words import (
    choose_report_slices as choose_report_slices,
    explain_no_verdict as explain_no_verdict,
)
