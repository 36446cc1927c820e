"""clang-tidy, an action for each source, which runs again if what it reads differs.

    ./bazelw build --config=tidy //common/... //labs/... //benchmarks/...

What came of a source is kept in a cache of the user's, outside of Bazel's
folders, so that no clone on a machine looks at it twice. tools/check does this.
"""

# A wrong variant is wrong on purpose.
def _is_looked_at(file):
    return file.is_source and file.extension == "cc" and "/wrong/" not in file.path

def _tidy_impl(target, ctx):
    deps = getattr(ctx.rule.attr, "deps", [])
    reports = [
        dep[OutputGroupInfo].tidy
        for dep in deps
        if OutputGroupInfo in dep and hasattr(dep[OutputGroupInfo], "tidy")
    ]
    is_ours = not target.label.workspace_name
    if not is_ours or ctx.rule.kind not in ("cc_binary", "cc_library", "cc_test"):
        return [OutputGroupInfo(tidy = depset(transitive = reports))]
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
        if not _is_looked_at(source):
            continue
        report = ctx.actions.declare_file(source.basename + "." + target.label.name.replace("/", "_") + ".tidy")
        unused = ctx.actions.declare_file(report.basename + ".unused")
        arguments = ctx.actions.args()
        arguments.add_all([report, unused, source])
        listed = ctx.actions.args()
        listed.add_all(headers)
        listed.use_param_file("%s", use_always = True)
        listed.set_param_file_format("multiline")
        ctx.actions.run(
            mnemonic = "ClangTidy",
            progress_message = "clang-tidy " + source.path,
            executable = ctx.executable._tidy,
            arguments = [arguments, listed],
            inputs = depset([source, ctx.file._config], transitive = [headers]),
            # A library may have more headers than this source reads.
            unused_inputs_list = unused,
            outputs = [report, unused],
            use_default_shell_env = True,
        )
        made.append(report)
    return [OutputGroupInfo(tidy = depset(made, transitive = reports))]

tidy = aspect(
    implementation = _tidy_impl,
    attr_aspects = ["deps"],
    attrs = {
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_tidy": attr.label(default = "//tools:tidy", allow_single_file = True, cfg = "exec", executable = True),
    },
)
