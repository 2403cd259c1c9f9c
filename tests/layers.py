"""Holds the tree to docs/design.md: who may include whom, what CMake links, sizes and names of files, one type for each name. Python's standard library only.

    python3 tests/layers.py ROOT            lists every violation; exit code 1 if there is one
    python3 tests/layers.py ROOT --sizes    prints the table of file sizes as well
    python3 tests/layers.py --self-check    makes trees with one fault each and checks that it is found
"""

import os
import re
import sys
import tempfile

# The arrows of docs/design.md, section 3. They are transitive; all else is forbidden.
ARROWS = {
    "base": [],
    "machine": ["base"],
    "tensor": ["base"],
    "format": ["tensor"],
    "tokenizer": ["base"],
    "model": ["tensor"],
    "checkpoint": ["format", "model", "tokenizer"],
    "emit": ["format", "model"],
    "device": ["model", "machine"],
    "device/cpu": ["device"],
    "device/vulkan": ["device"],
    "device/cuda": ["device"],
    "device/openvino": ["device", "emit"],
    "device/onnxruntime": ["device", "emit"],
    "generate": ["device", "format", "tokenizer"],
    "score": ["device", "tokenizer"],
    "convert": ["checkpoint", "emit", "score"],
    "bench": ["checkpoint", "generate"],
    "api": ["*"],
}
# The registry knows every device folder: these files, and CMake's target for them, lean on the folders below theirs.
REGISTRY_FILES = re.compile(r"^src/device/registry(_test)?\.(cpp|h)$")
MOST_LINES = 1000
BAD_NAMES = {"utils", "util", "common", "helper", "helpers", "manager", "impl", "misc"}
SOURCE = (".h", ".hpp", ".cpp", ".c", ".cc")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def reach(folder):
    """Every folder that `folder` may include, itself among them."""
    if "*" in ARROWS[folder]:
        return set(ARROWS)
    seen, todo = set(), [folder]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen.add(one)
            todo += ARROWS[one]
    return seen


def folder_of(path):
    """The folder of the table that a path below src/ belongs to: "device/cpu/kernels/avx2.cpp" is "device/cpu"."""
    parts = os.path.dirname(path).split("/")
    if parts[0] == "device" and len(parts) > 1:
        return "/".join(parts[:2])
    return parts[0]


def files_below(root, *folders):
    for folder in folders:
        for place, names, files in os.walk(os.path.join(root, folder)):
            names[:] = sorted(name for name in names if name not in ("build", "__pycache__") and not name.startswith("."))
            for name in sorted(files):
                yield os.path.relpath(os.path.join(place, name), root).replace(os.sep, "/")


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def check_include(path, quote, target, known):
    """What is wrong with one #include, or None."""
    where, _, rest = path.partition("/")
    if ".." in target.split("/"):
        return f'"{target}": name the file from the root of its tree'
    if where in ("apps", "examples"):
        if quote == "<":
            return None if not target.startswith("philo/") or os.path.basename(target) in ("philo.h", "philo.hpp") else f"<{target}> is not an installed header"
        if target in ("philo/philo.h", "philo/philo.hpp"):
            return None
        # Files of the client itself, named from its own folder or from apps/.
        if any(candidate in known for candidate in (f"{os.path.dirname(path)}/{target}", f"{where}/{target}", f"{where}/{rest.partition('/')[0]}/{target}")):
            return None
        return f'"{target}": clients include only include/philo/ and their own files'
    if where == "include":
        if quote == '"' and not target.startswith("philo/") and f"include/philo/{target}" not in known:
            return f'"{target}": an installed header includes only installed headers'
        return None
    if quote == "<":
        return None
    if target.startswith("philo/"):
        return None if folder_of(rest) == "api" else f'"{target}": only api/ and clients include the installed headers'
    if f"src/{target}" not in known:
        beside = f"{os.path.dirname(path)}/{target}"
        if beside not in known:
            return None  # made by the build, or a vendor's
        target = beside[len("src/"):]
    mine, theirs = folder_of(rest), folder_of(target)
    if mine not in ARROWS:
        return f"the folder src/{mine} is not in the table of docs/design.md"
    if theirs not in ARROWS:
        return f'"{target}": the folder src/{theirs} is not in the table of docs/design.md'
    if theirs in reach(mine) or (REGISTRY_FILES.match(path) and theirs.startswith("device/")):
        return None
    return f'"{target}": {mine} may not include {theirs} (allowed: {", ".join(sorted(reach(mine) - {mine})) or "nothing"})'


def check_cmake(root, path):
    text = re.sub(r"#[^\n]*", "", read(root, path))
    faults = []
    for name, arguments in re.findall(r"philo_folder\(\s*(\w+)([^)]*)\)", text):
        folder = name.replace("device_", "device/", 1)
        if folder not in ARROWS:
            faults.append(f"{path}: target philo_{name} is not in the table of docs/design.md")
            continue
        if folder != os.path.dirname(path)[len("src/"):]:
            faults.append(f"{path}: the target is named {name}")
        depends = re.search(r"DEPENDS((?:\s+[a-z_0-9]+)*)", arguments)
        for other in (depends.group(1).split() if depends else []):
            other = other.replace("device_", "device/", 1)
            registry = folder == "device" and other.startswith("device/")
            if other not in reach(folder) and not registry:
                faults.append(f"{path}: {name} DEPENDS {other}, which {folder} may not lean on")
    return faults


def check_form(root, path):
    faults = []
    lines = read(root, path).count("\n")
    if lines > MOST_LINES:
        faults.append(f"{path}: {lines} lines, at most {MOST_LINES}: split it by what it does")
    for part in path.split("/"):
        if BAD_NAMES & set(re.split(r"[^a-z]+", os.path.splitext(part)[0].lower())):
            faults.append(f"{path}: a name that says nothing ({', '.join(sorted(BAD_NAMES))})")
    return faults


DEFINED = re.compile(r"^(?:struct|class|enum class|union) (\w+)[^;]*\{")
NAMESPACE = re.compile(r"^(?:inline )?namespace ([\w:]+) \{")


def check_names(root, known):
    """One name, one type: the linker takes one of two types of the same name for both, and nobody says so."""
    places, faults = {}, []
    for path in sorted(known):
        if not path.startswith("src/") or not path.endswith(".h"):
            continue
        space = ""
        for number, line in enumerate(read(root, path).splitlines(), 1):
            if match := NAMESPACE.match(line):
                space = match.group(1)
            elif "PHILO_" in space:
                continue  # a macro: one namespace for each instruction set
            elif match := DEFINED.match(line):
                name = f"{space}::{match.group(1)}"
                if name in places:
                    faults.append(f"{path}:{number}: {name} is also what {places[name]} defines")
                places.setdefault(name, path)
    return faults


def check(root):
    faults, sizes = [], []
    known = set(files_below(root, "src", "apps", "include", "examples"))
    for path in sorted(known):
        if path.startswith("src/") and path.endswith("CMakeLists.txt"):
            faults += check_cmake(root, path)
        if not path.endswith(SOURCE):
            continue
        text = read(root, path)
        sizes.append((text.count("\n"), path))
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            fault = check_include(path, match.group(1), match.group(2), known) if match else None
            if fault:
                faults.append(f"{path}:{number}: {fault}")
    faults += check_names(root, known)
    for path in files_below(root, "src", "apps", "include", "examples", "tests", "tools"):
        if path.endswith(SOURCE + (".py", ".cmake", ".sh", ".js", ".css")):
            faults += check_form(root, path)
    return faults, sizes


def self_check():
    """Each tree has one fault (or none), which must be the only one found."""
    good = {"src/base/error.h": "", "src/tensor/tensor.h": '#include "base/error.h"\n', "src/model/plan.h": '#include "tensor/tensor.h"\n#include "base/error.h"\n',
            "src/device/device.h": '#include "model/plan.h"\n', "src/device/cpu/cpu.h": '#include "device/device.h"\n',
            "src/device/registry.cpp": '#include "device/cpu/cpu.h"\n', "include/philo/philo.h": "#include <stdint.h>\n",
            "apps/cli/main.cpp": '#include <philo/philo.h>\n#include "options.h"\n', "apps/cli/options.h": "",
            "src/model/CMakeLists.txt": "philo_folder(model DEPENDS tensor)\n"}
    cases = [
        ("nothing wrong", {}, None),
        ("an arrow backwards", {"src/base/error.h": '#include "tensor/tensor.h"\n'}, "src/base/error.h:1: "),
        ("sideways", {"src/tokenizer/tokenizer.h": '#include "tensor/tensor.h"\n'}, "tokenizer may not include tensor"),
        ("one device in another", {"src/device/openvino/x.cpp": '#include "device/cpu/cpu.h"\n'}, "device/openvino may not include device/cpu"),
        ("the seam in a device folder's private file", {"src/device/plan_runner.cpp": '#include "device/cpu/cpu.h"\n'}, "device may not include device/cpu"),
        ("a relative path", {"src/base/file.h": '#include "../tensor/tensor.h"\n'}, "from the root"),
        ("a client that reaches in", {"apps/cli/chat.cpp": '#include "model/plan.h"\n'}, "clients include only"),
        ("an example that reaches in", {"examples/run.c": '#include "base/error.h"\n'}, "clients include only"),
        ("an installed header that reaches in", {"include/philo/philo.hpp": '#include "base/error.h"\n'}, "an installed header"),
        ("a folder nobody drew", {"src/stuff/x.h": '#include "base/error.h"\n'}, "src/stuff is not in the table"),
        ("CMake links more than the headers may", {"src/model/CMakeLists.txt": "philo_folder(model DEPENDS tensor format)\n"}, "model DEPENDS format"),
        ("one name for two types", {"src/base/a.h": "namespace philo {\nstruct Node {\n};\n", "src/tensor/b.h": "namespace philo {\nclass Node final {\n};\n"}, "philo::Node is also what"),
        ("one name in two namespaces", {"src/base/a.h": "namespace philo::a {\nstruct Node {\n};\n", "src/tensor/b.h": "namespace philo::b {\nstruct Node {\n};\n"}, None),
        ("a file that grew", {"src/base/long.cpp": "\n" * 1001}, "1001 lines"),
        ("a name that says nothing", {"src/base/string_utils.h": ""}, "a name that says nothing"),
    ]
    wrong = 0
    for name, extra, expected in cases:
        with tempfile.TemporaryDirectory() as root:
            for path, text in {**good, **extra}.items():
                full = os.path.normpath(os.path.join(root, path))
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as file:
                    file.write(text)
            faults, _ = check(root)
        fine = faults == [] if expected is None else len(faults) == 1 and expected in faults[0]
        wrong += not fine
        print(f"{'ok   ' if fine else 'WRONG'} {name}: {faults or 'nothing found'}")
    return wrong


def main():
    if sys.argv[1:] == ["--self-check"]:
        sys.exit(1 if self_check() else 0)
    faults, sizes = check(sys.argv[1])
    if "--sizes" in sys.argv:
        for lines, path in sorted(sizes, reverse=True):
            print(f"{lines:5} {path}")
    print(f"{len(sizes)} source files, {sum(lines for lines, _ in sizes)} lines; {len(faults)} violations")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
