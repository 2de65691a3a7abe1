from . import case_links as case_links
from . import charts as charts
from . import components as components
from . import datasets as datasets
from . import figures as figures
from . import loaders as loaders
from . import mark_charts as mark_charts
from . import overlays as overlays
from . import page_scripts as page_scripts
from . import records as records
from . import state as state
from .case_links import (
    SCORE_PLOT as SCORE_PLOT,
)
from .case_links import (
    ask_for as ask_for,
)
from .case_links import (
    list_filters as list_filters,
)
from .charts import (
    CONFIG as CONFIG,
)
from .charts import (
    MARGIN as MARGIN,
)
from .charts import (
    compose as compose,
)
from .charts import (
    fade as fade,
)
from .charts import (
    shorten as shorten,
)
from .charts import (
    write_title as write_title,
)
from .components import (
    DISCLAIMER as DISCLAIMER,
)
from .components import (
    SIGNS as SIGNS,
)
from .datasets import (
    Progress as Progress,
)
from .datasets import (
    remember as remember,
)
from .mark_charts import (
    Mark as Mark,
)
from .overlays import (
    ScaleRow as ScaleRow,
)
from .overlays import (
    to_thumbnail as to_thumbnail,
)
from .palette import (
    DASHES as DASHES,
)
from .palette import (
    MARKERS as MARKERS,
)
from .palette import (
    WORDS as WORDS,
)
from .palette import (
    Palette as Palette,
)
from .palette import (
    write_percent as write_percent,
)
from .records import (
    Scene as Scene,
)
