// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tree: see tree.h. The nodes are all devices, then all namespaces, with consecutive numbers.
 * Parents:
 *
 *   of a veth's or macvlan's end    the end nearer to the host's namespace
 *   of a VLAN or VXLAN              the device it runs on
 *   of a bridge or bond             its port that leads outside, if there is one
 *   of another port                 its bridge or bond
 *   of any other device             the device that leads into its namespace, else the namespace
 */
#include "audit/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/rules.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"

#define EQUAL_MAX 4
#define EQUAL_SHOWN 2

struct node {
	struct audit_place place;
	size_t parent; /* AUDIT_NONE: a root */
	size_t child, next; /* first child, next sibling */
	size_t uplink; /* of a bridge or bond: the port that leads outside */
	uint64_t signature; /* of itself and all below */
	bool hidden;
	bool counted; /* it has a row, or is part of a row that stands for several */
};

struct forest {
	const struct audit_facts *facts;
	const struct audit_findings *findings;
	struct node *node;
	size_t count, device_count;
	size_t *base; /* by namespace: number of its first device */
	size_t *distance; /* by namespace: number of links to the host's */
	size_t *entrance; /* by namespace: the device that leads into it */
	bool all;
	struct audit_tree tree;
};

static size_t node_number(const struct forest *forest, struct audit_place place)
{
	return place.device == AUDIT_NONE ? forest->device_count + place.space
					  : forest->base[place.space] + place.device;
}

static const struct device *device_of(const struct forest *forest, size_t node)
{
	return audit_device(forest->facts, forest->node[node].place);
}

static bool is_hardware(const struct device *device)
{
	return !*device->kind && !(device->flags & IFF_LOOPBACK);
}

/* Finds every namespace's distance to the host's, over links between devices. */
static void measure_distances(struct forest *forest)
{
	bool more = true;

	for (size_t i = 0; i < forest->facts->inventory.space_count; i++)
		forest->distance[i] = i ? AUDIT_NONE : 0;
	for (size_t round = 0; more; round++) {
		more = false;
		for (size_t i = 0; i < forest->device_count; i++) {
			size_t here = forest->node[i].place.space, there;
			int link = device_of(forest, i)->link_space;

			if (!device_of(forest, i)->link || link < 0 ||
			    (size_t)link >= forest->facts->inventory.space_count)
				continue;
			there = (size_t)link;
			if (forest->distance[here] == round &&
			    forest->distance[there] == AUDIT_NONE) {
				forest->distance[there] = round + 1;
				more = true;
			}
			/* It may be that only one end knows the other. */
			if (forest->distance[there] == round &&
			    forest->distance[here] == AUDIT_NONE) {
				forest->distance[here] = round + 1;
				more = true;
			}
		}
	}
}

/*
 * The end nearer to the host of a device that links two namespaces; AUDIT_NONE: that is this
 * device.
 */
static size_t outer_end(const struct forest *forest, size_t node)
{
	struct audit_place place = forest->node[node].place,
			   peer = audit_peer(forest->facts, place);
	size_t here = forest->distance[place.space], there;

	if (peer.device == AUDIT_NONE || peer.space == place.space)
		return AUDIT_NONE;
	there = forest->distance[peer.space];
	if (there > here || (there == here && peer.space > place.space))
		return AUDIT_NONE;
	return node_number(forest, peer);
}

/* How well a port leads outside; 0: not at all. */
static unsigned int leads_outside(const struct forest *forest, size_t port)
{
	static const struct {
		const char *kind;
		unsigned int rank;
	} kinds[] = {
		{ "bond", 4 }, { "team", 4 }, { "vlan", 4 }, { "vxlan", 1 }, { "geneve", 1 }
	};
	const struct device *device = device_of(forest, port);

	if (is_hardware(device))
		return 4;
	if (!strcmp(device->kind, "veth"))
		return outer_end(forest, port) == AUDIT_NONE ? 0 : 2;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(device->kind, kinds[i].kind))
			return kinds[i].rank;
	return 0;
}

static size_t find_uplink(const struct forest *forest, size_t master)
{
	size_t space = forest->node[master].place.space, best = AUDIT_NONE;
	unsigned int rank = 0;

	for (size_t i = 0; i < forest->facts->inventory.space[space].device_count; i++) {
		size_t port = forest->base[space] + i;

		if (device_of(forest, port)->master != device_of(forest, master)->index)
			continue;
		if (leads_outside(forest, port) > rank) {
			rank = leads_outside(forest, port);
			best = port;
		}
	}
	return best;
}

static bool is_master(const struct device *device)
{
	return !strcmp(device->kind, "bridge") || !strcmp(device->kind, "bond") ||
	       !strcmp(device->kind, "team");
}

static size_t find_parent(const struct forest *forest, size_t node)
{
	const struct device *device = device_of(forest, node);
	struct audit_place place = forest->node[node].place, other;
	size_t parent = outer_end(forest, node);

	if (parent != AUDIT_NONE)
		return parent;
	if (is_master(device) && (parent = forest->node[node].uplink) != AUDIT_NONE)
		return parent;
	other = audit_find(forest->facts, place.space,
			   audit_details(forest->facts, place)->tunnel_lower);
	if (other.device != AUDIT_NONE)
		return node_number(forest, other);
	other = audit_peer(forest->facts, place);
	if (strcmp(device->kind, "veth") != 0 && other.device != AUDIT_NONE &&
	    other.space == place.space)
		return node_number(forest, other);
	other = audit_find(forest->facts, place.space, device->master);
	if (other.device != AUDIT_NONE && !is_hardware(device) &&
	    is_master(audit_device(forest->facts, other)) &&
	    forest->node[node_number(forest, other)].uplink != node)
		return node_number(forest, other);
	return AUDIT_NONE;
}

/* Breaks circles: a node that is its own ancestor becomes a root. */
static void break_circle(struct forest *forest, size_t node)
{
	size_t at = forest->node[node].parent;

	for (size_t i = 0; at != AUDIT_NONE && i < forest->count; i++) {
		if (at == node) {
			forest->node[node].parent = AUDIT_NONE;
			return;
		}
		at = forest->node[at].parent;
	}
}

static void find_parents(struct forest *forest)
{
	for (size_t i = 0; i < forest->device_count; i++)
		if (is_master(device_of(forest, i)))
			forest->node[i].uplink = find_uplink(forest, i);
	for (size_t i = 0; i < forest->device_count; i++) {
		struct node *node = &forest->node[i];
		size_t space = node->place.space;

		node->parent = find_parent(forest, i);
		break_circle(forest, i);
		if (node->parent != AUDIT_NONE && forest->node[node->parent].place.space != space &&
		    forest->entrance[space] == AUDIT_NONE)
			forest->entrance[space] = i;
	}
	for (size_t i = 0; i < forest->device_count; i++) {
		struct node *node = &forest->node[i];
		size_t space = node->place.space, entrance = forest->entrance[space];

		if (node->parent != AUDIT_NONE)
			continue;
		node->parent = entrance == AUDIT_NONE ? forest->device_count + space : entrance;
		break_circle(forest, i);
		if (node->parent == AUDIT_NONE)
			node->parent = forest->device_count + space;
	}
}

/* Hides lo, unless it has programs or findings. */
static void hide_loopbacks(struct forest *forest)
{
	for (size_t i = 0; i < forest->device_count; i++) {
		struct node *node = &forest->node[i];

		node->hidden = (device_of(forest, i)->flags & IFF_LOOPBACK) &&
			       !audit_details(forest->facts, node->place)->program_count &&
			       audit_severity_at(forest->findings, node->place) < 0;
	}
}

/*
 * Links children to their parents, hardware first. Goes backwards, as each child is put in front of
 * the others.
 */
static void link_children(struct forest *forest)
{
	for (int hardware = 0; hardware < 2; hardware++)
		for (size_t i = forest->device_count; i-- > 0;) {
			struct node *node = &forest->node[i], *parent = &forest->node[node->parent];

			if (node->hidden || is_hardware(device_of(forest, i)) != (hardware == 1))
				continue;
			node->next = parent->child;
			parent->child = i;
		}
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *byte = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t mix_findings(const struct forest *forest, uint64_t hash, struct audit_place place)
{
	for (size_t i = 0; i < forest->findings->count; i++) {
		const struct audit_finding *finding = &forest->findings->finding[i];

		if (finding->place.space == place.space && finding->place.device == place.device)
			hash = hash_bytes(hash, finding->rule->id, strlen(finding->rule->id));
	}
	return hash;
}

/* Devices with the same signature are alike. Names, addresses and indices are not part of it. */
static uint64_t device_signature(const struct forest *forest, size_t node)
{
	const struct device *device = device_of(forest, node);
	const struct audit_device *more = audit_details(forest->facts, forest->node[node].place);
	uint32_t up = device->flags & IFF_UP;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	hash = hash_bytes(hash, device->kind, strlen(device->kind) + 1);
	hash = hash_bytes(hash, device->driver, strlen(device->driver) + 1);
	hash = hash_bytes(hash, &device->mtu, sizeof(device->mtu));
	hash = hash_bytes(hash, &up, sizeof(up));
	hash = hash_bytes(hash, more->features.active, sizeof(more->features.active));
	for (size_t i = 0; i < more->program_count; i++) {
		hash = hash_bytes(hash, more->program[i].hook, strlen(more->program[i].hook));
		hash = hash_bytes(hash, more->program[i].name, strlen(more->program[i].name) + 1);
	}
	return mix_findings(forest, hash, forest->node[node].place);
}

static void sign(struct forest *forest, size_t at)
{
	struct node *node = &forest->node[at];
	struct audit_place space = { node->place.space, AUDIT_NONE };
	uint64_t hash = node->place.device == AUDIT_NONE ? 0 : device_signature(forest, at);

	if (node->place.device == AUDIT_NONE ||
	    forest->node[node->parent].place.space != node->place.space)
		hash = mix_findings(forest, hash, space);
	for (size_t child = node->child; child != AUDIT_NONE; child = forest->node[child].next) {
		sign(forest, child);
		hash = hash_bytes(hash, &forest->node[child].signature, sizeof(hash));
	}
	node->signature = hash;
}

static int add_row(struct forest *forest, const struct audit_row *row)
{
	struct audit_row *added = ARRAY_ADD(forest->tree.row, forest->tree.count);

	if (!added)
		return -ENOMEM;
	*added = *row;
	return 0;
}

static int emit_list(struct forest *forest, size_t first, const struct audit_row *from);

static int emit(struct forest *forest, size_t at, struct audit_row row)
{
	struct node *node = &forest->node[at];
	struct audit_row below = { .parent = forest->tree.count,
				   .depth = row.depth + 1,
				   .rails = row.rails };
	int rc;

	node->counted = true;
	row.place = node->place;
	rc = add_row(forest, &row);
	return rc ? rc : emit_list(forest, node->child, &below);
}

/* How many siblings from `first` on are like it and have no row yet. */
static size_t count_equals(const struct forest *forest, size_t first)
{
	size_t count = 0;

	for (size_t at = first; at != AUDIT_NONE; at = forest->node[at].next)
		count += !forest->node[at].counted &&
			 forest->node[at].signature == forest->node[first].signature;
	return count;
}

static size_t next_equal(const struct forest *forest, size_t from, uint64_t signature)
{
	for (size_t at = from; at != AUDIT_NONE; at = forest->node[at].next)
		if (!forest->node[at].counted && forest->node[at].signature == signature)
			return at;
	return AUDIT_NONE;
}

static size_t next_left(const struct forest *forest, size_t from)
{
	while (from != AUDIT_NONE && forest->node[from].counted)
		from = forest->node[from].next;
	return from;
}

/* Adds the row that stands for `first` and all further siblings like it. */
static int emit_rest(struct forest *forest, size_t first, struct audit_row row)
{
	uint64_t signature = forest->node[first].signature;

	row.place = forest->node[first].place;
	for (size_t at = first; at != AUDIT_NONE; at = next_equal(forest, at, signature)) {
		forest->node[at].counted = true;
		row.more++;
	}
	if (next_left(forest, first) == AUDIT_NONE && row.depth <= AUDIT_DEPTH_MAX)
		row.rails &= ~(UINT64_C(1) << row.depth);
	return add_row(forest, &row);
}

/* Adds the rows of siblings; `from` has what these rows have in common. */
static int emit_list(struct forest *forest, size_t first, const struct audit_row *from)
{
	uint64_t rail = UINT64_C(1) << (from->depth <= AUDIT_DEPTH_MAX ? from->depth : 63);
	size_t at = first;
	int rc = 0;

	while (!rc && (at = next_left(forest, at)) != AUDIT_NONE) {
		uint64_t signature = forest->node[at].signature;
		size_t equals = count_equals(forest, at), shown = equals;
		size_t one = at;

		if (!forest->all && equals > EQUAL_MAX)
			shown = EQUAL_SHOWN;
		for (size_t i = 0; !rc && i < shown; i++) {
			struct audit_row row = *from;

			one = next_equal(forest, one, signature);
			forest->node[one].counted = true;
			row.rails &= ~rail;
			if (next_left(forest, first) != AUDIT_NONE)
				row.rails |= rail;
			rc = emit(forest, one, row);
		}
		if (!rc && shown < equals) {
			struct audit_row row = *from;

			row.rails |= rail;
			rc = emit_rest(forest, next_equal(forest, one, signature), row);
		}
	}
	return rc;
}

static int emit_all(struct forest *forest)
{
	size_t spaces = forest->facts->inventory.space_count, last = AUDIT_NONE;
	struct audit_row root = { .parent = AUDIT_NONE };

	/* The namespaces that are roots become one list of siblings, the host's first. */
	for (size_t i = spaces; i-- > 0;) {
		struct node *node = &forest->node[forest->device_count + i];

		if (node->child == AUDIT_NONE && i) {
			forest->tree.bare += forest->entrance[i] == AUDIT_NONE;
			continue;
		}
		sign(forest, forest->device_count + i);
		node->next = last;
		last = forest->device_count + i;
	}
	return emit_list(forest, last, &root);
}

static int allocate(struct forest *forest)
{
	const struct inventory *inventory = &forest->facts->inventory;
	size_t spaces = inventory->space_count;

	for (size_t i = 0; i < spaces; i++)
		forest->device_count += inventory->space[i].device_count;
	forest->count = forest->device_count + spaces;
	forest->node = calloc(forest->count + 1, sizeof(*forest->node));
	forest->base = calloc(spaces + 1, sizeof(*forest->base));
	forest->distance = calloc(spaces + 1, sizeof(*forest->distance));
	forest->entrance = calloc(spaces + 1, sizeof(*forest->entrance));
	if (!forest->node || !forest->base || !forest->distance || !forest->entrance)
		return fail(-ENOMEM, "out of memory");
	for (size_t i = 0, at = 0; i < spaces; i++) {
		forest->base[i] = at;
		forest->entrance[i] = AUDIT_NONE;
		for (size_t k = 0; k < inventory->space[i].device_count; k++)
			forest->node[at++].place = (struct audit_place){ i, k };
		forest->node[forest->device_count + i].place =
			(struct audit_place){ i, AUDIT_NONE };
	}
	for (size_t i = 0; i < forest->count; i++) {
		struct node *node = &forest->node[i];

		node->parent = node->child = node->next = node->uplink = AUDIT_NONE;
	}
	return 0;
}

int audit_tree_build(const struct audit_facts *facts, const struct audit_findings *findings,
		     bool all, struct audit_tree *ret_tree)
{
	struct forest forest = { .facts = facts, .findings = findings, .all = all };
	int rc = allocate(&forest);

	if (!rc) {
		measure_distances(&forest);
		find_parents(&forest);
		hide_loopbacks(&forest);
		link_children(&forest);
		rc = emit_all(&forest);
	}
	free(forest.node);
	free(forest.base);
	free(forest.distance);
	free(forest.entrance);
	if (rc)
		audit_tree_release(&forest.tree);
	else
		*ret_tree = forest.tree;
	return rc;
}

void audit_tree_release(struct audit_tree *tree)
{
	free(tree->row);
	*tree = (struct audit_tree){ 0 };
}
