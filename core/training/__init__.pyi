from .card import (
    describe_results as describe_results,
)
from .duration import (
    estimate_duration as estimate_duration,
)
from .jobs import (
    Job as Job,
    list_jobs as list_jobs,
)
from .protocol import (
    STRENGTHS as STRENGTHS,
    Protocol as Protocol,
)
from .queue import (
    cancel_job as cancel_job,
    discard_job as discard_job,
    ensure_runner as ensure_runner,
    move_up as move_up,
    resume_job as resume_job,
    start_training as start_training,
)
from .run import (
    train_experiment as train_experiment,
)
from .state import (
    OnProgress as OnProgress,
    trainings_folder as trainings_folder,
    work_folder as work_folder,
)
