"""The ipc_project macro: what a learner builds, its solutions and its test."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")
load("@rules_python//python:defs.bzl", "py_library", "py_test")
load("//grader:kit.bzl", "kit")

# All projects, in the order in which `learn` lists them.
PROJECTS = [
    "echo_server",
    "pipe_queue",
    "seqlock_reader",
    "config_store",
    "supervised_worker",
]

_READERS = [
    "//grader:__pkg__",
    "//harness:__pkg__",
    "//projects:__pkg__",
    "//tools:__pkg__",
]

def ipc_project(
        name,
        wrong,
        deps = [],
        frame = None,
        frame_deps = [],
        peers = True,
        size = "medium"):
    """Declares the programs of a project and the test that judges them.

    The package holds README.md, skeleton.cc, solution.cc, wrong/<variant>.cc,
    <name>_test.py and exercises.toml. A program is built from one source, and
    from the deps and the frame below. A learner's program starts as a copy of
    skeleton.cc, and is built in the same way as the target `skeleton`.

    Args:
      name: the project, and the program that is built from solution.cc.
      wrong: the names of the wrong solutions.
      deps: what any program of the project may use.
      frame: the header that says what the learner's source must define; the
        rest of the program is in main.cc. Without one the source has main().
      frame_deps: what the frame uses.
      peers: whether there is a peers.py, which judges a program as it runs.
      size: the size of the test.
    """
    if frame:
        cc_library(
            name = "frame",
            srcs = ["main.cc"],
            hdrs = [frame],
            deps = frame_deps,
        )
    cc_library(
        name = "exercise_deps",
        visibility = ["//my:__pkg__"],
        deps = deps + ([":frame"] if frame else []),
    )
    kit(
        name = "kit",
        visibility = ["//grader:__pkg__"],
        deps = [":exercise_deps"],
    )
    sources = {name: "solution.cc", "skeleton": "skeleton.cc"}
    sources.update({"wrong_" + v: "wrong/%s.cc" % v for v in wrong})
    for program, source in sources.items():
        cc_binary(
            name = program,
            srcs = [source],
            visibility = _READERS,
            deps = deps + ([":frame"] if frame else []),
        )
    native.filegroup(
        name = name + "_sources",
        srcs = native.glob(
            [
                "*.cc",
                "*.h",
                "*.md",
                "*.py",
                "*.toml",
                "BUILD.bazel",
                "wrong/*.cc",
            ],
            allow_empty = True,
        ),
        visibility = _READERS,
    )
    py_library(
        name = name + "_checks",
        testonly = True,
        srcs = [name + "_test.py"] + (["peers.py"] if peers else []),
        data = [":" + program for program in sources] + [
            ":%s_sources" % name,
        ],
        visibility = _READERS,
        deps = [
            "//harness:project",
            "//harness:referee",
        ],
    )
    py_test(
        name = name + "_test",
        size = size,
        srcs = [name + "_test.py"],
        python_version = "PY3",
        shard_count = 2,
        deps = [":%s_checks" % name],
    )
