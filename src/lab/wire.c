// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wire: see wire.h.
 *
 * A frame is read with its virtio_net_hdr, perhaps damaged, and written on. What the host's NIC claims
 * about it is not decided here but by tc programs at the host's port; the switch only tells the honest
 * NIC which frames it damaged, in the source MAC address, which nobody else looks at. For a host that
 * gets sums unfinished the checksum field is replaced by the pseudo-header's sum, as a hypervisor's
 * guest leaves it, and the header says where the rest is to be put.
 */
#include "lab/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/fail.h"
#include "bpf/mark.h"
#include "net/port.h"
#include "packet/locate.h"
#include "packet/damage.h"
#include "sum/csum.h"

#define FRAME_MAX (65536 + 256) /* a GSO super-packet of a sender that is a container */
#define FRAMES_A_ROUND 32 /* then the other wires get their turn */
#define TCP_SYN 0x02

struct wire {
	struct wire_settings settings;
	struct loop_source *from_sender, *from_host;
	struct wire_counts counts;
	bool window;
	bool has_first;
	uint32_t first; /* TCP sequence number of the sender's first data byte */
	uint64_t damage_number; /* how many segments the pattern was asked to damage */
};

/* One buffer for all wires: a frame is written on before the next is read. */
static union {
	struct virtio_net_hdr header;
	uint8_t bytes[PORT_HEADER + FRAME_MAX];
} buffer;

static uint8_t *const frame = buffer.bytes + PORT_HEADER;

static void leave_unfinished(const struct packet_place *place, size_t len)
{
	bool v6 = place->family == AF_INET6;
	const uint8_t *addresses = frame + place->network + (v6 ? 8 : 12);
	size_t size = v6 ? 16 : 4;
	uint16_t pseudo =
		csum_pseudo(addresses, addresses + size, size, place->proto,
			    (uint32_t)(place->payload - place->transport + place->payload_len));

	/* UDP without a checksum has nothing to finish. */
	if (buffer.header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM || place->csum + 2 > len ||
	    (place->proto == IPPROTO_UDP && !frame[place->csum] && !frame[place->csum + 1]))
		return;
	frame[place->csum] = (uint8_t)(pseudo >> 8);
	frame[place->csum + 1] = (uint8_t)pseudo;
	buffer.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	buffer.header.csum_start = (uint16_t)place->transport; /* host order (legacy virtio) */
	buffer.header.csum_offset = (uint16_t)(place->csum - place->transport);
}

/* In one's complement 0 and 0xffff are the same number. */
static bool same_sum(uint16_t a, uint16_t b)
{
	uint16_t difference = csum_minus(a, b);

	return difference == 0 || difference == 0xffff;
}

static bool damage(struct wire *wire, uint8_t *payload, size_t len)
{
	static const uint8_t damaged_mac[6] = MARK_DAMAGED_MAC;
	uint16_t before = csum_add(0, payload, len);

	if (!damage_payload(&wire->settings.damage, wire->damage_number++, payload, len)) {
		wire->counts.unchanged++;
		return false;
	}
	wire->counts.damaged++;
	wire->counts.unseen += same_sum(before, csum_add(0, payload, len));
	memcpy(frame + 6, damaged_mac, sizeof(damaged_mac));
	return true;
}

static void take_segment(struct wire *wire, const struct packet_place *place)
{
	uint8_t original[512];
	uint8_t *payload = frame + place->payload;
	struct wire_segment segment = {
		.tcp = place->proto == IPPROTO_TCP,
		.stream_offset = (uint32_t)(place->seq - wire->first),
		.payload_len = place->payload_len,
	};

	/* The observer looks for the messages in it; their beginning is enough. */
	segment.payload = original;
	memcpy(original, payload,
	       place->payload_len < sizeof(original) ? place->payload_len : sizeof(original));
	if (wire->window) {
		const size_t from[DAMAGE_WHERES] = { place->payload, place->transport,
						     place->network };
		size_t start = from[wire->settings.damage.where];

		segment.damaged =
			damage(wire, frame + start, place->payload + place->payload_len - start);
	}
	wire->settings.on_segment(wire->settings.owner, &segment);
}

static void look_at(struct wire *wire, size_t len)
{
	struct packet_place place;

	if (packet_locate(frame, len, &place))
		return;
	if (place.src_port != wire->settings.port && place.dst_port != wire->settings.port)
		return;
	if (place.proto == IPPROTO_TCP && frame[place.transport + 13] & TCP_SYN) {
		wire->first = place.seq + 1;
		wire->has_first = true;
	} else if (place.payload_len && (wire->has_first || place.proto == IPPROTO_UDP)) {
		take_segment(wire, &place);
	}
	if (wire->settings.partial)
		leave_unfinished(&place, len);
}

/* Moves what one port has to the other. A port whose device is down or full loses the frame: so does
 * a real one. */
static void forward(struct wire *wire, int from, int to, bool towards_host)
{
	for (int i = 0; i < FRAMES_A_ROUND; i++) {
		ssize_t len = read(from, buffer.bytes, sizeof(buffer.bytes));

		if (len <= PORT_HEADER)
			return;
		if (towards_host)
			look_at(wire, (size_t)len - PORT_HEADER);
		if (write(to, buffer.bytes, (size_t)len) < 0)
			continue;
	}
}

static int on_sender(void *owner, uint32_t events)
{
	struct wire *wire = owner;

	(void)events;
	forward(wire, wire->settings.sender_port, wire->settings.host_port, true);
	return 0;
}

static int on_host(void *owner, uint32_t events)
{
	struct wire *wire = owner;

	(void)events;
	forward(wire, wire->settings.host_port, wire->settings.sender_port, false);
	return 0;
}

int wire_open(struct loop *loop, const struct wire_settings *settings, struct wire **ret_wire)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	int rc;

	if (!wire)
		return -ENOMEM;
	wire->settings = *settings;
	rc = loop_add_fd(loop, settings->sender_port, EPOLLIN, on_sender, wire, &wire->from_sender);
	rc = rc ? rc
		: loop_add_fd(loop, settings->host_port, EPOLLIN, on_host, wire, &wire->from_host);
	if (rc) {
		wire_close(wire);
		return rc;
	}
	*ret_wire = wire;
	return 0;
}

void wire_close(struct wire *wire)
{
	if (!wire)
		return;
	loop_remove(&wire->from_sender);
	loop_remove(&wire->from_host);
	free(wire);
}

void wire_set_window(struct wire *wire, bool open)
{
	wire->window = open;
}

struct wire_counts wire_counts(const struct wire *wire)
{
	return wire->counts;
}
