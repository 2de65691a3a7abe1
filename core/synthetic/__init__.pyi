from .phantom_lesions import (
    Lesion as Lesion,
)
from .phantoms import (
    render_phantom as render_phantom,
    save_phantom as save_phantom,
)
from .planting import (
    plant_hemorrhage as plant_hemorrhage,
    plant_ischemia as plant_ischemia,
)
