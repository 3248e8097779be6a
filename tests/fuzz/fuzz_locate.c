// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Any frame, any damage: the first bytes are a damage_spec, the rest is the frame. The headers
 * found must be in the frame, and damaging the payload must not change any other byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet/locate.h"
#include "packet/damage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void expect(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct packet_place place;
	struct damage_spec spec;
	unsigned int changed, seen = 0;
	uint8_t *frame;

	if (len < sizeof(spec))
		return 0;
	memcpy(&spec, data, sizeof(spec));
	spec.kind %= DAMAGE_KINDS + 1;
	data += sizeof(spec);
	len -= sizeof(spec);
	if (packet_locate(data, len, &place))
		return 0;

	expect(place.network < place.transport && place.transport < place.csum);
	expect(place.csum + 2 <= place.payload && place.payload <= len);
	expect(place.payload_len <= len - place.payload);

	frame = malloc(len);
	if (!frame)
		return 0;
	memcpy(frame, data, len);
	changed = damage_payload(&spec, spec.seed, frame + place.payload, place.payload_len);
	expect(!memcmp(frame, data, place.payload));
	for (size_t i = place.payload; i < place.payload + place.payload_len; i++)
		seen += (unsigned int)__builtin_popcount(frame[i] ^ data[i]);
	expect(seen == changed);
	expect(!memcmp(frame + place.payload + place.payload_len,
		       data + place.payload + place.payload_len,
		       len - place.payload - place.payload_len));
	free(frame);
	return 0;
}
