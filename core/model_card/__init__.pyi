from .document import (
    ModelCard as ModelCard,
    Section as Section,
    render_model_card as render_model_card,
)
from .markdown import (
    format_figure as format_figure,
)
from .readme_table import (
    render_figures as render_figures,
    replace_figures as replace_figures,
)
