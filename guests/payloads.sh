#!/bin/sh
# SPDX-License-Identifier: MIT
# Writes payloads.asm and payloads.c into a folder: the guests' bytes, and the table of them.
#
# usage: payloads.sh FOLDER FIRMWARE-ROM GUEST-FILE...
set -eu

folder=$1
firmware=$2
shift 2

# The purpose is what follows the colon in the first heading of the guest's README.md.
purpose_of() {
    sed -n '/^# /{s/^# [^:]*: *//p;q;}' "guests/$1/README.md" | tr -d '\\"'
}

symbol_of() {
    echo "payload_$1" | tr -c 'a-zA-Z0-9_\n' _
}

{
    echo "; SPDX-License-Identifier: MIT"
    echo "; The bytes of each guest that is linked into the kernel. Made by guests/payloads.sh."
    echo "section .rodata"
    for file in "$@"; do
        symbol=$(symbol_of "$(basename "${file%.*}")")
        echo "align 16"
        echo "global $symbol"
        echo "$symbol: incbin \"$file\""
    done
    echo "align 16"
    echo "global firmware_rom, firmware_rom_end"
    echo "firmware_rom: incbin \"$firmware\""
    echo "firmware_rom_end:"
} > "$folder/payloads.asm"

{
    echo "// SPDX-License-Identifier: MIT"
    echo "// The table of the guests that are linked into the kernel. Made by guests/payloads.sh."
    echo '#include "boot/payloads.h"'
    for file in "$@"; do
        echo "extern const uint8_t $(symbol_of "$(basename "${file%.*}")")[];"
    done
    echo "const struct linked_payload linked_payloads[] = {"
    for file in "$@"; do
        name=$(basename "${file%.*}")
        size=$(($(wc -c < "$file")))
        echo "    {\"$name\", $(symbol_of "$name"), $size, \"$(purpose_of "$name")\"},"
    done
    # C has no empty arrays: the last entry is not counted.
    echo "    {0},"
    echo "};"
    echo "const unsigned linked_payload_count = $#;"
} > "$folder/payloads.c"
