"""The Python rules that Bazel has built in, under the name of their module."""

py_binary = native.py_binary
py_library = native.py_library
py_runtime = native.py_runtime
py_test = native.py_test
