// SPDX-License-Identifier: MIT
// Moves bytes between the two queues of a console and its line. Neither end loses any: a buffer
// that the line has no room for is held, and what has no buffer of the guest stays in the line.
#include "vmm/devices/virtio/virtio_console.h"

#include "vmm/devices/virtio/virtqueue.h"

#define FEATURE_SIZE BIT(0) // VIRTIO_CONSOLE_F_SIZE (virtio 1.2, 5.3.3)

static_assert(sizeof(struct virtio_console_config) == 12, "virtio 1.2, 5.3.4");

#define STEP_BYTES (4 * KIB) // a step moves no more
#define BUFFER_COST 256      // of the budget, beside the bytes

static bool has_input(struct virtio_console *console)
{
    if (console->input_read == console->input_count) {
        console->input_read = 0;
        console->input_count =
            console->line->take(console->line, console->input, VIRTIO_CONSOLE_INPUT_BYTES);
    }
    return console->input_read < console->input_count;
}

// Linux reads the size only when it is told of a change, and not before its console is set up. Who
// types has seen that it is.
static void tell_size(struct virtio_console *console)
{
    if (!console->told) {
        console->told = true;
        virtio_device_config_changed(&console->device);
    }
}

static bool serve_receive(struct virtio_console *console, struct virtqueue *queue,
                          const struct virtqueue_rings *rings, int64_t *budget)
{
    struct virtio_memory *memory = console->device.memory;
    const struct virtio_chain *chain = &console->chain;
    while (*budget > 0) {
        if (!has_input(console) || !virtqueue_pop(queue, memory, rings, &console->chain)) {
            return false;
        }
        struct virtio_cursor cursor = virtio_chain_writable(chain);
        uint64_t bytes = MIN(chain->writable_bytes, console->input_count - console->input_read);
        if (!virtio_chain_write(chain, &cursor, memory, console->input + console->input_read,
                                bytes)) {
            queue->broken = true;
            return false;
        }
        console->input_read += (unsigned)bytes;
        virtqueue_push(queue, rings, chain->head, (uint32_t)bytes);
        *budget -= BUFFER_COST + (int64_t)bytes;
        tell_size(console);
    }
    return true;
}

// Takes the next buffer to print, or reads the one again that is held. The guest may have changed
// it since.
static bool take_buffer(struct virtio_console *console, struct virtqueue *queue,
                        const struct virtqueue_rings *rings)
{
    struct virtio_memory *memory = console->device.memory;
    if (console->holds) {
        return virtqueue_reread(queue, memory, rings, console->head, &console->chain);
    }
    if (!virtqueue_pop(queue, memory, rings, &console->chain)) {
        return false;
    }
    console->holds = true;
    console->head = console->chain.head;
    console->sent = 0;
    return true;
}

// Gives the line the rest of the buffer, as far as the budget and the line's room go. False: it is
// not RAM.
static bool print(struct virtio_console *console, int64_t *budget)
{
    const struct virtio_chain *chain = &console->chain;
    struct virtio_cursor cursor = virtio_chain_readable(chain);
    *budget -= BUFFER_COST;
    virtio_chain_skip(chain, &cursor, console->sent);
    while (console->sent < chain->readable_bytes && !console->blocked) {
        uint64_t bytes = STEP_BYTES;
        const void *piece = virtio_chain_piece(chain, &cursor, console->device.memory, &bytes);
        if (!piece) {
            return false;
        }
        unsigned taken = console->line->put(console->line, piece, (unsigned)bytes);
        console->blocked = taken < bytes;
        console->sent += taken;
        *budget -= taken;
        if (*budget <= 0) {
            break;
        }
    }
    return true;
}

static bool serve_transmit(struct virtio_console *console, struct virtqueue *queue,
                           const struct virtqueue_rings *rings, int64_t *budget)
{
    while (*budget > 0 && !console->blocked) {
        if (!take_buffer(console, queue, rings)) {
            return false;
        }
        if (!print(console, budget)) {
            queue->broken = true;
            return false;
        }
        if (console->sent >= console->chain.readable_bytes) {
            virtqueue_push(queue, rings, console->head, 0);
            console->holds = false;
        }
    }
    return !console->blocked;
}

static bool serve(struct virtio_device *device, unsigned index, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    struct virtio_console *console = container_of(device, struct virtio_console, device);
    struct virtqueue *queue = &device->queues[index];
    return index == VIRTIO_CONSOLE_TRANSMIT ? serve_transmit(console, queue, rings, budget)
                                            : serve_receive(console, queue, rings, budget);
}

static void reset(struct virtio_device *device)
{
    struct virtio_console *console = container_of(device, struct virtio_console, device);
    console->holds = false;
    console->blocked = false;
    console->told = false;
}

static const struct virtio_device_ops console_ops = {
    .type = VIRTIO_CONSOLE,
    .serve = serve,
    .reset = reset,
};

void virtio_console_init(struct virtio_console *console, struct virtio_memory *memory,
                         struct console_line *line, uint16_t columns, uint16_t rows)
{
    *console = (struct virtio_console){
        .line = line,
        .config = {.columns = columns, .rows = rows, .max_ports = 1},
    };
    virtio_device_init(&console->device, &console_ops, memory, FEATURE_SIZE, VIRTIO_CONSOLE_QUEUES,
                       &console->config, sizeof(console->config));
}

bool virtio_console_look(struct virtio_console *console)
{
    if (console->blocked) {
        console->blocked = false;
        virtio_device_notify(&console->device, VIRTIO_CONSOLE_TRANSMIT);
    }
    if (has_input(console)) {
        virtio_device_notify(&console->device, VIRTIO_CONSOLE_RECEIVE);
    }
    return console->device.pending != 0;
}
