from . import cases as cases
from .annotations.entries import (
    TAGS as TAGS,
)
from .annotations.entries import (
    Case as Case,
)
from .annotations.entries import (
    Entry as Entry,
)
from .annotations.store import (
    Annotations as Annotations,
)
from .annotations.store import (
    Imported as Imported,
)
from .cases import (
    AGREEMENTS as AGREEMENTS,
)
from .cases import (
    OUTCOMES as OUTCOMES,
)
from .cases import (
    SORTS as SORTS,
)
from .cases import (
    UNTAGGED as UNTAGGED,
)
from .cases import (
    find_patients as find_patients,
)
from .cases import (
    list_cases as list_cases,
)
from .cases import (
    sort as sort,
)
from .cases import (
    write_rows as write_rows,
)
from .quiz import (
    N_CASES as N_CASES,
)
from .quiz import (
    Score as Score,
)
from .quiz import (
    deal_cases as deal_cases,
)
from .quiz import (
    score_answers as score_answers,
)
from .suspects import (
    find_suspects as find_suspects,
)
