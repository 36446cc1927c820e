"""The graded rule: a class, judged in parts by actions of Bazel."""

def _graded_impl(ctx):
    made = []
    for number in range(1, ctx.attr.parts + 1):
        out = ctx.actions.declare_file("%s/%d/journal.jsonl" % (ctx.label.name, number))
        arguments = ctx.actions.args()
        arguments.add(ctx.file.work)
        arguments.add(ctx.file.plan, format = "--plan=%s")
        arguments.add("--part=%d/%d" % (number, ctx.attr.parts))
        arguments.add("--jobs=1")
        arguments.add("--out=" + out.dirname)
        if ctx.files.hidden:
            arguments.add("--hidden=%s/hidden" % ctx.label.package)
        if ctx.attr.without:
            arguments.add("--without=" + ctx.attr.without)
        ctx.actions.run(
            mnemonic = "Grade",
            progress_message = "Grading part %d of %s" % (number, ctx.label),
            executable = ctx.executable._grade,
            arguments = [arguments],
            inputs = [ctx.file.work, ctx.file.plan] + ctx.files.hidden,
            outputs = [out],
            # A cell is a sandbox of its own, and needs the users of the machine.
            execution_requirements = {"no-sandbox": "1"},
            use_default_shell_env = True,
        )
        made.append(out)
    return [DefaultInfo(files = depset(made))]

_graded = rule(
    implementation = _graded_impl,
    attrs = {
        "hidden": attr.label_list(allow_files = [".py"]),
        "parts": attr.int(default = 10),
        "plan": attr.label(allow_single_file = [".toml"], mandatory = True),
        "without": attr.string(),
        "work": attr.label(allow_single_file = True, mandatory = True),
        "_grade": attr.label(
            # As `bazel run //harness:grade` has it: it takes what another one
            # has judged only if all that the verdict depends on is the same.
            cfg = "target",
            default = "//harness:grade",
            executable = True,
        ),
    },
    doc = "See `graded`.",
)

def graded(name, work, plan, hidden = [], parts = 10, tags = [], without = ""):
    """Judges a class in parts, on the machines where Bazel runs its actions.

    See docs/grading.md for what the machines must allow. Each part is a folder
    bazel-bin/<package>/<name>/<number>, for `grade --add`.

    Args:
      name: of the target.
      work: an archive of the class.
      plan: the plan, with a seed.
      hidden: the files of hidden checks, in a folder hidden/ of the package.
      parts: into how many the learners are divided.
      tags: of the target.
      without: walls without which it is judged all the same.
    """
    _graded(
        name = name,
        hidden = hidden,
        parts = parts,
        plan = plan,
        tags = tags,
        testonly = True,
        without = without,
        work = work,
    )
