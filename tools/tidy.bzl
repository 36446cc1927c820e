"""What looks at single sources: an action for each, run if what it reads differs.

    ./bazelw build --config=tidy //common/... //labs/... //projects/...
    ./bazelw build --config=aarch64 //common/... //labs/... //projects/...

What came of a source is kept in a cache of the user's, outside Bazel's
folders, so that no clone on a machine looks at it twice. tools/check runs the
first, .ci/run the second.
"""

def _look(target, ctx, group, mnemonic, also_wrong, config = []):
    """Runs `_tool` for each source; see tools/tidy for its arguments.

    A target with the tag "again" has sources of another one, and is left out.
    """
    deps = getattr(ctx.rule.attr, "deps", [])
    reports = [
        getattr(dep[OutputGroupInfo], group)
        for dep in deps
        if OutputGroupInfo in dep and hasattr(dep[OutputGroupInfo], group)
    ]
    is_ours = not target.label.workspace_name
    is_again = "again" in ctx.rule.attr.tags
    if not is_ours or is_again or ctx.rule.kind not in ("cc_binary", "cc_library", "cc_test"):
        return [OutputGroupInfo(**{group: depset(transitive = reports)})]
    files = getattr(ctx.rule.files, "srcs", []) + getattr(ctx.rule.files, "hdrs", [])
    headers = depset(
        [file for file in files if file.extension == "h"],
        transitive = [
            dep[CcInfo].compilation_context.headers  # buildifier: disable=native-cc-info
            for dep in deps
            if CcInfo in dep  # buildifier: disable=native-cc-info
        ],
    )
    made = []
    for source in files:
        if not source.is_source or source.extension != "cc":
            continue
        if "/wrong/" in source.path and not also_wrong:
            continue
        name = target.label.name.replace("/", "_")
        report = ctx.actions.declare_file("%s.%s.%s" % (source.basename, name, group))
        unused = ctx.actions.declare_file(report.basename + ".unused")
        arguments = ctx.actions.args()
        arguments.add_all([report, unused, source])
        listed = ctx.actions.args()
        listed.add_all(headers)
        listed.use_param_file("%s", use_always = True)
        listed.set_param_file_format("multiline")
        ctx.actions.run(
            mnemonic = mnemonic,
            progress_message = "%s %s" % (group, source.path),
            executable = ctx.executable._tool,
            arguments = [arguments, listed],
            inputs = depset([source] + config, transitive = [headers]),
            # A library may have more headers than this source reads.
            unused_inputs_list = unused,
            outputs = [report, unused],
            use_default_shell_env = True,
        )
        made.append(report)
    return [OutputGroupInfo(**{group: depset(made, transitive = reports)})]

def _tool(label):
    return attr.label(default = label, allow_single_file = True, cfg = "exec", executable = True)

def _tidy_impl(target, ctx):
    # A wrong variant is wrong on purpose.
    return _look(target, ctx, "tidy", "ClangTidy", False, [ctx.file._config])

tidy = aspect(
    implementation = _tidy_impl,
    attr_aspects = ["deps"],
    attrs = {
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_tool": _tool("//tools:tidy"),
    },
)

def _aarch64_impl(target, ctx):
    return _look(target, ctx, "aarch64", "CrossCompile", True)

# Compiles for another processor, and makes nothing.
aarch64 = aspect(
    implementation = _aarch64_impl,
    attr_aspects = ["deps"],
    attrs = {"_tool": _tool("//tools:cross")},
)
