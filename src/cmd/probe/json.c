// SPDX-License-Identifier: GPL-2.0-or-later
/* `truesum probe` for machines: JSON and KTAP. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/term.h"
#include "net/inventory.h"
#include "cmd/probe/report.h"

static json_t *hex(const uint8_t *bytes, size_t len)
{
	char text[2 * PAYLOAD_LEN + 1];

	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return json_string(text);
}

static json_t *evidence_json(const struct probe_check *check, bool outbound)
{
	static const char *const arrivals[] = { "nothing", "intact", "damaged", "other" };
	const struct peer_evidence *evidence = &check->evidence;
	json_t *object, *messages;

	if (outbound)
		return json_pack("{sI sI sI}", "right_sums", (json_int_t)evidence->tx_good,
				 "wrong_sums", (json_int_t)evidence->tx_bad, "unfinished_sums",
				 (json_int_t)evidence->tx_unfinished);
	messages = json_array();
	for (unsigned int i = 0; check->check->messages[i] != MESSAGE_END; i++)
		json_array_append_new(messages, json_string(arrivals[evidence->arrived[i]]));
	object = json_pack("{so sb}", "letters", messages, "merged", evidence->merged);
	if (object && evidence->lost)
		json_object_set_new(object, "lost", json_integer(evidence->lost));
	if (object && evidence->has_damaged) {
		json_object_set_new(object, "sent", hex(evidence->sent, PAYLOAD_LEN));
		json_object_set_new(object, "read", hex(evidence->read, PAYLOAD_LEN));
	}
	return object;
}

static const char *shape_name(enum check_shape shape)
{
	static const char *const names[] = { "single", "merged", "no-checksum", "fragments" };

	return names[shape];
}

static json_t *check_json(const struct probe_check *check, bool outbound)
{
	const struct judgement *judged = outbound ? &check->out : &check->in;

	return json_pack("{ss si ss ss ss ss sb ss so}", "proto",
			 check->check->proto == IPPROTO_TCP ? "tcp" : "udp", "family",
			 check->family == AF_INET ? 4 : 6, "shape", shape_name(check->check->shape),
			 "direction", outbound ? "out" : "in", "verdict",
			 verdict_names[judged->verdict], "by", caught_by_names[judged->by],
			 "inherent", judged->inherent, "reason", judged->reason, "evidence",
			 evidence_json(check, outbound));
}

static json_t *interfaces_json(const struct inventory *inventory, size_t number)
{
	const struct space *space = &inventory->space[number];
	json_t *array = json_array();

	for (size_t i = 0; i < space->device_count; i++) {
		const struct device *device = &space->device[i], *other;
		char name[TERM_PRINTABLE_SIZE(IFNAMSIZ)];
		char other_name[TERM_PRINTABLE_SIZE(IFNAMSIZ)] = "";
		size_t where = 0;

		if (device->flags & IFF_LOOPBACK)
			continue;
		other = inventory_link(inventory, device, &where);
		term_printable(name, sizeof(name), device->name);
		if (other)
			term_printable(other_name, sizeof(other_name), other->name);
		json_array_append_new(
			array, json_pack("{ss ss ss? ss?}", "name", name, "kind", device->kind,
					 "other_end", other ? other_name : NULL, "other_netns",
					 other ? inventory->space[where].name : NULL));
	}
	return array;
}

static json_t *target_json(const struct inventory *inventory, const struct probe_target *target)
{
	const struct space *space = &inventory->space[target->space];
	json_t *checks = json_array();

	for (size_t i = 0; i < target->check_count; i++) {
		json_array_append_new(checks, check_json(&target->check[i], false));
		json_array_append_new(checks, check_json(&target->check[i], true));
	}
	return json_pack("{ss sI si ss ss sb ss ss ss so so ss}", "name", space->name, "netns",
			 (json_int_t)space->id.ino, "pid", (int)space->pid, "container",
			 space->container, "pod", space->pod, "isolated", target->isolated,
			 "reason", target->vanished, "no_v4", target->no_v4, "no_v6", target->no_v6,
			 "interfaces", interfaces_json(inventory, target->space), "checks", checks,
			 "verdict", verdict_names[target->verdict]);
}

/* Prints target by target, so that thousands of them need not be in memory at once. */
int probe_print_json(const struct probe *probe, const struct inventory *inventory, bool lying)
{
	json_t *seconds = json_real(probe->seconds);
	size_t i;

	printf("{\"command\": \"probe\", \"version\": \"%s\", \"verdict\": \"%s\", \"as_if\": \"%s\",\n"
	       " \"seconds\": ",
	       TRUESUM_VERSION, verdict_names[probe->verdict], lying ? "lying-nic" : "");
	json_dumpf(seconds, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
	json_decref(seconds);
	printf(", \"foreign\": %" PRIu64 ", \"repeats\": %u", probe->foreign, probe->repeats);
	printf(", \"targets\": [");
	for (i = 0; i < probe->target_count; i++) {
		json_t *target = target_json(inventory, &probe->target[i]);

		if (!target)
			return fail(-ENOMEM, "out of memory");
		printf("%s\n  ", i ? "," : "");
		json_dumpf(target, stdout, 0);
		json_decref(target);
	}
	printf("\n]}\n");
	return 0;
}

static void print_ktap_line(unsigned int number, const char *target,
			    const struct probe_check *check, bool outbound)
{
	const struct judgement *judged = outbound ? &check->out : &check->in;
	bool bad = judged->verdict == VERDICT_DELIVERS_CORRUPT && !judged->inherent;
	bool skip = !bad && judged->verdict != VERDICT_VERIFIED;

	printf("%sok %u %s %s ipv%d %s", bad ? "not " : "", number, target, check->check->name,
	       check->family == AF_INET ? 4 : 6, outbound ? "out" : "in");
	if (skip)
		printf(" # SKIP %s%s%s",
		       judged->inherent ? "delivered, as it must be: UDP without a checksum"
					: verdict_names[judged->verdict],
		       judged->reason[0] ? ": " : "", judged->reason);
	putchar('\n');
}

/* A blank would end the name, and what follows # is a directive: they are escaped, too. */
static void name_in_ktap(char *ret_name, size_t size, const char *name)
{
	size_t used = 0;

	for (; *name && used + 4 < size; name++)
		used += (size_t)snprintf(ret_name + used, size - used,
					 *name == ' ' || *name == '#' ? "\\x%02x" : "%c",
					 (unsigned char)*name);
	ret_name[used] = '\0';
}

void probe_print_ktap(const struct probe *probe, const struct inventory *inventory)
{
	unsigned int planned = 0, number = 0;

	for (size_t i = 0; i < probe->target_count; i++)
		planned += 2 * (unsigned int)probe->target[i].check_count;
	printf("TAP version 13\n1..%u\n", planned);
	for (size_t i = 0; i < probe->target_count; i++) {
		const struct probe_target *target = &probe->target[i];
		char name[TERM_PRINTABLE_SIZE(sizeof(inventory->space->name))];

		name_in_ktap(name, sizeof(name), inventory->space[target->space].name);
		if (!target->check_count)
			printf("# %s: %s\n", name,
			       target->isolated	     ? "isolated, nothing tried"
			       : target->vanished[0] ? target->vanished
						     : target->no_v4);
		for (size_t k = 0; k < target->check_count; k++) {
			print_ktap_line(++number, name, &target->check[k], false);
			print_ktap_line(++number, name, &target->check[k], true);
		}
	}
}
