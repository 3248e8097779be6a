// SPDX-License-Identifier: GPL-2.0-or-later
/* Payloads and the table of checks: see payload.h. */
#include "probe/payload.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* After the secret: the message's number, then the same words in every payload. */
#define PAYLOAD_FORMAT                                                                             \
	"#%u: a letter of truesum's to a container. Its bits may change on their way: "            \
	"what is read of it shows if anybody looks..."

/* Bytes to damage. They lie in the second half, so in the second of two fragments. */
enum {
	AT_NUMBER = TOKEN_SECRET + 1,
	AT_FLIP = 83, /* 'e': the flipped bit is 1 and becomes 0 */
	AT_UP = 94, /* 'a': a bit becomes 1; at AT_DOWN, in 'w', the same bit becomes 0 */
	AT_DOWN = 92,
	AT_VARIANT = 106,
};

const struct check check_rows[] = {
	{ "tcp",
	  IPPROTO_TCP,
	  SHAPE_SINGLE,
	  true,
	  true,
	  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD, MESSAGE_CANCELLING,
	    MESSAGE_INTACT } },
	{ "tcp-merged",
	  IPPROTO_TCP,
	  SHAPE_MERGED,
	  true,
	  true,
	  { MESSAGE_INTACT, MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_INTACT, MESSAGE_CANCELLING,
	    MESSAGE_INTACT } },
	{ "udp",
	  IPPROTO_UDP,
	  SHAPE_SINGLE,
	  true,
	  true,
	  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD, MESSAGE_CANCELLING,
	    MESSAGE_INTACT } },
	{ "udp-merged",
	  IPPROTO_UDP,
	  SHAPE_MERGED,
	  true,
	  true,
	  { MESSAGE_INTACT, MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_INTACT, MESSAGE_CANCELLING,
	    MESSAGE_INTACT } },
	{ "udp-fragments",
	  IPPROTO_UDP,
	  SHAPE_FRAGMENTS,
	  true,
	  true,
	  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_BAD_FIELD, MESSAGE_CANCELLING,
	    MESSAGE_INTACT } },
	{ "udp-no-check",
	  IPPROTO_UDP,
	  SHAPE_NO_CHECK,
	  true,
	  false,
	  { MESSAGE_INTACT, MESSAGE_BAD_PAYLOAD, MESSAGE_CANCELLING, MESSAGE_INTACT } },
};
const size_t check_row_count = ARRAY_SIZE(check_rows);

void payload_write(unsigned int number, const struct token *token, uint8_t payload[PAYLOAD_LEN])
{
	char text[2 * PAYLOAD_LEN];

	snprintf(text, sizeof(text), PAYLOAD_FORMAT, number);
	memcpy(payload, token->secret, TOKEN_SECRET);
	memcpy(payload + TOKEN_SECRET, text, PAYLOAD_LEN - TOKEN_SECRET);
}

bool payload_is_ours(const uint8_t *payload, size_t len, const struct token *token)
{
	uint64_t start[2];

	if (len < sizeof(start))
		return false;
	memcpy(start, payload, sizeof(start));
	return token_is_secret(token, (const __u64 *)start);
}

unsigned int payload_number(const uint8_t payload[PAYLOAD_LEN])
{
	return (unsigned int)(payload[AT_NUMBER] - '0');
}

void payload_damage(enum message message, uint8_t payload[PAYLOAD_LEN])
{
	switch (message) {
	case MESSAGE_BAD_PAYLOAD:
		payload[AT_FLIP] ^= 0x04;
		break;
	case MESSAGE_BAD_FIELD:
		payload[AT_VARIANT] ^= 0x06;
		break;
	case MESSAGE_CANCELLING:
		payload[AT_UP] ^= 0x02;
		payload[AT_DOWN] ^= 0x02;
		break;
	case MESSAGE_END:
	case MESSAGE_INTACT:
		break;
	}
}

void payload_damage_field(uint8_t field[2])
{
	/* If the bit is the only one that is set, take another. */
	field[0] ^= field[0] == 0x04 && !field[1] ? 0x08 : 0x04;
}

bool payload_is_noticeable(enum message message)
{
	return message == MESSAGE_BAD_PAYLOAD || message == MESSAGE_BAD_FIELD;
}
