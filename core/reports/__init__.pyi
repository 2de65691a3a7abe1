from . import exports as exports
from . import words as words
from .exports import (
    leave_names_out as leave_names_out,
)
from .exports import (
    leave_refused_names_out as leave_refused_names_out,
)
from .pdf import (
    ScanReport as ScanReport,
)
from .tables import (
    LET_THROUGH as LET_THROUGH,
)
from .tables import (
    highest_probability as highest_probability,
)
from .tables import (
    most_suspicious as most_suspicious,
)
from .tables import (
    predict_record as predict_record,
)
from .words import (
    slices_to_show as slices_to_show,
)
from .words import (
    tell_no_verdict as tell_no_verdict,
)
