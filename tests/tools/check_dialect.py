# SPDX-License-Identifier: MIT
"""Checks that C is written in one dialect, where the compiler takes several.

usage: check_dialect.py [--fix] [FILE...]      (all of ours if none is named)

- No blank line follows the declarations at the start of a function only because they are such.
- A pointer is compared with nothing: `!pointer`, `pointer`.
- An error returns early. A function that asks for `== STATUS_OK` more than once is a ladder.

With --fix the files are changed where that needs no thought. It says what is left.
"""

import argparse
import pathlib
import re
import subprocess
import sys

import source_files

FOLDERS = ["boot", "arch", "vmm", "drivers", "guests", "tests"]

# What the compiler reads neither as code nor as a directive. Newlines stay where they are.
NO_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
STATEMENT = r"return|goto|else|case|default|break|continue|if|for|while|do|switch|typedef"
# The first line of a declaration at the start of a function: a type, a name, and what ends it.
DECLARATION = re.compile(
    rf"    (?!(?:{STATEMENT})\b)(?:[A-Za-z_]\w*[ ]+)*[A-Za-z_]\w*[ ][ *]*(?:const )?"
    r"\(?\*?[A-Za-z_]\w*(?:\[[^;=]*\])*\)?(?:\([^;=]*\))?\s*(?:=|;|,)"
)
NULL = re.compile(r"\s*([!=])=\s*NULL\b")
STATUS_OK = re.compile(r"==\s*STATUS_OK\b")


def masked(text):
    """The text with blanks in place of comments and strings: every offset stays the same."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def functions(code):
    """First offset behind the opening brace, and offset of the closing one, of each function."""
    for match in re.finditer(r"^\{\n(.*?)^\}$", code, re.M | re.S):
        yield match.start(1), match.end(1)


def declaration_blanks(code):
    """The offsets of blank lines that directly follow a function's first declarations."""
    for start, end in functions(code):
        declared, open_declaration, at = False, False, start
        for line in code[start:end].splitlines(keepends=True):
            if line == "\n":
                if declared and not open_declaration:
                    yield at
                    break
            elif not line.strip():
                pass  # a comment
            elif open_declaration or DECLARATION.match(line):
                declared, open_declaration = True, not line.rstrip().endswith(";")
            else:
                break
            at += len(line)


def operand_start(code, end):
    """Where the operand begins that ends at `end`: names, members, calls, indices, stars."""
    at = end
    while True:
        before = code[:at].rstrip()
        if before.endswith((")", "]")):
            depth, at = 0, len(before)
            while True:
                at -= 1
                depth += (code[at] in ")]") - (code[at] in "([")
                if depth == 0:
                    break
            if re.search(r"[\w\])]$", code[:at]):
                continue
        else:
            at = len(before) - len(re.search(r"\w*$", before)[0])
        if code[:at].endswith("->"):
            at -= 2
        elif code[:at].endswith("."):
            at -= 1
        else:
            break
    stars = re.search(r"(?<![\w)\]]) ?([*&]+)$|(?<=[(!])([*&]+)$", code[:at])
    return at - len((stars[1] or stars[2]) if stars else "")


def returns_bool(code, at):
    """Whether the function around an offset returns bool."""
    head = code[: code.rfind("\n{\n", 0, at)]
    return re.search(r"\bbool\b", head[head.rfind("\n\n") + 1 :].split("(")[0]) is not None


def is_condition(code, start, end):
    """Whether only the truth of code[start:end] matters where it stands."""
    before, after = code[:start].rstrip(), code[end:].lstrip()
    if not after.startswith((")", "&&", "||", ";", "?")):
        return False
    if after.startswith("?") and before.endswith(("return", "=", "(", ",")):
        return True
    if before.endswith("return"):
        return returns_bool(code, start)
    if before.endswith(("&&", "||")) or re.search(r"\b(?:if|while) \($", before):
        return True
    if re.search(r"\bbool \w+ =$", before) or before.endswith(("assert_true(", "assert_false(")):
        return True
    return before.endswith(";") and re.search(r"\bfor \([^\n{}]*$", before) is not None


def null_comparisons(code):
    """Each comparison with NULL: where it begins, where its operand ends, where it ends, and what
    goes in front of the operand instead; None where a person is to decide."""
    for match in NULL.finditer(code):
        start = operand_start(code, match.start())
        instead = None
        if code[start : match.start()].strip() and not code[:start].rstrip().endswith(")"):
            if match[1] == "=":
                instead = "!"
            elif is_condition(code, start, match.end()):
                instead = ""
        yield start, match.start(), match.end(), instead


def ladders(code):
    """The offset of each `== STATUS_OK` of a function but its first."""
    for start, end in functions(code):
        for match in list(STATUS_OK.finditer(code, start, end))[1:]:
            yield match.start()


def findings(text):
    """Each violation as (line, what it is)."""
    code = masked(text)
    found = [(at, "a blank line after declarations") for at in declaration_blanks(code)]
    found += [(start, "a comparison with NULL") for start, *_ in null_comparisons(code)]
    found += [(at, "one more `== STATUS_OK`: return early") for at in ladders(code)]
    return [(text.count("\n", 0, at) + 1, what) for at, what in sorted(found)]


def fixed(text):
    """The text with all changes that need no thought."""
    for start, operand_end, end, instead in reversed(list(null_comparisons(masked(text)))):
        if instead is not None:
            text = text[:start] + instead + text[start:operand_end] + text[end:]
    for at in reversed(list(declaration_blanks(masked(text)))):
        text = text[:at] + text[at + 1 :]
    return text


def fix(path):
    text = path.read_text(encoding="utf-8")
    if fixed(text) != text:
        path.write_text(fixed(text), encoding="utf-8")
        subprocess.run(["clang-format", "-i", path], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    found = []
    for path in arguments.files or source_files.find(".c", ".h", folders=FOLDERS):
        if arguments.fix:
            fix(path)
        for line, what in findings(path.read_text(encoding="utf-8")):
            found.append(f"{path}:{line}: {what}")
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
