"""The rooms (folders) of the library, by floors: a room uses only lower floors."""

FLOORS = [
    ["base"],
    ["process"],
    ["files", "memory", "report"],
    ["sync"],
    ["channel"],
    ["net", "pool", "supervise"],
    ["explore", "manager"],
    ["lab"],
]

def above(room):
    """Says which packages may use `room`: higher floors, and all outside the library.

    Args:
      room: the name of its folder.

    Returns:
      A list for default_visibility.
    """
    visible = [
        "//common:__pkg__",
        "//common/testing:__pkg__",
        "//benchmarks:__subpackages__",
        "//harness:__pkg__",
        "//labs:__subpackages__",
        "//projects:__subpackages__",
    ]
    is_higher = False
    for floor in FLOORS:
        if is_higher:
            visible += ["//common/%s:__pkg__" % other for other in floor]
        elif room in floor:
            is_higher = True
    if not is_higher:
        fail("%s is on no floor" % room)
    return visible
