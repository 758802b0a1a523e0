// SPDX-License-Identifier: MIT
// Reads net=.
#include "vmm/config/config_net.h"

#include "vmm/config/config.h"
#include "vmm/config/config_words.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define MAC_KEY "mac="
#define MAC_KEY_LENGTH (sizeof(MAC_KEY) - 1)
#define MAC_TEXT_LENGTH (3 * sizeof(struct mac_address) - 1)

// Six bytes in hexadecimal with colons. A card's own address is not 0, and not that of a group.
static bool parse_mac(const char *text, size_t length, struct mac_address *mac)
{
    unsigned any = 0;
    for (size_t i = 0; i < sizeof(mac->bytes) && length == MAC_TEXT_LENGTH; i++) {
        unsigned high = text_digit(text[3 * i]);
        unsigned low = text_digit(text[3 * i + 1]);
        if (high > 15 || low > 15 || (i > 0 && text[3 * i - 1] != ':')) {
            return false;
        }
        mac->bytes[i] = (uint8_t)(high << 4 | low);
        any |= mac->bytes[i];
    }
    return any != 0 && !(mac->bytes[0] & 1);
}

static enum status parse_option(struct config_item item, struct net_config *net, struct reason *why)
{
    if (config_item_is(item, "promisc")) {
        net->promiscuous = true;
        return STATUS_OK;
    }
    if (item.length < MAC_KEY_LENGTH || memcmp(item.text, MAC_KEY, MAC_KEY_LENGTH) != 0) {
        return refuse(why, STATUS_INVALID, "net=%s: behind the name: expected mac= or promisc",
                      net->name);
    }
    if (!parse_mac(item.text + MAC_KEY_LENGTH, item.length - MAC_KEY_LENGTH, &net->mac)) {
        return refuse(why, STATUS_INVALID,
                      "net=%s: mac=: expected one card's address, such as 52:54:00:12:34:56",
                      net->name);
    }
    net->has_mac = true;
    return STATUS_OK;
}

enum status config_parse_net(const char *value, struct vm_config *config, struct reason *why)
{
    struct config_item item;
    if (config->net_count == VM_NETS_MAX) {
        return refuse(why, STATUS_RANGE, "net=%.24s: a VM has at most %u of them", value,
                      VM_NETS_MAX);
    }
    struct net_config *net = &config->nets[config->net_count++];
    *net = (struct net_config){0};
    (void)config_next_item(&value, &item); // there is one, maybe empty
    if (!config_parse_name(item.text, item.length, net->name, sizeof(net->name))) {
        return refuse(why, STATUS_INVALID, "net=: a switch's name is %s", CONFIG_NAME_RULE);
    }
    while (config_next_item(&value, &item)) {
        enum status status = parse_option(item, net, why);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}
