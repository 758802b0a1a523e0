// SPDX-License-Identifier: MIT
// What the loaders of vmm/load*.c share: bounded reads from a payload, bounded writes to RAM.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_request;
struct load_result;
struct payload;

#define LOADER_NAME "Husk" // Multiboot tells the payload the loader's name

// A piece of a payload and its place in RAM. It has `file_bytes` from `offset` on, then zeros up to
// `memory_bytes`. `what` and `index` name it in a refusal: "ELF segment", 3.
struct load_piece {
    const char *what;
    unsigned index;
    uint64_t offset;
    uint64_t file_bytes;
    uint64_t address;
    uint64_t memory_bytes;
};

// Copies `bytes` from `offset` of the payload. False: the payload is too short.
bool payload_read(const struct payload *payload, uint64_t offset, void *into, uint64_t bytes);

enum status load_copy(const struct payload *payload, const struct guest_memory *memory,
                      const struct load_piece *piece, struct reason *why);

// Whether a Multiboot 1 header lies in the first 8192 bytes.
bool multiboot1_recognise(const struct payload *payload);
// Whether a Multiboot 2 header lies in the first 32768 bytes.
bool multiboot2_recognise(const struct payload *payload);
// Whether the magic of a Linux kernel's header is at its place.
bool linux_recognise(const struct payload *payload);
// Whether a boot sector's signature is at its place.
bool flat_recognise(const struct payload *payload);

// One loader for each kind. The caller has filled `result` with zeros.
enum status load_flat(const struct load_request *request, const struct guest_memory *memory,
                      struct load_result *result, struct reason *why);
enum status load_elf32(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
enum status load_elf64(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
enum status load_linux(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why);
enum status load_multiboot1(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why);
enum status load_multiboot2(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why);
