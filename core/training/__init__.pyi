from .card import (
    describe_results as describe_results,
)
from .duration import (
    estimate_duration as estimate_duration,
)
from .jobs import (
    Job as Job,
)
from .jobs import (
    list_jobs as list_jobs,
)
from .protocol import (
    STRENGTHS as STRENGTHS,
)
from .protocol import (
    Protocol as Protocol,
)
from .queue import (
    cancel_job as cancel_job,
)
from .queue import (
    discard_job as discard_job,
)
from .queue import (
    ensure_runner as ensure_runner,
)
from .queue import (
    move_up as move_up,
)
from .queue import (
    resume_job as resume_job,
)
from .queue import (
    start_training as start_training,
)
from .run import (
    train_experiment as train_experiment,
)
from .state import (
    OnProgress as OnProgress,
)
from .state import (
    trainings_folder as trainings_folder,
)
from .state import (
    work_folder as work_folder,
)
