/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Labels in place of what is private: "container-1" for a namespace's name, "veth-2" for a
 * device's, "addr-3" and "mac-4" for addresses. The same thing has the same label in the whole
 * report, and in the next one as long as nothing changed: labels are numbered in the order of the
 * inventory.
 */
#ifndef TRUESUM_REPORT_LABELS_H
#define TRUESUM_REPORT_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct inventory;
struct labels;

#define LABEL_SIZE 300 /* room for each label, and for each name that is shown as it is */

/*
 * The inventory must live as long as the labels. `real`: names and addresses are shown as they are.
 * `hostname` is this host's. -ENOMEM with a sentence.
 */
int labels_make(const struct inventory *inventory, const char *hostname, bool real,
		struct labels **ret_labels);
void labels_free(struct labels *labels);

/* Printable text for `ret_text`, of at least LABEL_SIZE bytes. */
void labels_space(const struct labels *labels, size_t space, char *ret_text);
void labels_device(const struct labels *labels, size_t space, size_t device, char *ret_text);

/* Family AF_INET, AF_INET6, or AF_PACKET for a MAC. Loopback addresses are no secret. */
void labels_address(struct labels *labels, int family, const uint8_t *address, char *ret_text);

/*
 * A sentence or a name from somewhere else, printable: labels replace each name of the inventory
 * and of this host, each address, and each number that may identify a container.
 */
void labels_sentence(struct labels *labels, const char *text, char *ret_text, size_t size);

/* Text about the kernel: only this host's own name is replaced. */
void labels_kernel(const struct labels *labels, const char *text, char *ret_text, size_t size);

/*
 * Whether a device's name is one that the kernel, systemd or a usual program gives: "eth0",
 * "enp3s0f1", "docker0". One with an address in it, as "enx0200c0a80101", is none.
 */
bool labels_is_usual(const char *device);

#endif
