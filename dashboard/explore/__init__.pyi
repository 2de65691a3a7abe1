from . import case_dialog as case_dialog
from . import filters as filters
from . import gallery as gallery
from . import plots as plots
from . import source as source
from .filters import (
    Choice as Choice,
)
