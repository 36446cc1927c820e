"""The ipc_library macro: one header, its library and the test beside it."""

load("@rules_cc//cc:defs.bzl", "cc_library", "cc_test")

def ipc_library(
        name,
        deps = [],
        srcs = None,
        hdrs = None,
        test_deps = None,
        test_data = [],
        test_tags = []):
    """Declares the library <name> and its test <name>_test.

    Args:
      name: the header is <name>.h.
      deps: what the library uses.
      srcs: <name>.cc by default; [] if the header has everything.
      hdrs: <name>.h by default.
      test_deps: what the test <name>_test.cc uses besides the library; None
        declares no test.
      test_data: what the test reads or runs.
      test_tags: tags of the test.
    """
    cc_library(
        name = name,
        srcs = [name + ".cc"] if srcs == None else srcs,
        hdrs = [name + ".h"] if hdrs == None else hdrs,
        deps = deps,
    )
    if test_deps != None:
        ipc_test(
            name = name + "_test",
            data = test_data,
            tags = test_tags,
            deps = [":" + name] + test_deps,
        )

def ipc_test(name, deps, size = "small", **kwargs):
    """Declares a test of <name>.cc.

    Args:
      name: the name of the test, and of its file.
      deps: what it uses besides the main program of all tests.
      size: as for any Bazel test; small allows 60 seconds.
      **kwargs: passed on to cc_test.
    """
    cc_test(
        name = name,
        size = size,
        srcs = [name + ".cc"],
        deps = deps + ["//common/testing:main"],
        **kwargs
    )
