// SPDX-License-Identifier: GPL-2.0-or-later
/* CRC32c with ARMv8's instructions for it. */
#ifdef __aarch64__

#include <asm/hwcap.h>
#include <endian.h>
#include <string.h>
#include <sys/auxv.h>

#include "sum/variant.h"

static bool has_crc(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

/* In assembly: arm_acle.h offers the instructions only if the whole file may use them. */
static inline uint32_t arm_add_word(uint32_t crc, uint64_t word)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(crc) : "r"(word));
	return crc;
}

static inline uint32_t arm_add_byte(uint32_t crc, uint8_t byte)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
	return crc;
}

static uint32_t add_armv8(uint32_t crc, const uint8_t *at, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		crc = arm_add_word(crc, le64toh(word));
	}
	while (len--)
		crc = arm_add_byte(crc, *at++);
	return crc;
}

const struct crc32c_variant crc32c_armv8 = { "armv8-crc", has_crc, add_armv8 };

#endif
