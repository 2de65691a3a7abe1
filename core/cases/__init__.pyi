from . import cases as cases
from .annotations.entries import (
    TAGS as TAGS,
    Case as Case,
    Entry as Entry,
)
from .annotations.store import (
    Annotations as Annotations,
    Imported as Imported,
)
from .cases import (
    AGREEMENTS as AGREEMENTS,
    OUTCOMES as OUTCOMES,
    SORTS as SORTS,
    UNTAGGED as UNTAGGED,
    find_patients as find_patients,
    format_rows as format_rows,
    list_cases as list_cases,
    sort_cases as sort_cases,
)
from .quiz import (
    N_CASES as N_CASES,
    Score as Score,
    sample_cases as sample_cases,
    score_answers as score_answers,
)
from .suspects import (
    find_suspects as find_suspects,
)
