# SPDX-License-Identifier: Apache-2.0
#
# Every message that docs/TROUBLESHOOTING.md quotes is one that the sources can print, and every part of the page that it
# points to exists. As TAP. A message is a line of a block ```message, or the first cell of a table under the head
# "message"; the dots of … stand for what differs.
import pathlib, re, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "policy", "symbolizer", "preload", "supervisor", "doctor", "cli"]
page = (ROOT / "docs/TROUBLESHOOTING.md").read_text()
tests = failed = 0


def result(description, problems):
    global tests, failed
    tests += 1
    failed += bool(problems)
    print(f"{'not ok' if problems else 'ok'} {tests} - {description.replace('#', ' ')}")
    for problem in problems:
        print("#   " + problem)


# ---- what the sources can print: adjacent literals as one, each conversion as … ----------------------------------

CONVERSION = re.compile(r"%[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|z|j)?[diouxXcsfp]")
ESCAPES = {"n": "\n", '"': '"', "\\": "\\", "t": "\t", "v": "\v"}


def literals(text):
    text = re.sub(r"/\*.*?\*/|//[^\n\"]*\n", " ", text, flags=re.S)
    text = re.sub(r"^\s*#\s*include.*$", "", text, flags=re.M)
    for match in re.finditer(r'(?:"(?:[^"\\\n]|\\.)*"[\s\\]*(?:PRI[a-zA-Z0-9]+\s*)?)+', text):
        joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', match.group(0)))
        joined = re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), joined)
        yield CONVERSION.sub("…", joined).replace("%%", "%")


known = [literal for folder in FOLDERS for source in sorted((ROOT / folder).glob("*.[ch]"))
         for literal in literals(source.read_text())]
result("the sources have messages", [] if len(known) > 500 else [f"only {len(known)} found"])
text = "\0".join(known)

# ---- what the page quotes ------------------------------------------------------------------------------------

quoted = [line for block in re.findall(r"^```message\n(.*?)^```", page, re.M | re.S) for line in block.splitlines()]
for table in re.findall(r"^\| message \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M):
    quoted += re.findall(r"^\| `(.*?)` \|", table, re.M)
result("the page quotes messages", [] if len(quoted) > 80 else [f"only {len(quoted)} found"])


def problems(message):
    parts = [part.strip() for part in re.sub(r"^modjail: ", "", message).split("…")]
    told = [part for part in parts if len(part) > 2]
    if not told or max(map(len, told)) < 8:
        return ["too little of it is quoted to be looked for"]
    return [f'nowhere in the sources: "{part}"' for part in told if part not in text]


for message in quoted:
    result(f"still printed: {message[:70]}", problems(message))

# ---- links -----------------------------------------------------------------------------------------------------

def anchor(heading):
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def anchors(path):
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", path.read_text(), re.M)}


for name, target in re.findall(r"\]\(([^)#]*)#([^)]*)\)", page):
    path = ROOT / "docs" / name if name else ROOT / "docs/TROUBLESHOOTING.md"
    path = path.resolve()
    result(f"there is {name} #{target}", [] if path.exists() and target in anchors(path) else ["no such heading"])
print(f"1..{tests}")
sys.exit(failed > 0)
