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
