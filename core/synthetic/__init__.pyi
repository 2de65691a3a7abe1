from .phantoms import (
    render_phantom as render_phantom,
)
from .planting import (
    plant_hemorrhage as plant_hemorrhage,
)
