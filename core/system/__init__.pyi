from .files import (
    clear_parts as clear_parts,
    explain_failed_write as explain_failed_write,
    natural_key as natural_key,
    sha256_of_file as sha256_of_file,
    sync_file as sync_file,
    sync_folder as sync_folder,
    write_aside as write_aside,
    write_whole as write_whole,
)
from .keyed_rows import (
    KeyedRows as KeyedRows,
)
from .places import (
    PROGRAM_FOLDER as PROGRAM_FOLDER,
    child_environment as child_environment,
    is_checkout as is_checkout,
    user_folder as user_folder,
)
from .plain_text import (
    begins_formula as begins_formula,
    escape_for_cell as escape_for_cell,
    escape_for_markdown as escape_for_markdown,
    escape_for_page as escape_for_page,
    escape_for_terminal as escape_for_terminal,
    replace_unprintable as replace_unprintable,
)
from .processes import (
    is_alive as is_alive,
    memory_of as memory_of,
    read_start_time as read_start_time,
    return_freed_memory as return_freed_memory,
    trim_heaps as trim_heaps,
)
from .threads import (
    count_cores as count_cores,
    map_parallel as map_parallel,
)
from .zip_files import (
    CheckedZip as CheckedZip,
    DamagedMember as DamagedMember,
    Limits as Limits,
    OversizedMember as OversizedMember,
    find_unsafe_member as find_unsafe_member,
    has_long_directory as has_long_directory,
    inflate as inflate,
    is_encrypted as is_encrypted,
    open_zip as open_zip,
)
