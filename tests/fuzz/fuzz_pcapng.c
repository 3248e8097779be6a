// SPDX-License-Identifier: GPL-2.0-or-later
/* The reader of pcapng files: see reader_oracle.h. Skips inputs of any other format. */
#include "reader_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 4 && !memcmp(data, "\n\r\r\n", 4))
		reader_oracle(data, size);
	return 0;
}
