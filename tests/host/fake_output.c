// SPDX-License-Identifier: MIT
// The fake output: a long buffer.
#include "tests/host/fake_output.h"

#include <stdlib.h>
#include <string.h>

static struct fake_output *fake_of(struct console_output *output)
{
    return container_of(output, struct fake_output, output);
}

static size_t fake_room(struct console_output *output)
{
    struct fake_output *fake = fake_of(output);
    return MIN(fake->room, fake->room_left);
}

static size_t fake_write(struct console_output *output, const char *text, size_t length)
{
    struct fake_output *fake = fake_of(output);
    size_t taken = MIN(length, fake_room(output));
    if (fake->length + taken >= sizeof(fake->text)) {
        abort();
    }
    memcpy(fake->text + fake->length, text, taken);
    fake->length += taken;
    fake->text[fake->length] = '\0';
    if (fake->room_left != SIZE_MAX) {
        fake->room_left -= taken;
    }
    return taken;
}

void fake_output_init(struct fake_output *fake)
{
    fake->output = (struct console_output){.write = fake_write, .room = fake_room, .columns = 80};
    fake->room = SIZE_MAX;
    fake->room_left = SIZE_MAX;
    fake_output_clear(fake);
}

void fake_output_clear(struct fake_output *fake)
{
    fake->length = 0;
    fake->text[0] = '\0';
}
