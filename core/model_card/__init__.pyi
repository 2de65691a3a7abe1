from .document import (
    ModelCard as ModelCard,
    Section as Section,
    draw_model_card as draw_model_card,
)
from .markdown import (
    tell as tell,
)
from .readme_table import (
    draw_figures as draw_figures,
    replace_figures as replace_figures,
)
