from . import (
    case_dialog as case_dialog,
    filters as filters,
    gallery as gallery,
    plots as plots,
    source as source,
)
from .filters import (
    Choice as Choice,
)
