from .document import (
    ModelCard as ModelCard,
)
from .document import (
    Section as Section,
)
from .document import (
    draw_model_card as draw_model_card,
)
from .markdown import (
    tell as tell,
)
from .readme_table import (
    draw_figures as draw_figures,
)
from .readme_table import (
    replace_figures as replace_figures,
)
