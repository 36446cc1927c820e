"""The rooms of the library, by floors: what is in a room uses lower floors only."""

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
    """Who may use what is in `room`: the rooms on higher floors, and all the rest.

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
