# SPDX-License-Identifier: MIT
"""What is broken on the command line or in a module costs one clear line and only that VM."""

import struct

ELF_ENTRY = 24  # offset of e_entry in an ELF64 header


def outside(image):
    """The same ELF with an entry point far outside any VM's memory."""
    changed = bytearray(image)
    struct.pack_into("<Q", changed, ELF_ENTRY, 1 << 40)
    return bytes(changed)


def test_each_bad_line_is_named_and_the_rest_boots(boot, build, tmp_path):
    hello = build / "guests/hello.elf"
    image = hello.read_bytes()
    payloads = {
        "junk": b"neither this nor that " * 100,
        "empty": b"",
        "short": image[:80],
        "entry": outside(image),
        "cut": image[: len(image) // 2],
        "sector": bytes(510) + b"\x55\xaa",
    }
    for name, data in payloads.items():
        (tmp_path / name).write_bytes(data)
    modules = [(tmp_path / name, f"vm={name} mem=16M") for name in payloads]
    modules += [
        (hello, "vm=big mem=100G"),
        (hello, "mem=16M"),
        (hello, "vm=odd mem=lots"),
        (hello, "vm=odd"),
        (hello, "vm=far cpu=99"),
        (hello, "vm=good"),
        (hello, "vm=good mem=16M"),
    ]
    machine = boot(
        "guests=hello,nosuch foo=1 on-idle=perhaps console=smoke",
        modules,
        emulator="bochs",
        cpus=2,
    )
    complaints = [
        "foo=: unknown",
        "on-idle=perhaps: expected",
        "smoke",
        "no guest 'nosuch'",
        "vm=big: mem=",
        '"mem=16M": vm=NAME is missing',
        "mem=lots: expected",
        '"vm=odd": vm=odd: the first line of this VM was refused',
        "vm=far: cpu=99",
        "[junk] not started: ",
        "[empty] not started: ",
        "[short] not started: ",
        "[entry] not started: ",
        "[cut] not started: ",
    ]
    machine.expect(r"\[hello\] ended: exit status 42", timeout=90)
    machine.expect_prompt(timeout=30)
    log = "\n".join(machine.command("log"))
    for complaint in complaints:
        assert complaint in log, complaint
    rows = {line.split()[0]: line for line in machine.command("vms")[1:]}
    assert "ended" in rows["good"]
    assert not {"big", "odd", "far"} & rows.keys()
