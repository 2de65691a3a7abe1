from .experiment_zip import (
    export_experiment as export_experiment,
)
from .experiment_zip import (
    has_native_weights as has_native_weights,
)
from .experiment_zip import (
    import_experiment as import_experiment,
)
