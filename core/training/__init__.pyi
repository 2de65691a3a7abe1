from .card import (
    describe_results as describe_results,
)
from .duration import (
    estimate_duration as estimate_duration,
)
from .images import (
    prepare_data as prepare_data,
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
    train_frameworks as train_frameworks,
    write_plan as write_plan,
)
from .state import (
    OnProgress as OnProgress,
    hold_slot as hold_slot,
    record_job as record_job,
    report_stages as report_stages,
    trainings_folder as trainings_folder,
    work_folder as work_folder,
)
from .training_data import (
    maps_folder as maps_folder,
)
