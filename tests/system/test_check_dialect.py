# SPDX-License-Identifier: MIT
"""The dialect of C: what the check finds, and what it makes of it."""

import check_dialect
import pytest

FUNCTION = "bool f(struct a *p, struct a *q)\n{{\n{}}}\n"

# The body of a function, and what it becomes.
CHANGED = {
    "blank": ("    int a = 1;\n\n    g(a);\n", "    int a = 1;\n    g(a);\n"),
    "types": (
        "    struct a *b;\n    const char *const c[] = {\n        0,\n    };\n    // Why.\n"
        "    uint8_t d[2], e;\n\n    g();\n",
        "    struct a *b;\n    const char *const c[] = {\n        0,\n    };\n    // Why.\n"
        "    uint8_t d[2], e;\n    g();\n",
    ),
    "equal": ("    if (p->q[i(2)].r == NULL) {\n", "    if (!p->q[i(2)].r) {\n"),
    "unequal": ("    while (p != NULL && *q != NULL) {\n", "    while (p && *q) {\n"),
    "string": ('    if (h(p, "a)") == NULL) {\n', '    if (!h(p, "a)")) {\n'),
    "assigned": ("    if ((p = g()) == NULL) {\n", "    if (!(p = g())) {\n"),
    "pointee": ("    g(*p == NULL);\n", "    g(!*p);\n"),
    "or": ("    if (p == NULL || g(p) != NULL) {\n", "    if (!p || g(p)) {\n"),
    "returned": ("    return p != NULL;\n", "    return p;\n"),
    "chosen": ("    n = p != NULL ? *p : 0;\n", "    n = p ? *p : 0;\n"),
    "loop": ("    for (; p != NULL; p = p->next) {\n", "    for (; p; p = p->next) {\n"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_changed(name):
    before, after = (FUNCTION.format(body) for body in CHANGED[name])
    assert check_dialect.findings(before)
    assert check_dialect.fixed(before) == after
    assert not check_dialect.findings(after)


FOUND = {
    "as-number": "    n += p != NULL;\n",
    "as-operand": "    return (p != NULL) == (q != NULL);\n",
    "cast": "    g((struct b *)p == NULL);\n",
    "ladder": "    if (s == STATUS_OK) {\n        s = g();\n    }\n    return s == STATUS_OK;\n",
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_only_found(name):
    text = FUNCTION.format(FOUND[name])
    assert check_dialect.findings(text)
    assert check_dialect.fixed(text) == text


FINE = {
    "comment": "    // p == NULL\n    g(\"q != NULL\");\n",
    "later-blank": "    int a = 1;\n    g(a);\n\n    g(a);\n",
    "no-declaration": "    g(p);\n\n    return q;\n",
    "one-status": "    return g(p) == STATUS_OK;\n",
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine(name):
    assert not check_dialect.findings(FUNCTION.format(FINE[name]))
