from .phantoms import (
    draw_phantom as draw_phantom,
)
from .planting import (
    plant_hemorrhage as plant_hemorrhage,
)
