from . import (
    case_dialog as case_dialog,
    filters as filters,
    gallery as gallery,
    plots as plots,
)
from .filters import (
    Choice as Choice,
)
from .subject import (
    choose_pictures as choose_pictures,
    choose_subject as choose_subject,
    explain_missing as explain_missing,
)
