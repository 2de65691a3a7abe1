from .decision import (
    CARD as CARD,
    Site as Site,
    check_site as check_site,
)
from .findings import (
    Findings as Findings,
    ModelFinding as ModelFinding,
    PanelFindings as PanelFindings,
    Refusal as Refusal,
    SliceFinding as SliceFinding,
)
from .held_out import (
    HeldOutReader as HeldOutReader,
)
from .outcome import (
    OUTCOMES as OUTCOMES,
    Outcome as Outcome,
    combine_outcomes as combine_outcomes,
    decide as decide,
    name_outcome as name_outcome,
    needs_review as needs_review,
)
from .paths import (
    group_refusals as group_refusals,
    join_names as join_names,
    list_files as list_files,
    read_paths as read_paths,
)
from .reader import (
    COPY as COPY,
    Reader as Reader,
    read_together as read_together,
)
from .redecision import (
    apply_operating_points as apply_operating_points,
)
from .verdict import (
    RULE as RULE,
    make_study_rules as make_study_rules,
)
