// SPDX-License-Identifier: MIT
// Husk's command line and the lines of GRUB's modules, as structures.
#pragma once

#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/util/types.h"

#define VM_NAME_MAX 16 // with the final NUL
#define CONFIG_GUESTS_MAX 32
#define VM_MEMORY_DEFAULT (32 * MIB)
#define VM_MEMORY_MIN (1 * MIB)
#define VM_VCPUS_MAX 64
#define VM_SHARE_DEFAULT 100
#define VM_SHARE_MAX 10000

struct husk_config {
    unsigned consoles;    // console=serial,screen: enum console_choice; default: all there are
    unsigned gdb;         // gdb=com2: the one enum console_choice, and its unprobed bit; 0: none
    unsigned guest_count; // guests=hello,ticker
    char guests[CONFIG_GUESTS_MAX][VM_NAME_MAX];
    char focus[VM_NAME_MAX]; // focus=NAME, "" if none
    bool poweroff_on_idle;   // on-idle=poweroff (default on-idle=stay)
    uint64_t features_off;   // no=vpid,x2apic: a bit for each enum optional_feature
};

enum restart_policy { RESTART_NEVER, RESTART_ALWAYS, RESTART_ON_FAILURE };

#define CONFIG_SETTING_BYTES 36 // a key and the first 24 bytes of its value

#define DISK_OVERLAY_MIN (1 * MIB)
#define DISK_OVERLAY_MAX (256 * GIB)
#define VM_RAM_DISKS_MAX 4
#define VM_NETS_MAX 4

// A disk of a VM.
struct disk_config {
    char name[VM_NAME_MAX];
    bool read_only;         // disk=NAME,ro
    bool keep;              // disk=NAME,keep: what was written outlives `stop`
    uint64_t overlay_bytes; // overlay=512M: memory for what is written; 0: DISK_OVERLAY_DEFAULT
    uint64_t ram_bytes;     // ram-disk=NAME:SIZE: its size; 0: it has an image
};

struct mac_address {
    uint8_t bytes[6]; // as on the wire
};

// A network card of a VM.
struct net_config {
    char name[VM_NAME_MAX]; // net=NAME: of the switch
    bool has_mac;           // net=NAME,mac=52:54:00:12:34:56; otherwise Husk chooses
    bool promiscuous;       // net=NAME,promisc: it may send from any address
    struct mac_address mac;
};

struct vm_config {
    char name[VM_NAME_MAX];
    uint64_t memory_bytes;             // mem=512M, mem=1G; whole pages
    unsigned vcpus;                    // cpus=1
    bool pinned;                       // cpu=2 or cpu=1,4-7 was given; otherwise Husk chooses
    uint64_t cpus[HOST_CPUS_MAX / 64]; // a bit for each CPU that the VM's vCPUs may use
    unsigned share; // share=N: of each of its CPUs, beside other VMs; 0: VM_SHARE_DEFAULT
    enum restart_policy restart; // restart=never|always|on-failure
    enum payload_kind kind;      // kind=NAME; PAYLOAD_UNKNOWN: recognise
    bool autostart;              // start=yes|no
    bool no_paravirt;            // pv=no (default pv=yes): no KVM interface
    bool ignore_msrs;            // msrs=ignore (default msrs=fault)
    bool random;                 // rng=yes (default rng=no): an entropy device
    bool balloon;                // balloon=yes (default balloon=no): it can give RAM away
    bool hvc;                    // hvc=yes, or a command line with console=hvc0: a second console
    unsigned ram_disk_count;     // ram-disk=NAME:SIZE
    struct disk_config ram_disks[VM_RAM_DISKS_MAX];
    unsigned net_count; // net=SWITCH
    struct net_config nets[VM_NETS_MAX];
    const char *command_line;           // after `--`, in the caller's text, "" if none
    char setting[CONFIG_SETTING_BYTES]; // the first word with a key other than vm=, "" if none
};

// Reads Husk's own line. Spaces separate words; "quotes" and backslashes are as GRUB writes them.
// Some loaders put the file's path first: a first word with a '/' and without a '=' is skipped. A
// key may be given once. Names consist of letters, digits, '-', '_' and '.'. `complain` gets a line
// for each bad word, which names the word and says what was expected. The rest of the line still
// counts.
void config_parse_husk(const char *line, struct husk_config *config,
                       void (*complain)(void *context, const char *text), void *context);
