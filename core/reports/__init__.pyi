from . import exports as exports, words as words
from .exports import (
    remove_names as remove_names,
    remove_refused_names as remove_refused_names,
)
from .pdf import (
    ScanReport as ScanReport,
)
from .records import (
    predict_record as predict_record,
)
from .words import (
    choose_report_slices as choose_report_slices,
    describe_agreement as describe_agreement,
    describe_decider as describe_decider,
    describe_flagged_slices as describe_flagged_slices,
    describe_flags as describe_flags,
    describe_turn as describe_turn,
    describe_worth as describe_worth,
    list_gaps as list_gaps,
    list_remarks as list_remarks,
    shorten_outcome as shorten_outcome,
    title_outcome as title_outcome,
)
