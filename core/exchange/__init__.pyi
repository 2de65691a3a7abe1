from .experiment_zip import (
    export_experiment as export_experiment,
    has_native_weights as has_native_weights,
    import_experiment as import_experiment,
)
