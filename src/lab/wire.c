// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The wire: see wire.h.
 *
 * The switch reads a frame with its virtio_net_hdr from one port, may damage it, and writes it to
 * the other. tc programs at the host's port decide what the host's NIC claims about it. The honest
 * NIC must know which frames are damaged: the switch marks these in the source MAC address, which
 * has no other use here. If the host is to get unfinished sums, the switch replaces the checksum
 * with the pseudo-header's sum, as a hypervisor's guest does, and the virtio_net_hdr says where the
 * finished sum belongs.
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
#include "base/loop.h"
#include "bpf/mark.h"
#include "net/port.h"
#include "packet/damage.h"
#include "packet/locate.h"
#include "sum/csum.h"

#define FRAME_MAX (65536 + 256) /* a GSO super-packet of a sender that is a container */
#define FRAMES_A_ROUND 32 /* then it is the other wires' turn */
#define TCP_SYN 0x02

struct wire {
	struct wire_settings settings;
	struct loop_source *from_sender, *from_host;
	bool window;
	bool has_first;
	uint32_t first; /* TCP sequence number of the sender's first data byte */
	uint64_t damage_number; /* how many segments were in the window so far */
};

/* One buffer serves all wires, as a frame is written before the next one is read. */
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

	/* UDP without a checksum stays as it is. */
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

/* Damages `len` bytes and sets what became of the segment. */
static void damage_segment(struct wire *wire, uint8_t *bytes, size_t len,
			   struct wire_segment *segment)
{
	static const uint8_t damaged_mac[6] = MARK_DAMAGED_MAC;
	uint16_t before = csum_add(0, bytes, len);

	segment->damaged =
		damage_payload(&wire->settings.damage, wire->damage_number++, bytes, len);
	segment->unchanged = !segment->damaged;
	if (!segment->damaged)
		return;
	segment->unseen = same_sum(before, csum_add(0, bytes, len));
	memcpy(frame + 6, damaged_mac, sizeof(damaged_mac));
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

	/* The first bytes are enough to find the messages in it. */
	segment.payload = original;
	memcpy(original, payload,
	       place->payload_len < sizeof(original) ? place->payload_len : sizeof(original));
	if (wire->window) {
		const size_t from[DAMAGE_WHERES] = { place->payload, place->transport,
						     place->network };
		size_t start = from[wire->settings.damage.where];

		damage_segment(wire, frame + start, place->payload + place->payload_len - start,
			       &segment);
	}
	wire->settings.on_segment(wire->settings.owner, &segment);
}

static void inspect_frame(struct wire *wire, size_t len)
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

/*
 * Moves frames from one port to the other, at most FRAMES_A_ROUND. If the other port's device is
 * down or full, the frame is lost, as on a real wire.
 */
static void forward(struct wire *wire, int from, int to, bool towards_host)
{
	for (int i = 0; i < FRAMES_A_ROUND; i++) {
		ssize_t len = read(from, buffer.bytes, sizeof(buffer.bytes));

		if (len <= PORT_HEADER)
			return;
		if (towards_host)
			inspect_frame(wire, (size_t)len - PORT_HEADER);
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
		return fail(-ENOMEM, "no memory for the wire");
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
