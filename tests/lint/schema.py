# SPDX-License-Identifier: Apache-2.0
#
# docs/modjail.schema.json is what `modjail policy schema` writes, and says of policy files what modjail says of
# them: good ones, the malformed ones of tests/unit/test_yaml.c, and thousands that differ from a good one by a few
# bytes. What a schema cannot tell is listed in CANNOT_TELL; anything else on which the two disagree fails. TAP.
# Reads MODJAIL (the binary).
import errno, json, os, pathlib, random, re, subprocess, sys, tempfile

MODJAIL = os.path.realpath(os.environ["MODJAIL"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
tests = failed = 0


def result(description, problems, skip=None):
    global tests, failed
    tests += 1
    failed += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {description}{' # SKIP ' + skip if skip else ''}")
    for problem in problems[:12]:
        print("\n".join("#   " + line for line in problem.splitlines()))


def done():
    print(f"1..{tests}")
    sys.exit(failed > 0)


def run(*args):
    return subprocess.run([MODJAIL, "policy", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=60)


written = run("schema")
page = (ROOT / "docs/modjail.schema.json").read_text()
result("modjail writes the schema", [] if written.returncode == 0 and len(written.stdout) > 10000 else [written.stderr])
result("docs/modjail.schema.json is up to date", [] if written.stdout == page else
       ["make it so: modjail policy schema > docs/modjail.schema.json"])

try:
    import jsonschema
    import yaml
except ImportError as error:
    result("the schema and modjail agree", [], skip=f"python3-jsonschema or python3-yaml is not installed: {error.name}")
    done()

# ---- YAML as an editor reads it: version 1.2's core schema, mappings with duplicate keys as they are -------------

CORE = [
    (re.compile(r"(?:~|null|Null|NULL|)\Z"), lambda s: None),
    (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), lambda s: s.lower() == "true"),
    (re.compile(r"[-+]?[0-9]+\Z"), int),
    (re.compile(r"0o[0-7]+\Z"), lambda s: int(s[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+\Z"), lambda s: int(s[2:], 16)),
    (re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"), float),
]


def value(node):
    if isinstance(node, yaml.MappingNode):
        # JSON has no other keys than text.
        return {key.value if isinstance(key, yaml.ScalarNode) else "": value(each) for key, each in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [value(each) for each in node.value]
    for pattern, read in CORE if node.style is None else []:
        if pattern.match(node.value):
            return read(node.value)
    return node.value


class NotYaml(Exception):
    pass


def documents(data):
    try:
        return [value(node) for node in yaml.compose_all(data, Loader=yaml.SafeLoader)] or [None]
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError) as error:
        raise NotYaml(str(error)) from error


# ---- what each says ------------------------------------------------------------------------------------------

# What modjail refuses and a schema does not: by modjail's own words. Each must be seen below.
CANNOT_TELL = {
    "a key, a module or a program that stands there twice": r'stands here a second time',
    "a number in another notation (1.0, 0x1, +1)": r'version must be 1|unknown errno "[-+]?[0-9.][^"]*"',
    "True for true": r'(privileged|pool) must be true or false',
    "a key that is nothing": r'must be text, not nothing',
    "anchors, aliases and tags": r'anchors and tags are not known|aliases are not known',
    "a second document": r'a second document',
}
# The reverse: words that are text to modjail and nothing to YAML.
NULL_WORD = re.compile(rb"\b(?:Null|NULL)\b")

validator = jsonschema.Draft7Validator(json.loads(page))
jsonschema.Draft7Validator.check_schema(validator.schema)
seen = {reason: 0 for reason in CANNOT_TELL}
folder = tempfile.TemporaryDirectory(prefix="modjail-schema.")
policy_file = pathlib.Path(folder.name, "m.yaml")


def modjail_says(data):
    policy_file.write_bytes(data)
    # show, not check: check looks the files of programs up, too.
    ran = run("--policy-file=" + str(policy_file), "show")
    assert ran.returncode in (0, 125), (data, ran.returncode, ran.stderr)
    return ran.returncode == 0, ran.stderr


def schema_says(data):
    """What the schema has against a file; an editor looks at each document of it."""
    errors = (jsonschema.exceptions.best_match(validator.iter_errors(each)) for each in documents(data))
    return next((error for error in errors if error), None)


def disagreement(data):
    """None if the schema and modjail agree on a file, or disagree for a known reason."""
    accepted, errors = modjail_says(data)
    try:
        problem = schema_says(data)
    except NotYaml: # what an editor says as well; that modjail may read it all the same is the parsers' affair
        return None
    if accepted == (problem is None):
        return None
    if not accepted:
        # Several errors, one of them visible to the schema, would have been agreement: all must have a reason.
        lines = [line for line in errors.splitlines() if re.search(r"m\.yaml:\d+:\d+: ", line)] or [errors]
        reasons = [next((r for r, words in CANNOT_TELL.items() if re.search(words, line)), None) for line in lines]
        if None not in reasons:
            for reason in reasons:
                seen[reason] += 1
            return None
        return f"only modjail refuses {data!r}:\n{errors.strip()}"
    if NULL_WORD.search(data):
        return None
    return f"only the schema refuses {data!r}:\n{problem.json_path}: {problem.message[:200]}"


def collected(cases):
    return [text for text in map(disagreement, cases) if text]


# ---- good ones -------------------------------------------------------------------------------------------------

def blocks(path):
    text = path.read_text()
    fence = r"^```yaml\n(.*?)^```" if path.suffix == ".md" else r"^```\n(version:.*?)^```"
    return [(f"{path.relative_to(ROOT)}, block {i}", block.encode())
            for i, block in enumerate(re.findall(fence, text, re.M | re.S), 1) if "version: 1" in block]


good = [pair for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("examples/**/*.md")),
                          ROOT / "docs/man/modjail.yaml.5.scd"] for pair in blocks(path)]
good += [(str(path.relative_to(ROOT)), path.read_bytes()) for path in sorted(ROOT.glob("examples/**/*.yaml"))]
good += [("tests/fuzz/corpus/yaml/all", (ROOT / "tests/fuzz/corpus/yaml/all").read_bytes())]


def refused_by(data):
    accepted, errors = modjail_says(data)
    problem = schema_says(data)
    return ([] if accepted else [errors]) + ([problem.message[:300]] if problem else [])


result("there are examples in the documents", [] if len(good) >= 8 else [f"only {len(good)} found"])
for name, data in good:
    result(f"both accept {name}", refused_by(data))

words = [each["const"] for each in validator.schema["definitions"]["word"]["anyOf"] if "const" in each]
calls = [word for each in validator.schema["definitions"]["word"]["anyOf"] for word in each.get("enum", [])]
every = "".join(f"  - {word}\n" for word in words + calls)
result("both accept every word of the schema", refused_by(("version: 1\ndefault:\n" + every).encode()))
capabilities = json.loads(run("caps", "--json").stdout)["capabilities"]
known = {c["name"] for c in capabilities} | {call["name"] for c in capabilities for call in c["calls"]}
result("the schema has every word of modjail policy caps", sorted(known - set(words + calls)))
errnos = validator.schema["definitions"]["errno"]["anyOf"][0]["enum"]
result("both accept every errno of the schema", refused_by(("version: 1\nmodules:\n" + "".join(
    f"  a.org/m{i}: {{errno: {name}}}\n" for i, name in enumerate(errnos))).encode()))
second_names = {"EDEADLOCK", "ENOTSUP", "EWOULDBLOCK"} # of EDEADLK, EOPNOTSUPP and EAGAIN
result("the schema has every errno that Python knows", sorted(set(errno.errorcode.values()) - set(errnos) - second_names))

# ---- bad ones --------------------------------------------------------------------------------------------------

def c_text(literals):
    joined = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
    return joined.encode().decode("unicode_escape").encode("latin-1")


source = (ROOT / "tests/unit/test_yaml.c").read_text()
table = re.search(r"\bbad\[\] = \{\n(.*?)\n\};", source, re.S).group(1)
malformed = [c_text(m) for m in re.findall(r'\{\s*((?:"(?:[^"\\]|\\.)*"\s*)+),', table)]
result("there are malformed policies", [] if len(malformed) > 90 else [f"only {len(malformed)} found in test_yaml.c"])
result("modjail refuses them all", [repr(data) for data in malformed if modjail_says(data)[0]])
result("the schema refuses them, but for what it cannot tell", collected(malformed))

odd = ["version: 0x1", "version: '1'", "version: 01", "version: true", "version: 1\nprogram: 5", "version: 1\nprogram: 1.5",
       "version: 1\nprogram: true", "version: 1\nprogram: a@b", "version: 1\nprogram: 'a,b'", "version: 1\nprogram: '.'",
       "version: 1\nmodules:", "version: 1\nmodules: {}", "version: 1\nmodules: null", "version: 1\nprograms:",
       "version: 1\nprograms: []", "version: 1\nprograms: {}", "version: 1\nmodules: {5: confined}",
       "version: 1\nmodules: {true: []}", "version: 1\nmodules: {~: []}", "version: 1\nmodules: {a.org/a: {}}", "version: 1\ndefault: {}",
       "version: 1\nmodules: {a.org/a: {allow: confined}}", "version: 1\nmodules: {a.org/a: {privileged: True}}",
       "version: 1\nmodules: {a.org/a: {pool: false}}", "version: 1\nmodules: {a.org/a: {pool: 1}}", "version: 1\ndefault: {pool: true}",
       "version: 1\nmodules: {a.org/a: {privileged: false}}", "version: 1\nerrno: 1", "version: 1\nerrno: 4095",
       "version: 1\nerrno: '4095'", "version: 1\nerrno: '4096'", "version: 1\nerrno: ' +0038'", "version: 1\nerrno: '0'",
       "version: 1\nerrno: +5", "version: 1\nerrno: 0x10", "version: 1\nerrno: 1.0", "version: 1\nerrno: 1e1",
       "version: 1\nerrno: EWOULDBLOCK", "version: 1\nerrno: EAGAIN", "version: 1\ndefault: ''", "version: 1\ndefault: []",
       "version: 1\nprograms: [{path: /x, policy: 5}]", "version: 1\nprograms: [{path: 5, policy: x}]",
       "version: 1\nprograms: [{path: '', policy: x}]", "version: 1\nprograms: [{path: /x, policy: y}, {path: /y, policy: y}]",
       "version: 1\nprograms: [{path: /x, policy: y}, {path: /x, policy: y}]", "version: 1\nprograms: [{path: /x, policy: Null}]",
       'version: 1\nmodules: {"a\\"b": []}', "version: 1\nmodules: {'a`b': []}", "version: 1\nmodules: {'a=b': []}",
       "version: 1\nmodules: {'a\\b': []}", "version: 1\nmodules: {'a[b]^_~!#$%&()*+;<>?{|}-': []}", "version: 1\nmodules: {ä: []}",
       "version: 1\nmodules: {c: []}", "version: 1\nmodules: {cc: []}", "version: 1\nmodules: {main: []}"]
result("numbers, nothing and odd names: both say the same", collected(text.encode() for text in odd))

sound = c_text(re.search(r"\bsound\[\] = (.*?);", source, re.S).group(1))
result("both accept the policy that is changed from here on", refused_by(sound))
changed = []
for i in range(len(sound)):
    changed += [sound[:i] + b"Q" + sound[i + 1:], sound[:i] + sound[i + 1:]]
chance = random.Random(1)
for _ in range(600):
    data = bytearray(sound)
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.choice(b"\n :-[]{}\"'~aZ1/,")
    changed.append(bytes(data))
result(f"{len(changed)} policies with changed bytes: both say the same", collected(changed))
for reason, count in seen.items():
    result(f"what a schema cannot tell occurs here: {reason}", [] if count else ["never seen: take it out of the list"])
folder.cleanup()
done()
