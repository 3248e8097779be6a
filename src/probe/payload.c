// SPDX-License-Identifier: GPL-2.0-or-later
/* Letters, and the checks that are made of them: see letter.h. */
#include "probe/payload.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* A letter: its number, the peer's port, and the same words in all. */
#define LETTER_FORMAT                                                                              \
	"#%u at %04x. a letter of truesum's to a container. Its bits may change on their way: "    \
	"what is read of it shows if anybody looks..."

/* Where it is damaged. In the second half, which is the second of two fragments. */
enum {
	AT_NUMBER = 1,
	AT_FLIP = 75, /* 'e', which has the bit that falls */
	AT_UP = 80, /* 'a', and at an even distance 'w': one bit rises, the same one falls */
	AT_DOWN = 84,
	AT_VARIANT = 100,
};

const struct check check_rows[] = {
	{ "tcp",
	  IPPROTO_TCP,
	  SHAPE_SINGLE,
	  true,
	  true,
	  { TREAT_INTACT, TREAT_PAYLOAD, TREAT_FIELD, TREAT_PAIR, TREAT_INTACT } },
	{ "tcp-merged",
	  IPPROTO_TCP,
	  SHAPE_MERGED,
	  true,
	  true,
	  { TREAT_INTACT, TREAT_INTACT, TREAT_PAYLOAD, TREAT_INTACT, TREAT_PAIR, TREAT_INTACT } },
	{ "udp",
	  IPPROTO_UDP,
	  SHAPE_SINGLE,
	  true,
	  true,
	  { TREAT_INTACT, TREAT_PAYLOAD, TREAT_FIELD, TREAT_PAIR, TREAT_INTACT } },
	{ "udp-merged",
	  IPPROTO_UDP,
	  SHAPE_MERGED,
	  true,
	  true,
	  { TREAT_INTACT, TREAT_INTACT, TREAT_PAYLOAD, TREAT_INTACT, TREAT_PAIR, TREAT_INTACT } },
	{ "udp-fragments",
	  IPPROTO_UDP,
	  SHAPE_FRAGMENTS,
	  true,
	  true,
	  { TREAT_INTACT, TREAT_PAYLOAD, TREAT_FIELD, TREAT_PAIR, TREAT_INTACT } },
	{ "udp-no-check",
	  IPPROTO_UDP,
	  SHAPE_NO_CHECK,
	  true,
	  false,
	  { TREAT_INTACT, TREAT_PAYLOAD, TREAT_PAIR, TREAT_INTACT } },
};
const size_t check_row_count = ARRAY_SIZE(check_rows);

void letter_write(unsigned int number, uint16_t port, uint8_t letter[LETTER_LEN])
{
	char text[2 * LETTER_LEN];

	snprintf(text, sizeof(text), LETTER_FORMAT, number, port);
	memcpy(letter, text, LETTER_LEN);
}

unsigned int letter_number(const uint8_t letter[LETTER_LEN])
{
	return (unsigned int)(letter[AT_NUMBER] - '0');
}

void letter_damage(enum treatment treatment, uint8_t letter[LETTER_LEN])
{
	switch (treatment) {
	case TREAT_PAYLOAD:
		letter[AT_FLIP] ^= 0x04;
		break;
	case TREAT_FIELD:
		letter[AT_VARIANT] ^= 0x06;
		break;
	case TREAT_PAIR:
		letter[AT_UP] ^= 0x02;
		letter[AT_DOWN] ^= 0x02;
		break;
	case TREAT_END:
	case TREAT_INTACT:
		break;
	}
}

void letter_damage_field(uint8_t field[2])
{
	/* Not the only bit that is set. */
	field[0] ^= field[0] == 0x04 && !field[1] ? 0x08 : 0x04;
}

bool letter_is_seen(enum treatment treatment)
{
	return treatment == TREAT_PAYLOAD || treatment == TREAT_FIELD;
}
