from .flags import (
    Flags as Flags,
    count_flags as count_flags,
)
from .notes import (
    describe_earlier as describe_earlier,
    describe_patients as describe_patients,
)
from .record import (
    make_record as make_record,
)
from .run import (
    choose_labels as choose_labels,
    read_development as read_development,
    run_validation as run_validation,
)
from .site import (
    SiteCalibration as SiteCalibration,
    delete_site as delete_site,
    list_sites as list_sites,
    open_site as open_site,
)
from .site_fit import (
    fit_site as fit_site,
)
from .small_classes import (
    MIN_SLICES as MIN_SLICES,
)
from .store import (
    Validation as Validation,
    check_validation_name as check_validation_name,
    delete_validation as delete_validation,
    list_damaged as list_damaged,
    list_validations as list_validations,
    open_validation as open_validation,
)
from .trial import (
    read_trial as read_trial,
    try_calibration as try_calibration,
)
from .unlabeled import (
    make_domain_record as make_domain_record,
)
