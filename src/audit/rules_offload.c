// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules about offloads. The common thread: a sender may leave a packet's checksum to be finished
 * later, by hardware. Who takes the packet over before that, and does not know it, sees or sends a
 * wrong checksum.
 */
#include <stdio.h>
#include <string.h>

#include "audit/rule.h"
#include "base/cleanup.h"

static const struct audit_place nowhere = { AUDIT_NONE, AUDIT_NONE };

/* Calls `look` for every device. */
static void each_device(struct audit_judgement *judgement,
			void (*look)(struct audit_judgement *judgement, struct audit_place place))
{
	const struct inventory *inventory = &judgement->facts->inventory;

	for (size_t i = 0; i < inventory->space_count; i++)
		for (size_t k = 0; k < inventory->space[i].device_count; k++)
			look(judgement, (struct audit_place){ i, k });
}

static bool is_kind(const struct audit_facts *facts, struct audit_place place, const char *kind)
{
	return !strcmp(audit_device(facts, place)->kind, kind);
}

/* A veth's other end, if that leaves sums unfinished. */
static struct audit_place unfinished_peer(const struct audit_facts *facts, struct audit_place place)
{
	struct audit_place peer =
		is_kind(facts, place, "veth") ? audit_peer(facts, place) : nowhere;

	return peer.device != AUDIT_NONE && audit_tx_checksum(facts, audit_more(facts, peer))
		       ? peer
		       : nowhere;
}

struct audit_place audit_unfinished_sender(const struct audit_facts *facts,
					   struct audit_place place)
{
	const struct space *look = &facts->inventory.space[place.space];
	int bridge = audit_device(facts, place)->index;

	if (!is_kind(facts, place, "bridge"))
		return unfinished_peer(facts, place);
	for (size_t i = 0; i < look->device_count; i++) {
		struct audit_place peer = nowhere;

		if (look->device[i].master == bridge)
			peer = unfinished_peer(facts, (struct audit_place){ place.space, i });
		if (peer.device != AUDIT_NONE)
			return peer;
	}
	return nowhere;
}

void audit_find_doubtful_veth(struct audit_judgement *judgement)
{
	const struct audit_facts *facts = judgement->facts;

	if (!audit_veth_doubtful(facts->kernel))
		return;
	for (size_t i = 0; i < facts->inventory.space_count; i++)
		for (size_t k = 0; k < facts->inventory.space[i].device_count; k++)
			if (is_kind(facts, (struct audit_place){ i, k }, "veth")) {
				audit_add(judgement, &(struct audit_hit){
							     .severity = judgement->rule->severity,
							     .place = { i, AUDIT_NONE },
							     .other = nowhere });
				return;
			}
}

/*
 * Drivers known for wrong checksums in what a tunnel sends over them. What is here was diagnosed in
 * the thread linked; a driver that merely occurs in a report is not.
 */
static const struct {
	const char *driver;
	bool outer_only; /* only where the outer UDP checksum is computed */
	enum audit_severity severity;
	const char *words, *link;
} drivers[] = {
	{ "vmxnet3", false, AUDIT_WARNING,
	  "vmxnet3: with some ESXi releases and UDP ports it makes wrong checksums for what is inside. "
	  "Between nodes ping works and TCP hangs.",
	  "https://github.com/projectcalico/calico/issues/4727" },
	{ "ice", true, AUDIT_NOTE,
	  "ice: it was reported to compute the outer UDP checksum of VXLAN wrongly, so that the other "
	  "end drops or is slow.",
	  "https://github.com/metal-stack/metal-images/pull/429" },
};

static void look_at_tunnel(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	const struct device *device = audit_device(facts, place), *lower;
	struct audit_place other;

	if ((strcmp(device->kind, "vxlan") != 0 && strcmp(device->kind, "geneve") != 0) ||
	    !audit_tx_checksum(facts, audit_more(facts, place)))
		return;
	other = audit_find(facts, place.space, audit_more(facts, place)->tunnel_lower);
	if (other.device == AUDIT_NONE || !audit_tx_checksum(facts, audit_more(facts, other)))
		return;
	lower = audit_device(facts, other);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(lower->driver, drivers[i].driver) &&
		    (!drivers[i].outer_only || device->vxlan_csum))
			audit_add(judgement, &(struct audit_hit){ .severity = drivers[i].severity,
								  .place = place,
								  .other = other,
								  .detail = drivers[i].words,
								  .link = drivers[i].link });
}

void audit_find_tunnel_offload(struct audit_judgement *judgement)
{
	each_device(judgement, look_at_tunnel);
}

static void look_at_rx_off(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_device *device = audit_more(judgement->facts, place);

	if (is_kind(judgement->facts, place, "veth") && device->features_known &&
	    !audit_feature(judgement->facts, device, "rx-checksum"))
		audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
							  .place = place,
							  .other = nowhere });
}

void audit_find_useless_rx_off(struct audit_judgement *judgement)
{
	if (!audit_veth_doubtful(judgement->facts->kernel))
		each_device(judgement, look_at_rx_off);
}

static void look_at_xdp(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_device *device = audit_more(judgement->facts, place);
	struct audit_place sender = nowhere;
	char detail[160];

	for (size_t i = 0; i < device->program_count; i++) {
		const struct audit_program *program = &device->program[i];
		bool sure = program->redirects == REDIRECTS_YES;

		if (strcmp(program->hook, "xdp") != 0 || program->redirects == REDIRECTS_NO)
			continue;
		if (sender.device == AUDIT_NONE)
			sender = audit_unfinished_sender(judgement->facts, place);
		if (sender.device == AUDIT_NONE)
			return;
		snprintf(detail, sizeof(detail), "%s%s(id %u) on %s %s", program->name,
			 *program->name ? " " : "", program->id, device->name,
			 sure ? "can redirect them"
			      : "may redirect them (the kernel does not show what it calls)");
		audit_add(judgement,
			  &(struct audit_hit){ .severity = sure ? AUDIT_WARNING : AUDIT_NOTE,
					       .place = place,
					       .other = sender,
					       .detail = detail });
	}
}

void audit_find_xdp_redirect(struct audit_judgement *judgement)
{
	each_device(judgement, look_at_xdp);
}

/* Features that change what a container's packets look like; rx-checksum is not among them. */
static const char *const even[] = { "tx-checksum-ip-generic", "tx-generic-segmentation",
				    "tx-tcp-segmentation", "rx-gro" };

/*
 * The container's end of a port; XDP on either end turns features off by itself, so that is none.
 */
static struct audit_place container_end(const struct audit_facts *facts, struct audit_place port)
{
	struct audit_place peer = is_kind(facts, port, "veth") ? audit_peer(facts, port) : nowhere;

	if (peer.device == AUDIT_NONE || peer.space == port.space ||
	    !audit_more(facts, peer)->features_known || audit_device(facts, port)->xdp[0] ||
	    audit_device(facts, peer)->xdp[0])
		return nowhere;
	return peer;
}

struct ends {
	const struct audit_facts *facts;
	struct audit_place bridge;
	struct audit_place *end;
	size_t count;
	size_t on[ARRAY_SIZE(even)];
};

/*
 * What the device has against the majority; where there is none, what is off differs from what is
 * on.
 */
static void look_at_end(struct audit_judgement *judgement, const struct ends *ends,
			struct audit_place place)
{
	const struct audit_facts *facts = ends->facts;
	char detail[320] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(even) && used < sizeof(detail); i++) {
		bool on = audit_feature(facts, audit_more(facts, place), even[i]);
		size_t same = on ? ends->on[i] : ends->count - ends->on[i];

		if (same * 2 > ends->count || same == ends->count ||
		    (same * 2 == ends->count && on))
			continue;
		used += (size_t)snprintf(detail + used, sizeof(detail) - used,
					 "%s%s %s (%zu of %zu)", used ? ", " : "has ", even[i],
					 on ? "on" : "off", same, ends->count);
	}
	if (used) {
		char words[400];

		snprintf(words, sizeof(words), "%s in %s %s", audit_more(facts, place)->name,
			 facts->space[place.space].name, detail);
		audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
							  .place = place,
							  .other = ends->bridge,
							  .detail = words });
	}
}

static void look_at_bridge(struct audit_judgement *judgement, struct audit_place bridge)
{
	const struct audit_facts *facts = judgement->facts;
	const struct space *look = &facts->inventory.space[bridge.space];
	_cleanup_free_ struct audit_place *end = NULL;
	struct ends ends = { .facts = facts, .bridge = bridge };

	if (!is_kind(facts, bridge, "bridge"))
		return;
	end = calloc(look->device_count + 1, sizeof(*end));
	if (!end) {
		judgement->out_of_memory = true;
		return;
	}
	ends.end = end;
	for (size_t i = 0; i < look->device_count; i++) {
		struct audit_place one;

		if (look->device[i].master != audit_device(facts, bridge)->index)
			continue;
		one = container_end(facts, (struct audit_place){ bridge.space, i });
		if (one.device == AUDIT_NONE)
			continue;
		end[ends.count++] = one;
		for (size_t k = 0; k < ARRAY_SIZE(even); k++)
			ends.on[k] += audit_feature(facts, audit_more(facts, one), even[k]);
	}
	for (size_t i = 0; i < ends.count; i++)
		look_at_end(judgement, &ends, end[i]);
}

void audit_find_uneven_bridge(struct audit_judgement *judgement)
{
	each_device(judgement, look_at_bridge);
}

static void look_at_vxlan(struct audit_judgement *judgement, struct audit_place place)
{
	if (is_kind(judgement->facts, place, "vxlan") &&
	    !audit_device(judgement->facts, place)->vxlan_csum)
		audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
							  .place = place,
							  .other = nowhere });
}

void audit_find_vxlan_zero(struct audit_judgement *judgement)
{
	each_device(judgement, look_at_vxlan);
}

static void look_at_lro(struct audit_judgement *judgement, struct audit_place place)
{
	const struct audit_facts *facts = judgement->facts;
	const int *sysctl = facts->space[place.space].sysctl;
	const struct device *device = audit_device(facts, place);
	const char *why = NULL;

	if (!audit_feature(facts, audit_more(facts, place), "rx-lro"))
		return;
	if (device->master &&
	    is_kind(facts, audit_find(facts, place.space, device->master), "bridge"))
		why = "it is a port of a bridge";
	else if (sysctl[SYSCTL_FORWARD_V4] > 0)
		why = "net.ipv4.ip_forward is on";
	else if (sysctl[SYSCTL_FORWARD_V6] > 0)
		why = "net.ipv6.conf.all.forwarding is on";
	if (why)
		audit_add(judgement, &(struct audit_hit){ .severity = judgement->rule->severity,
							  .place = place,
							  .other = nowhere,
							  .detail = why });
}

void audit_find_lro(struct audit_judgement *judgement)
{
	each_device(judgement, look_at_lro);
}
