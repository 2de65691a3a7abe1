from .findings import (
    Findings as Findings,
    Refusal as Refusal,
    SliceFinding as SliceFinding,
)
from .paths import (
    group_refusals as group_refusals,
    join_names as join_names,
    list_files as list_files,
    read_paths as read_paths,
)
from .reader import (
    Reader as Reader,
    apply_operating_points as apply_operating_points,
)
from .verdict import (
    RULE as RULE,
)
