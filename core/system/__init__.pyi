from .files import (
    clear_parts as clear_parts,
)
from .files import (
    natural_key as natural_key,
)
from .files import (
    sha256_of_file as sha256_of_file,
)
from .files import (
    sync_file as sync_file,
)
from .files import (
    sync_folder as sync_folder,
)
from .files import (
    write_aside as write_aside,
)
from .files import (
    write_whole as write_whole,
)
from .processes import (
    born_at as born_at,
)
from .processes import (
    is_alive as is_alive,
)
from .processes import (
    memory_of as memory_of,
)
from .processes import (
    return_freed_memory as return_freed_memory,
)
from .threads import (
    count_cores as count_cores,
)
from .threads import (
    map_side_by_side as map_side_by_side,
)
from .zip_files import (
    CheckedZip as CheckedZip,
)
from .zip_files import (
    DamagedMember as DamagedMember,
)
from .zip_files import (
    Limits as Limits,
)
from .zip_files import (
    SwollenMember as SwollenMember,
)
from .zip_files import (
    find_deceit as find_deceit,
)
from .zip_files import (
    has_long_list as has_long_list,
)
from .zip_files import (
    inflate as inflate,
)
from .zip_files import (
    is_encrypted as is_encrypted,
)
from .zip_files import (
    open_zip as open_zip,
)
