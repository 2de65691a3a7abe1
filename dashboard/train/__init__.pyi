from .finished import (
    show_finished as show_finished,
)
from .plan import (
    show_plan as show_plan,
)
from .runs import (
    show_runs as show_runs,
)
