#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes an image that boots from CD or USB stick, by BIOS and by UEFI: the same bytes every time.
#
# usage: image.sh IMAGE TREE     (TREE has boot/grub/grub.cfg and all other files for the image)
#
# grub-mkrescue puts the time of day into GRUB's own images, so this script does its steps itself.
set -eu

image=${1:?}
tree=${2:?}
grub=${GRUB_LIB:-/usr/lib/grub}
# This is every date in the image. It has no meaning.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# GRUB finds its medium by the date of the volume. The date is made from the contents, so that two
# sticks in one machine have different dates.
digits=$(find "$tree" -type f | LC_ALL=C sort | while read -r file; do cat "$file"; done | cksum |
    awk '{ n = $1
           printf "%02d%02d%02d%02d", n % 24, n / 24 % 60, n / 1440 % 60, n / 86400 % 100 }')
volume=$(echo "$digits" | sed 's/\(..\)\(..\)\(..\)\(..\)/2026-01-01-\1-\2-\3-\4/')
# shellcheck disable=SC2016 # GRUB expands $root
printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\n' "$volume" \
    > "$work/early.cfg"

mkdir "$work/tree"
cp -R "$tree/." "$work/tree"
for platform in i386-pc x86_64-efi; do
    mkdir "$work/tree/boot/grub/$platform"
    cp "$grub/$platform"/*.mod "$grub/$platform"/*.lst "$work/tree/boot/grub/$platform"
done

# BIOS: the loader of the CD's El Torito entry, which the stick's boot sector starts too.
modules="iso9660 part_gpt part_msdos search_fs_uuid"
# shellcheck disable=SC2086 # the words of $modules are modules
grub-mkimage -O i386-pc-eltorito -d "$grub/i386-pc" -p /boot/grub -c "$work/early.cfg" \
    -o "$work/tree/boot/grub/i386-pc/eltorito.img" biosdisk $modules
# UEFI: a FAT file system with the loader where firmware looks for it.
# shellcheck disable=SC2086 # the words of $modules are modules
grub-mkimage -O x86_64-efi -d "$grub/x86_64-efi" -p /boot/grub -c "$work/early.cfg" \
    -o "$work/BOOTX64.EFI" $modules
mformat -C -f 2880 -L 16 -N 4855534b -i "$work/tree/efi.img" ::
mmd -i "$work/tree/efi.img" ::/EFI ::/EFI/BOOT
mcopy -i "$work/tree/efi.img" "$work/BOOTX64.EFI" ::/EFI/BOOT/BOOTX64.EFI

find "$work/tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
xorriso -as mkisofs -quiet -graft-points --modification-date="20260101$digits" \
    -b boot/grub/i386-pc/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table \
    --grub2-boot-info --grub2-mbr "$grub/i386-pc/boot_hybrid.img" \
    --efi-boot efi.img -efi-boot-part --efi-boot-image --protective-msdos-label \
    -o "$image" -r "$work/tree"
