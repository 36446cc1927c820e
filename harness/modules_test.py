"""The modules of MODULE.bazel: Bazel 7, 8 and 9 must agree to them.

A test has neither the registry nor all of these Bazels. So this resolves the
modules as Bazel does, from facts that were taken from the registry once:
modules.json has what each version of a module depends on, and what Bazels
themselves ask for by src/MODULE.tools: 7.7.1 as it was released, the others as
their sources were about then. After a change of a version, take them again:

  python3 harness/modules_test.py --update=<clone of bazel-central-registry>

The rules are those of https://bazel.build/external/module.
"""

import ast
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import unittest
from collections.abc import Callable, Iterator

ROOT = pathlib.Path(__file__).absolute().parent.parent
FACTS = pathlib.Path(__file__).absolute().with_name("modules.json")
TOOLS = "bazel_tools"  # What a Bazel itself asks for, as one more module.


@dataclasses.dataclass(frozen=True)
class Module:
    """What a MODULE.bazel says."""

    deps: dict[str, str]
    level: int = 0
    # Dependencies that only count if another module has them as well.
    hints: dict[str, str] = dataclasses.field(default_factory=dict)
    # Up to which level of a dependency it would take.
    up_to: dict[str, int] = dataclasses.field(default_factory=dict)
    # The Bazels that it is for, such as ">=7.0.0".
    bazel: tuple[str, ...] = ()
    # Modules that are taken from a folder, whatever their version.
    overrides: tuple[str, ...] = ()


Lookup = Callable[[str, str], Module]


class Conflict(Exception):
    """These modules do not go together."""


def read_module(text: str) -> Module:
    """Reads a MODULE.bazel, whose syntax is that of Python."""
    deps: dict[str, str] = {}
    hints: dict[str, str] = {}
    up_to: dict[str, int] = {}
    overrides = []
    level = 0
    bazel: tuple[str, ...] = ()
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Expr) or not isinstance(
            node.value, ast.Call
        ):
            continue
        call = node.value
        function = ast.unparse(call.func)
        if function not in ("module", "bazel_dep", "local_path_override"):
            continue
        values = {k.arg: ast.literal_eval(k.value) for k in call.keywords}
        if function == "module":
            level = values.get("compatibility_level", 0)
            bazel = tuple(values.get("bazel_compatibility", ()))
        elif function == "local_path_override":
            overrides.append(values["module_name"])
        elif not values.get("dev_dependency"):
            hint = "repo_name" in values and values["repo_name"] is None
            (hints if hint else deps)[values["name"]] = values.get(
                "version", ""
            )
            if "max_compatibility_level" in values:
                up_to[values["name"]] = values["max_compatibility_level"]
    return Module(deps, level, hints, up_to, bazel, tuple(overrides))


def order(version: str) -> tuple[object, ...]:
    """Returns what sorts as versions do: 1.9 < 1.10-rc < 1.10 < 1.10.bcr.1."""
    release, dash, early = version.partition("+")[0].partition("-")
    return (_parts(release), not dash, _parts(early))


def _parts(text: str) -> tuple[tuple[bool, int, str], ...]:
    return tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in text.split(".")
        if part
    )


def suits(bazel: str, condition: str) -> bool:
    """Whether the version of Bazel meets a condition such as ">=7.0.0"."""
    match = re.fullmatch(r"(>=|<=|>|<|-)(.*)", condition)
    assert match, condition
    here, there = order(bazel), order(match[2])
    return {
        ">=": here >= there,
        "<=": here <= there,
        ">": here > there,
        "<": here < there,
        "-": here != there,
    }[match[1]]


def _reach(
    root: Module,
    tools: Module,
    lookup: Lookup,
    chosen: dict[tuple[str, int], str],
) -> dict[tuple[str, str], str]:
    """Returns all (module, version) that are asked for, and what asks first.

    With versions chosen, by module and level, those are followed.
    """
    asked: dict[tuple[str, str], str] = {}
    hints: dict[tuple[str, str], str] = {}
    queue = [("this", root), (TOOLS, tools)]
    while queue:
        who, module = queue.pop(0)
        hints |= {key: who for key in module.hints.items() if key not in hints}
        for name, version in module.deps.items():
            if name in root.overrides or name == TOOLS:
                continue
            level = lookup(name, version).level
            for taken in range(level, module.up_to.get(name, level) + 1):
                version = chosen.get((name, taken), version)
            if (name, version) in asked:
                continue
            asked[name, version] = who
            queue.append((f"{name} {version}", lookup(name, version)))
        if not queue and not chosen:
            # Hints choose among versions, and bring nothing in.
            names = {name for name, _ in asked}
            for (name, version), who in hints.items():
                if name in names and (name, version) not in asked:
                    asked[name, version] = who
                    queue.append((f"{name} {version}", lookup(name, version)))
    return asked


def resolve(
    root: Module, tools: Module, lookup: Lookup, bazel: str
) -> dict[str, str]:
    """Returns the version of each module that this Bazel would take.

    Raises Conflict where it would refuse.
    """
    chosen: dict[tuple[str, int], str] = {}
    for name, version in _reach(root, tools, lookup, {}):
        key = (name, lookup(name, version).level)
        if key not in chosen or order(chosen[key]) < order(version):
            chosen[key] = version
    resolved: dict[str, str] = {}
    askers: dict[str, str] = {}
    for (name, version), who in _reach(root, tools, lookup, chosen).items():
        if name in resolved:
            raise Conflict(
                f"{who} asks for {name} {version}, but {askers[name]} for "
                f"{name} {resolved[name]}, of another compatibility level"
            )
        for condition in lookup(name, version).bazel:
            if not suits(bazel, condition):
                raise Conflict(f"{name} {version} is for Bazel {condition}")
        resolved[name], askers[name] = version, who
    return resolved


def read_root() -> Module:
    """Reads our own MODULE.bazel."""
    return read_module((ROOT / "MODULE.bazel").read_text("utf-8"))


def _split(key: str) -> tuple[str, str]:
    name, _, version = key.partition(" ")
    return name, version


def _from_json(fact: dict[str, object]) -> Module:
    return Module(**fact)  # type: ignore[arg-type]


def _to_json(module: Module) -> dict[str, object]:
    empty = Module({})
    return {
        field.name: getattr(module, field.name)
        for field in dataclasses.fields(Module)
        if getattr(module, field.name) != getattr(empty, field.name)
        or field.name == "deps"
    }


class Facts:
    """What is known of the registry, and of Bazels."""

    def __init__(self, text: str) -> None:
        facts = json.loads(text)
        self.bazels = {
            version: _from_json(fact)
            for version, fact in facts["bazels"].items()
        }
        self._modules = {
            _split(key): _from_json(fact)
            for key, fact in facts["modules"].items()
        }

    def lookup(self, name: str, version: str) -> Module:
        """Returns what is known of a module."""
        if (name, version) not in self._modules:
            raise LookupError(
                f"modules.json does not know {name} {version}; the head of "
                "modules_test.py says how to ask the registry"
            )
        return self._modules[name, version]


def update(registry: pathlib.Path) -> None:
    """Asks a clone of the registry for all that MODULE.bazel may need."""
    modules: dict[tuple[str, str], Module] = {}

    def ask(name: str, version: str) -> Module:
        if (name, version) not in modules:
            text = subprocess.run(
                ["git", "show", f"HEAD:modules/{name}/{version}/MODULE.bazel"],
                cwd=registry,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
            modules[name, version] = read_module(text)
        return modules[name, version]

    bazels = Facts(FACTS.read_text("utf-8")).bazels
    root = read_root()
    for bazel, tools in bazels.items():
        # What does not fit is for the test to say.
        try:
            resolve(root, tools, ask, bazel)
        except Conflict as conflict:
            print(f"Bazel {bazel}: {conflict}", file=sys.stderr)
    facts = {
        "bazels": {key: _to_json(value) for key, value in bazels.items()},
        "modules": {
            " ".join(key): _to_json(value)
            for key, value in sorted(modules.items())
        },
    }
    FACTS.write_text("".join(_lines(facts)), "utf-8")


def _lines(facts: dict[str, dict[str, dict[str, object]]]) -> Iterator[str]:
    """Writes one module a line."""
    for number, (group, entries) in enumerate(facts.items()):
        yield ("," if number else "{") + f"\n{json.dumps(group)}: {{\n"
        yield ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(value)}"
            for key, value in entries.items()
        )
        yield "\n}"
    yield "\n}\n"


class ModulesTest(unittest.TestCase):
    """MODULE.bazel."""

    def setUp(self) -> None:
        self.facts = Facts(FACTS.read_text("utf-8"))
        self.root = read_root()

    def test_each_bazel_agrees_and_takes_what_is_declared(self) -> None:
        generations = {bazel.split(".")[0] for bazel in self.facts.bazels}
        self.assertEqual(generations, {"7", "8", "9"})
        for bazel, tools in self.facts.bazels.items():
            with self.subTest(bazel=bazel):
                resolved = resolve(self.root, tools, self.facts.lookup, bazel)
                for name, version in self.root.deps.items():
                    if name not in self.root.overrides:
                        self.assertEqual(resolved[name], version)

    def test_libraries_are_the_systems_and_only_rules_are_fetched(self) -> None:
        fetched = set(self.root.deps) - set(self.root.overrides)
        self.assertEqual(
            {name for name in fetched if not name.startswith("rules_")}, set()
        )
        for name in self.root.overrides:
            self.assertIn(name, self.root.deps)


class ResolveTest(unittest.TestCase):
    """Resolving, in a registry that is made up."""

    REGISTRY = {
        "a 1": 'module()\nbazel_dep(name = "c", version = "1.9")',
        "b 1": 'module()\nbazel_dep(name = "c", version = "1.10")',
        "c 1.9": "module(compatibility_level = 1)",
        "c 1.10": "module(compatibility_level = 1)",
        "c 1.11": "module(compatibility_level = 1)",
        "c 2.0": "module(compatibility_level = 2)",
        "d 1": 'module()\nbazel_dep(name = "c", version = "1.9",'
        " max_compatibility_level = 2)",
        "new 1": 'module(bazel_compatibility = [">=7.2.1", "-8.0.0"])',
        "old 1": 'module()\nbazel_dep(name = "new", version = "1")',
    }

    def resolve(
        self, *deps: str, tools: str = "", bazel: str = "7.7.1"
    ) -> dict[str, str]:
        """Resolves modules that are written as "name version"."""

        def lookup(name: str, version: str) -> Module:
            return read_module(self.REGISTRY[f"{name} {version}"])

        return resolve(
            Module(dict(map(_split, deps))), read_module(tools), lookup, bazel
        )

    def test_the_newest_version_that_is_asked_for_is_taken(self) -> None:
        self.assertEqual(
            self.resolve("a 1", "b 1"), {"a": "1", "b": "1", "c": "1.10"}
        )

    def test_two_levels_are_a_conflict(self) -> None:
        with self.assertRaisesRegex(
            Conflict, "a 1 asks for c 1.9, but this for c 2.0, of another"
        ):
            self.resolve("c 2.0", "a 1")

    def test_a_module_may_take_a_higher_level(self) -> None:
        self.assertEqual(self.resolve("c 2.0", "d 1"), {"c": "2.0", "d": "1"})
        self.assertEqual(self.resolve("d 1")["c"], "1.9")

    def test_what_bazel_itself_asks_for_counts(self) -> None:
        tools = 'bazel_dep(name = "c", version = "2.0")'
        with self.assertRaises(Conflict):
            self.resolve("a 1", tools=tools)

    def test_a_hint_chooses_and_brings_nothing_in(self) -> None:
        tools = 'bazel_dep(name = "c", version = "1.11", repo_name = None)'
        self.assertEqual(self.resolve("a 1", tools=tools)["c"], "1.11")
        self.assertEqual(self.resolve(tools=tools), {})

    def test_a_module_may_be_for_other_bazels(self) -> None:
        for bazel in ("7.2.0", "8.0.0"):
            with self.assertRaisesRegex(Conflict, "new 1 is for Bazel "):
                self.resolve("old 1", bazel=bazel)
        self.assertIn("new", self.resolve("old 1", bazel="7.10.0"))

    def test_versions_are_ordered_as_bazel_orders_them(self) -> None:
        ordered = (
            "0.9 0.10-rc1 0.10 0.10.bcr.2 0.10.bcr.10 1.0-2 1.0-rc 1.0 1.0.1"
        ).split()
        self.assertEqual(sorted(reversed(ordered), key=order), ordered)


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].startswith("--update="):
        update(pathlib.Path(sys.argv[1].partition("=")[2]))
    else:
        unittest.main()
