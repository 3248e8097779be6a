// SPDX-License-Identifier: GPL-2.0-or-later
/* CRC32c with ARMv8's instructions for it. */
#include "sum/crc32c_variant.h"

#ifdef __aarch64__

#include <asm/hwcap.h>
#include <endian.h>
#include <string.h>
#include <sys/auxv.h>

bool crc32c_armv8_usable(void)
{
	return getauxval(AT_HWCAP) & HWCAP_CRC32;
}

/* In assembly, for arm_acle.h offers them only where the whole file may use them. */
static inline uint32_t add_word(uint32_t crc, uint64_t word)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %1" : "+r"(crc) : "r"(word));
	return crc;
}

static inline uint32_t add_byte(uint32_t crc, uint8_t byte)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
	return crc;
}

uint32_t crc32c_armv8(uint32_t crc, const uint8_t *at, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); at += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		crc = add_word(crc, le64toh(word));
	}
	while (len--)
		crc = add_byte(crc, *at++);
	return crc;
}

#endif
