"""The kit rule: how a submission is compiled and linked, outside of Bazel."""

def _library(library):
    """Returns the archive that Bazel would link into a program here."""
    return library.pic_static_library or library.static_library

def _entry(dep):
    """Returns what a program with this dependency needs, and its files."""
    compiled = dep[CcInfo].compilation_context  # buildifier: disable=native-cc-info
    linked = dep[CcInfo].linking_context  # buildifier: disable=native-cc-info
    archives, whole, flags = [], [], []
    for inputs in linked.linker_inputs.to_list():
        flags += inputs.user_link_flags
        for library in inputs.libraries:
            archive = _library(library)
            if archive:
                (whole if library.alwayslink else archives).append(archive)
    return struct(
        files = archives + whole,
        text = struct(
            archives = [file.short_path for file in archives],
            defines = compiled.defines.to_list(),
            flags = flags,
            system = compiled.system_includes.to_list(),
            whole = [file.short_path for file in whole],
        ),
    )

def _kit_impl(ctx):
    entries = {}
    files = []
    for dep in ctx.attr.deps:
        entry = _entry(dep)
        name = "%s:%s" % (dep.label.package, dep.label.name)
        entries[name] = entry.text
        files += entry.files
    out = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(out, json.encode(entries))
    return [DefaultInfo(
        files = depset([out]),
        runfiles = ctx.runfiles([out] + depset(files).to_list()),
    )]

kit = rule(
    implementation = _kit_impl,
    attrs = {"deps": attr.label_list(mandatory = True)},
    doc = """Writes <name>.json, and brings along the archives that it names.

It holds, for each of `deps`, "<package>:<name>": the archives to link with, in
their order, and those of which all is linked; the flags of the linker; what is
defined; and folders of headers that belong to the system.""",
)
