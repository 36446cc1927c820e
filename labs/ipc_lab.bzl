"""The ipc_lab macro: one lab, its program, its wrong variants and its test."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")
load("@rules_python//python:defs.bzl", "py_library", "py_test")
load("//grader:kit.bzl", "kit")

# Packages that may name the program of a lab: the syllabus; the harness, which
# runs every lab in the course and the explorer; the tools, which read sources.
_READERS = [
    "//book:__pkg__",
    "//grader:__subpackages__",
    "//harness:__pkg__",
    "//labs:__pkg__",
    "//tools:__pkg__",
]

# The folder of a learner, made by //harness:learn.
_LEARNER = ["//my:__pkg__"]

# The sources are those of the program, and need no second look; see tidy.bzl.
_AGAIN = ["again"]

# A function that is still to be written leaves its parameters and helpers unused.
_UNFINISHED = [
    "-Wno-unused",
    "-Wno-unused-parameter",
    "-Wno-return-type",
]

def ipc_lab(
        name,
        deps,
        srcs = ["main.cc"],
        data = [],
        wrong = [],
        wrong_deps = {},
        raw = False,
        writes = {},
        write_files = {},
        mends = {},
        copts = [],
        size = "medium",
        tags = [],
        tries = [],
        try_srcs = []):
    """Declares the programs of a lab and the test that runs them.

    The package holds the chapter README.md, the sources, <name>_test.py, and
    wrong/<variant>.cc for each variant: a complete program with one defect, run
    by `bazel run //labs/<name>:wrong_<variant>`.

    Args:
      name: the lab and its program: `bazel run //labs:<name>` runs it.
      deps: the primitives of //common that the lab uses, and no others.
      srcs: the sources of the program; main.cc comes first.
      data: files that the program reads, or runs, beside itself.
      wrong: the names of the wrong variants.
      wrong_deps: what a variant needs beyond `deps`, by its name.
      raw: whether there is a raw.cc, which tells the lab's story by system calls
        alone: `bazel run //labs/<name>:raw`. A wrong variant whose name begins
        with "raw_" is built in the same way as raw.cc.
      writes: the exercises of exercises.toml in which a student writes a part of
        the lab, with the names of their wrong solutions: {"receive": ["no_end"]}.
      write_files: the source that the student writes in, if it is not main.cc.
      mends: false cures of wrong variants that only a run or an exploration
        refuses, by the variant: {"lost_permit": ["ignores_result"]}.
      copts: options of the compiler for the lab's own sources, where the speed
        of what it computes matters.
      size: the size of the test: "medium" allows it 300 seconds. A quiet machine
        needs 5 to 30 of them.
      tags: tags of the test, for example "exclusive".
      tries: the names of the tries of tries.toml that edit the lab; each is a
        program of its own: `bazel run //labs/<name>:try_<number>`. A list, or a
        mapping to the sources that the try edits, so that only these need be
        compiled for it: {"2": ["roles.cc"]}. A try that edits a header needs
        all sources: [].
      try_srcs: sources of the package's other libraries that a try edits.
    """
    for variant in wrong_deps:
        if variant not in wrong:
            fail("wrong_deps names %s, which is not in wrong" % variant)

    cc_binary(
        name = name,
        srcs = srcs,
        copts = copts,
        data = data,
        visibility = _READERS,
        deps = deps,
    )
    if raw:
        cc_binary(
            name = "raw",
            srcs = ["raw.cc"],
            visibility = _READERS,
            deps = ["//labs:raw"],
        )
    for variant in wrong:
        own = ["//labs:raw"] if variant.startswith("raw_") else deps
        cc_binary(
            name = "wrong_" + variant,
            srcs = ["wrong/%s.cc" % variant],
            copts = copts,
            visibility = _READERS,
            deps = own + wrong_deps.get(variant, []),
        )

    edited = tries if type(tries) == "dict" else {number: [] for number in tries}
    if [number for number in edited if edited[number]]:
        cc_library(
            name = name + "_parts",
            testonly = True,
            srcs = [src for src in srcs if not src.endswith(".h")],
            hdrs = [src for src in srcs if src.endswith(".h")],
            copts = copts,
            tags = _AGAIN,
            deps = deps,
        )
    for number in edited:
        own = edited[number]
        _try_program(
            number,
            own or srcs + try_srcs,
            copts,
            data,
            # The linker takes from these only what the program itself lacks.
            deps + ([":%s_parts" % name] if own else []),
        )

    # What the chapter quotes and links to.
    native.filegroup(
        name = name + "_sources",
        # Also variants without a target: the test complains about them.
        srcs = native.glob(
            [
                "BUILD.bazel",
                "README.md",
                "*.cc",
                "*.h",
                "*.service",
                "*.toml",
                "*_test.py",
                "wrong/*.cc",
            ],
            # Not every lab has a header; Bazel 8 refuses an empty pattern.
            allow_empty = True,
        ) + data,
        visibility = _READERS,
    )

    # What the course loads: the checks, and all that they run and read, but for
    # what a chapter quotes of common.
    py_library(
        name = name + "_checks",
        testonly = True,
        srcs = [name + "_test.py"],
        data = [
            ":" + name,
            ":%s_sources" % name,
        ] + ([":raw"] if raw else []) + [
            ":wrong_" + variant
            for variant in wrong
        ],
        visibility = _READERS,
        deps = ["//harness:lab"],
    )
    py_test(
        name = name + "_test",
        size = size,
        srcs = [name + "_test.py"],
        data = ["//common:sources"],
        python_version = "PY3",
        # A person who changes a lab waits for this one test alone.
        shard_count = 2,
        tags = tags,
        deps = [":%s_checks" % name],
    )

    # The items of "Try": each answer in the chapter is what a reader will see.
    py_test(
        name = name + "_tries_test",
        size = size,
        srcs = ["//harness:tries_main.py"],
        args = ["labs/" + name],
        data = ["tries.toml"] + [":try_" + number for number in edited],
        main = "//harness:tries_main.py",
        python_version = "PY3",
        # An edited lab need not do what the thread sanitizer is there to see.
        tags = [tag for tag in tags if tag != "threads"] + ["exercises"],
        deps = [
            ":%s_checks" % name,
            "//harness:tries",
        ],
    )

    if type(writes) != "dict":
        fail("writes of %s must be a dict: {\"receive\": [\"no_end\"]}" % name)

    # A lab without exercises has nothing to solve: it can only be looked at.
    if native.glob(["exercises.toml"], allow_empty = True):
        _exercises(
            name,
            srcs,
            deps,
            wrong,
            wrong_deps,
            raw,
            writes,
            write_files,
            mends,
            copts,
        )

def _try_program(number, srcs, copts, data, deps):
    """Declares the lab with the edits of one try."""
    package = native.package_name()
    made = ["tries/%s/%s" % (number, src) for src in srcs]
    native.genrule(
        name = "edit_" + number,
        srcs = ["tries.toml"] + srcs,
        outs = made,
        cmd = "$(location //harness:edit_try) $(location tries.toml) %s %s $(RULEDIR) %s" % (
            number,
            package,
            " ".join(["$(location %s)" % src for src in srcs]),
        ),
        tools = ["//harness:edit_try"],
    )
    cc_binary(
        name = "try_" + number,
        testonly = True,
        srcs = made,
        # What an edit leaves unused is not worth a warning.
        copts = copts + ["-w"],
        data = data,
        deps = deps,
    )

def _cut(program, made, sources):
    """Declares the source of a program that is made for an exercise."""
    native.genrule(
        name = program + "_source",
        srcs = ["exercises.toml"] + sources,
        outs = [program + ".cc"],
        cmd = "$(location //harness:cut) %s >$@ $(location exercises.toml)" % made,
        tools = ["//harness:cut"],
    )

def _exercises(
        name,
        srcs,
        deps,
        wrong,
        wrong_deps,
        raw,
        writes,
        write_files,
        mends,
        copts):
    """Declares what a learner's copies need, and the test of the exercises."""
    all_deps = list(deps)
    for more in wrong_deps.values() + ([["//labs:raw"]] if raw else []):
        all_deps += [dep for dep in more if dep not in all_deps]
    cc_library(
        name = "exercise_deps",
        visibility = _LEARNER,
        deps = all_deps,
    )
    kit(
        name = "kit",
        visibility = ["//grader:__pkg__"],
        deps = [":exercise_deps"] + [":beside_" + exercise for exercise in writes],
    )
    programs = []
    for variant in wrong:
        sources = {"mended_" + variant: "solution mend " + variant}
        for one in mends.get(variant, []):
            program = "mended_%s_%s" % (variant, one)
            sources[program] = "planted mend %s %s" % (variant, one)
        for program, made in sources.items():
            _cut(program, made, ["wrong/%s.cc" % variant])
            cc_binary(
                name = program,
                srcs = [program + ".cc"],
                copts = copts,
                deps = [":exercise_deps"],
            )
            programs.append(":" + program)
        programs.append(":wrong_" + variant)
    for exercise, planted in writes.items():
        file = write_files.get(exercise, "main.cc")
        others = [src for src in srcs if src != file]
        beside = "beside_" + exercise
        cc_library(
            name = beside,
            srcs = [src for src in others if not src.endswith(".h")],
            hdrs = [src for src in others if src.endswith(".h")],
            copts = copts,
            linkstatic = True,
            tags = _AGAIN,
            visibility = _LEARNER,
            deps = [":exercise_deps"],
            alwayslink = True,
        )
        sources = {"unwritten_" + exercise: "copy write " + exercise}
        for one in planted:
            program = "unwritten_%s_%s" % (exercise, one)
            sources[program] = "planted write %s %s" % (exercise, one)
        for program, made in sources.items():
            _cut(program, made, [file])
            cc_binary(
                name = program,
                srcs = [program + ".cc"],
                copts = copts + _UNFINISHED,
                deps = [":" + beside],
            )
            programs.append(":" + program)

    # The right programs to compare wrong variants with, act by act.
    native.filegroup(
        name = "mended_programs",
        srcs = [":mended_" + variant for variant in wrong],
        visibility = ["//book:__pkg__"],
    )
    native.filegroup(
        name = "exercise_programs",
        srcs = programs,
        visibility = _READERS,
    )
    py_test(
        name = name + "_exercises_test",
        size = "medium",
        srcs = ["//harness:lab_exercises_test.py"],
        args = [name],
        data = [":exercise_programs"],
        main = "//harness:lab_exercises_test.py",
        python_version = "PY3",
        # Each exercise is judged several times, and some take half a minute.
        shard_count = 4,
        tags = ["exercises"],
        deps = [
            ":%s_checks" % name,
            "//harness:exercises_testing",
        ],
    )
