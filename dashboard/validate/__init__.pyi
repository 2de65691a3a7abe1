from .plan import (
    show_plan as show_plan,
)
from .report import (
    show_report as show_report,
)
from .runs import (
    show_runs as show_runs,
)
from .stored import (
    choose_validation as choose_validation,
)
from .versions import (
    show_versions as show_versions,
)
