#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes Husk's own font as NASM source: 256 characters of 16 lines, and of 8.
# usage: font.sh drivers/font.c > font.inc
set -eu

awk '
/^    \{0x/ {
    glyphs[count++] = substr($1, 4, 16) substr($2, 3, 16)
}
# In the font of 8 lines, a line is two lines of the other one.
function print_font(name, lines,    character, glyph, at) {
    print name ":"
    for (character = 0; character < 256; character++) {
        glyph = glyphs[character >= 32 && character < 127 ? character - 32 : count - 1]
        printf "    db "
        for (at = 1; at <= 32; at += 32 / lines)
            printf "%s0x%s%s", (at == 1 ? "" : ", "), substr(glyph, at, 2),
                   (lines == 8 ? " | 0x" substr(glyph, at + 2, 2) : "")
        print ""
    }
}
END {
    if (count != 96)
        exit 1
    print_font("font_16", 16)
    print_font("font_8", 8)
}' "$1"
