from .audit import (
    audit_dataset as audit_dataset,
    audit_split as audit_split,
)
from .datasets import (
    Dataset as Dataset,
    find_dataset as find_dataset,
    index_dataset as index_dataset,
    make_folds as make_folds,
)
from .errors import (
    DatasetError as DatasetError,
    EvaluationError as EvaluationError,
    ExperimentError as ExperimentError,
    MissingExtraError as MissingExtraError,
    ParityError as ParityError,
    ScanError as ScanError,
    StrokeError as StrokeError,
    TrainingError as TrainingError,
)
from .evaluation import (
    evaluate_experiment as evaluate_experiment,
)
from .experiments import (
    Experiment as Experiment,
    list_experiments as list_experiments,
    open_experiment as open_experiment,
)
from .imaging import (
    Recipe as Recipe,
    prepare as prepare,
    prepare_many as prepare_many,
)
from .reading import (
    Findings as Findings,
    Reader as Reader,
    Refusal as Refusal,
    read_paths as read_paths,
)
from .scans import (
    Refused as Refused,
    Scan as Scan,
    Study as Study,
    read_scan as read_scan,
    read_study as read_study,
)
