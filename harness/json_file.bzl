"""The json_file rule: a value of a .bzl file for programs in other languages."""

def _json_file_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(out, ctx.attr.content)
    files = depset([out])
    return [DefaultInfo(files = files, runfiles = ctx.runfiles([out]))]

json_file = rule(
    implementation = _json_file_impl,
    attrs = {"content": attr.string(mandatory = True)},
    doc = "Writes `content`, made by json.encode(), to <name>.json.",
)
