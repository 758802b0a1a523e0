# SPDX-License-Identifier: MIT
"""A USB keyboard steers Husk: at a root port, behind hubs, plugged in again, beside a PS/2 one."""

import time

import pytest

from screen import Screen

KEYBOARD = r"USB: port {} of \S+: a keyboard$"
# The controllers of QEMU have four ports for USB 3 before those for USB 2.
MACHINES = {
    "root-port": {
        "machine": "q35,i8042=off",
        "extra": ("-device", "qemu-xhci,id=x", "-device", "usb-kbd,id=k,bus=x.0,port=1"),
        "port": "5",
    },
    "hubs-uefi": {
        "machine": "q35,i8042=off",
        "firmware": "uefi",
        "extra": (
            *("-device", "pcie-root-port,id=r,chassis=1", "-device", "nec-usb-xhci,id=x,bus=r"),
            *("-device", "usb-hub,bus=x.0,port=2", "-device", "usb-hub,bus=x.0,port=2.8"),
            *("-device", "usb-kbd,id=k,bus=x.0,port=2.8.3"),
        ),
        "port": r"6\.8\.3",
    },
    "full-speed-pc": {
        "machine": "pc,i8042=off",
        "extra": (
            *("-device", "qemu-xhci", "-device", "nec-usb-xhci,id=x"),
            *("-device", "usb-mouse,bus=x.0,port=1"),
            *("-device", "usb-kbd,id=k,bus=x.0,port=2,usb_version=1"),
        ),
        "port": "6",
    },
}


@pytest.fixture
def boot_usb(boot):
    """Boots one of MACHINES; returns machine and screen when the keyboard has been found."""

    def start(name, command_line="", **more):
        spec = {**MACHINES[name], **more}
        port = spec.pop("port")
        machine = boot(command_line, emulator="qemu", **spec)
        screen = Screen(machine, text_mode=spec.get("firmware") != "uefi")
        screen.wait_for(KEYBOARD.format(port), timeout=90)
        return machine, screen

    return start


@pytest.mark.parametrize("name", MACHINES)
def test_the_monitor_works_with_a_usb_keyboard_alone(boot_usb, name):
    """A guest that never halts has the same CPU."""
    _, screen = boot_usb(name, "guests=hog", serial=False)
    keyboard = screen.monitor
    keyboard.type_keys("hello")
    keyboard.press("ctrl-u", "shift-v", "caps_lock", "e", "caps_lock", "r", "s", "shift-minus")
    screen.wait_for(r"^husk> VErs_$")
    keyboard.press("backspace", "left", "delete", "home", "delete", "x", "end", "slash")
    screen.wait_for(r"^husk> xEr/$")
    keyboard.press("ctrl-c", "v", "e", "r", "tab", "ret")
    screen.wait_for(r"^Husk \d")


@pytest.mark.parametrize("name", ["root-port", "hubs-uefi"])
def test_unplugged_and_plugged_in_again(boot_usb, name):
    machine, screen = boot_usb(name)
    port = MACHINES[name]["port"]
    bus_port = MACHINES[name]["extra"][-1].split(",", 1)[1].replace("id=k,", "")
    for count in range(1, 4):
        screen.monitor.command("device_del k")
        machine.expect(rf"USB: port {port} of \S+: it is gone", timeout=30)
        screen.monitor.command(f"device_add usb-kbd,id=k,{bus_port}")
        machine.expect(rf"USB: port {port} of \S+: a keyboard", timeout=30)
        screen.monitor.type_keys("x")
        screen.wait_for(rf"^husk> {'x' * count}$")


def test_a_hub_is_unplugged_with_its_keyboard(boot_usb):
    machine, screen = boot_usb("root-port")
    monitor = screen.monitor
    monitor.command("device_del k")
    machine.expect(r"it is gone", timeout=30)
    for _ in range(2):
        monitor.command("device_add usb-hub,id=h,bus=x.0,port=3")
        machine.expect(r"USB: port 7 of \S+: a hub", timeout=30)
        monitor.command("device_add usb-kbd,id=k,bus=x.0,port=3.1")
        machine.expect(r"USB: port 7\.1 of \S+: a keyboard", timeout=30)
        monitor.type_keys("version\n")
        machine.expect(r"Husk \d", timeout=30)
        monitor.command("device_del k")
        monitor.command("device_del h")
        machine.expect(r"USB: port 7 of \S+: it is gone", timeout=30)


def test_a_held_key_repeats(boot_usb):
    _, screen = boot_usb("root-port")
    screen.monitor.command("sendkey a 1500")
    screen.wait_for(r"^husk> a{5,}$")
    time.sleep(1)
    lines = screen.lines()
    time.sleep(1)
    assert screen.lines() == lines


def test_it_works_again_after_a_reboot(boot_usb):
    machine, screen = boot_usb("root-port")
    for _ in range(2):
        machine.expect(r"USB: port 5 of \S+: a keyboard", timeout=60)
        screen.monitor.type_keys("reboot\n")
    machine.expect(r"USB: port 5 of \S+: a keyboard", timeout=60)


def test_both_keyboards_work(boot_usb):
    """QEMU types on the one that was plugged in last."""
    machine, screen = boot_usb("root-port", machine="q35")
    screen.monitor.type_keys("ver")
    screen.wait_for(r"^husk> ver$")
    screen.monitor.command("device_del k")
    machine.expect(r"it is gone", timeout=30)
    screen.monitor.type_keys("sion\n")
    screen.wait_for(r"^Husk \d")


def test_a_controller_can_be_left_alone(boot):
    spec = {key: value for key, value in MACHINES["root-port"].items() if key != "port"}
    machine = boot("no=xhci", emulator="qemu", **spec)
    machine.expect(r"USB: no keyboards: off by no=", timeout=60)
    machine.expect(r"keyboard: none: there is no PS/2 controller", timeout=60)
    machine.expect_prompt(timeout=60)
    time.sleep(2)
    assert "xHCI" not in "".join(machine.command("log"))


def test_without_a_screen_controllers_are_left_alone(boot):
    spec = {key: value for key, value in MACHINES["root-port"].items() if key != "port"}
    machine = boot("console=serial", emulator="qemu", **spec)
    machine.expect_prompt(timeout=60)
    time.sleep(2)
    assert "USB" not in "".join(machine.command("log"))


@pytest.mark.parametrize("cpu", ["corei7_skylake_x", "ryzen"])
def test_bochs_controller(boot, cpu):
    """Its ports have no power after a reset, and it tells of nothing when they get it."""
    extra = (
        "pci: enabled=1, chipset=i440fx, slot1=usb_xhci",
        "usb_xhci: enabled=1, port3=keypad, port4=hub",
    )
    machine = boot("guests=hello", emulator="bochs", cpu=cpu, extra=extra)
    machine.expect(r"USB: port 3 of \S+: a keyboard", timeout=60)
    machine.expect(r"USB: port 4 of \S+: a hub", timeout=60)
