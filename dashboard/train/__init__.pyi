from .finished import (
    draw_finished as draw_finished,
)
from .plan import (
    draw_plan as draw_plan,
)
from .runs import (
    draw_runs as draw_runs,
)
