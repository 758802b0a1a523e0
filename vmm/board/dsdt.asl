// SPDX-License-Identifier: MIT
// The devices of a VM's PC for ACPI. Each has its model in vmm/devices/.
DefinitionBlock ("", "DSDT", 2, "HUSK", "HUSKPC", 1)
{
    // The SLP_TYP in PM1 control that switches off: SLEEP_TYPE_S5 in vmm/devices/acpi_pm.c.
    Name (\_S5, Package () {5, 0, 0, 0})

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (_CRS, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0, 0, 0, 0, 1)
                IO (Decode16, 0x0CF8, 0x0CF8, 1, 8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0000, 0x0CF7, 0, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0, 0x0D00, 0xFFFF, 0, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0, 0x000A0000, 0x000BFFFF, 0, 0x00020000)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable,
                    ReadWrite, 0, 0xC0000000, 0xFEAFFFFF, 0, 0x3EB00000)
            })
            // Pin p of slot s, of 1 to 31, has interrupt 10 if s + p is odd, else 11: pci_bus_irq
            // in vmm/board/pci_bus.h.
            Method (_PRT)
            {
                Local0 = Package (124) {}
                For (Local1 = 0, Local1 < 124, Local1++)
                {
                    Local2 = Package (4) {}
                    Local2[0] = ((Local1 >> 2) + 1) << 16 | 0xFFFF
                    Local2[1] = Local1 & 3
                    Local2[2] = 0
                    Local2[3] = 10 + ((Local1 >> 2 ^ Local1) & 1)
                    Local0[Local1] = Local2
                }
                Return (Local0)
            }
        }

        Device (PIC)
        {
            Name (_HID, EisaId ("PNP0000"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0020, 0x0020, 1, 2)
                IO (Decode16, 0x00A0, 0x00A0, 1, 2)
                IO (Decode16, 0x04D0, 0x04D0, 1, 2)
                IRQNoFlags () {2}
            })
        }

        Device (TIMR)
        {
            Name (_HID, EisaId ("PNP0100"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0040, 0x0040, 1, 4)
                IRQNoFlags () {0}
            })
        }

        Device (HPET)
        {
            Name (_HID, EisaId ("PNP0103"))
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
            })
        }

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 2)
                IRQNoFlags () {8}
            })
        }

        Device (KBD)
        {
            Name (_HID, EisaId ("PNP0303"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0060, 0x0060, 1, 1)
                IO (Decode16, 0x0064, 0x0064, 1, 1)
                IRQNoFlags () {1}
            })
        }

        Device (SPKR)
        {
            Name (_HID, EisaId ("PNP0800"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0061, 0x0061, 1, 1)
            })
        }

        Device (COM1)
        {
            Name (_HID, EisaId ("PNP0501"))
            Name (_UID, 1)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x03F8, 0x03F8, 1, 8)
                IRQNoFlags () {4}
            })
        }

        // What must not be given to another device. Ports for no driver: POST code, system port,
        // debug console, exit port, power management. Memory: the configuration space of PCI.
        Device (MISC)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0080, 0x0080, 1, 1)
                IO (Decode16, 0x0092, 0x0092, 1, 1)
                IO (Decode16, 0x00E9, 0x00E9, 1, 1)
                IO (Decode16, 0x00F4, 0x00F4, 1, 1)
                IO (Decode16, 0x0600, 0x0600, 1, 12)
                Memory32Fixed (ReadWrite, 0xFEB00000, 0x00100000)
            })
        }
    }
}
